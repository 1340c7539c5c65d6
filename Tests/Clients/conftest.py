"""Which programs the client tests run, and how they are started."""

import os
import pathlib
import subprocess

import pytest

from lines import Lines
from surroundings import surroundings

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Seconds a program may take to end by itself once its input has.
PATIENCE = 5


def pytest_addoption(parser):
    parser.addoption("--cortex", default=os.environ.get("CORTEX_BINARY", ROOT / ".build/release/cortex"))
    parser.addoption("--kills", default=os.environ.get("CORTEX_KILLS", "15"), help="processes killed under load")
    parser.addoption("--seed", default=os.environ.get("CORTEX_SEED"), help="repeats the random choices of a run")


def binary(config, name="cortex"):
    """Path of the product, or of another program that was built beside it."""
    path = pathlib.Path(config.getoption("--cortex")).resolve().with_name(name)
    assert path.exists(), f"{path} is not there: build it with `make build`"
    return str(path)


@pytest.fixture
def cortex(request, tmp_path):
    """The command line of the product on an empty data directory."""
    return [binary(request.config), "mcp", "--data", str(tmp_path / "data")]


@pytest.fixture
def demo(request):
    """The command line of the demo server, which has the tool `demo_wait`."""
    return [binary(request.config, "mcp-demo")]


@pytest.fixture(params=["cortex", "demo"])
def server(request):
    """The command line of either program: what both must do alike."""
    return request.getfixturevalue(request.param)


def end(process):
    """Lets a program end as its client would, and makes it when it does not."""
    try:
        process.stdin.close()
        process.wait(timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
        process.wait()


@pytest.fixture
def speak(tmp_path):
    """Starts a command as a client does: with few variables, in a directory of its own, three pipes."""
    started = []

    def start(command, **options):
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=surroundings(**options.get("env", {})),
            stdin=subprocess.PIPE,
            stdout=options.get("stdout", subprocess.PIPE),
            stderr=options.get("stderr", subprocess.DEVNULL),
        )
        started.append(process)
        return Lines(process)

    yield start
    for process in started:
        end(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass
