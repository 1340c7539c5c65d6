"""The command itself: its shape for scripts, its exit codes, its completions. Needs no store."""

import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CORTEX_BINARY", ROOT / ".build/release/cortex"))


def cortex(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60)


def test_version_is_one_json_object_on_standard_output():
    result = cortex("version", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    facts = json.loads(result.stdout)
    assert facts["name"] == "cortex"
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?", facts["version"])
    assert re.fullmatch(r"3\.\d+\.\d+", facts["sqlite"])


def test_both_ways_to_ask_for_the_version_agree():
    version = json.loads(cortex("version", "--json").stdout)["version"]
    assert cortex("--version").stdout.strip() == version
    assert cortex("version").stdout.startswith(f"cortex {version} ")


def test_changelog_knows_the_version():
    version = cortex("--version").stdout.strip()
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{version}]" in changelog or "## [Unreleased]" in changelog


def test_doctor_finds_the_libraries_inside_the_binary_well():
    result = cortex("doctor", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    checks = {check["name"]: check["status"] for check in json.loads(result.stdout)["checks"]}
    assert checks["sqlite"] == "pass"
    assert checks["blas"] == "pass"


def test_an_unknown_command_is_refused_with_exit_code_64():
    result = cortex("conjure")
    assert result.returncode == 64
    assert "conjure" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_name_every_command(shell):
    script = cortex("--generate-completion-script", shell).stdout
    help_text = cortex("--help").stdout
    commands = re.findall(r"^  ([a-z-]+) {2,}", help_text.partition("SUBCOMMANDS:")[2], re.MULTILINE)
    assert "version" in commands
    for command in commands:
        assert command in script


def test_bash_takes_the_completions():
    script = cortex("--generate-completion-script", "bash").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
