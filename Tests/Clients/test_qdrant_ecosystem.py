"""Programs that store in Qdrant, as they were released, against the served store: each makes one round trip.

They share no versions with the other clients, so they have an environment of their own, which a script makes.
"""

import os
import pathlib
import subprocess

import pytest
from conftest import ROOT, binary
from served import serving

FOLDER = pathlib.Path(__file__).parent / "ecosystem"
TRIPS = ("langchain", "llama_index", "haystack", "mem0", "mcp_server")


@pytest.fixture(scope="module")
def trips(request, tmp_path_factory):
    """Every program, started at once on collections of its own: most of their time is spent on importing."""
    subprocess.run([ROOT / "scripts/ecosystem-venv.sh"], check=True)
    home = tmp_path_factory.mktemp("home")
    variables = {"HOME": str(home), "PATH": os.environ["PATH"]}
    with serving(binary(request.config), tmp_path_factory.mktemp("data")) as served:
        command = [ROOT / ".venv-ecosystem/bin/python", "-B"]
        started = {
            name: subprocess.Popen(
                [*command, FOLDER / f"trip_{name}.py", served.url], stderr=subprocess.PIPE, text=True, env=variables
            )
            for name in TRIPS
        }
        yield started
        for process in started.values():
            process.kill()
            process.communicate()


@pytest.mark.parametrize("name", TRIPS)
def test_the_released_program_makes_its_round_trip(name, trips):
    _, told = trips[name].communicate(timeout=120)
    assert trips[name].returncode == 0, told[-3000:]
