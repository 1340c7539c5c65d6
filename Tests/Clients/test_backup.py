"""The commands that look after the files, as a person runs them: what they print, and how they refuse."""

import json
import os
import subprocess

import pytest

from conftest import binary


@pytest.fixture
def run(request, tmp_path):
    """Runs `cortex` on a directory of its own; answers the finished process."""
    path = binary(request.config)

    def run(*arguments, data=None, **variables):
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("BACKUP_")}
        return subprocess.run(
            [path, *arguments, "--data", str(data or tmp_path / "data")], capture_output=True, text=True,
            env=surroundings | variables, timeout=60)

    return run


@pytest.fixture
def stored(run):
    for text in ("the ferry leaves at six", "the harbour closes at nine"):
        made = run("store", "--kind", "observation", text)
        assert made.returncode == 0, made.stderr
    return run


def test_a_backup_is_made_listed_verified_drilled_restored_and_kept(stored, tmp_path):
    made = stored("backup", "create", "--json")
    assert made.returncode == 0, made.stderr
    name = json.loads(made.stdout)["name"]
    listed = json.loads(stored("backup", "list", "--json").stdout)
    assert [backup["name"] for backup in listed["backups"]] == [name]
    assert listed["next_at"] and "the next is made at" in stored("backup", "list").stdout
    assert json.loads(stored("backup", "list", "--json", BACKUP_SCHEDULE="off").stdout)["next_at"] is None
    deep = stored("backup", "verify", "--deep")
    assert deep.returncode == 0 and f"sound    {name}" in deep.stdout, deep.stdout
    drilled = stored("backup", "drill")
    assert drilled.returncode == 0 and "RTO " in drilled.stdout and "RPO 0.00 s" in drilled.stdout, drilled.stdout
    kept = stored("backup", "prune", "--keep-days", "0")
    assert kept.returncode == 0 and "nothing is older" in kept.stdout
    restored = stored("restore", "--into", str(tmp_path / "new"))
    assert restored.returncode == 0, restored.stderr
    found = stored("find", "when does the ferry leave", data=tmp_path / "new")
    assert "the ferry leaves at six" in found.stdout
    again = stored("restore", "--into", str(tmp_path / "new"))
    assert again.returncode == 1 and "not empty" in again.stderr


def test_a_damaged_backup_ends_verify_with_one_and_names_the_file(stored, tmp_path):
    assert stored("backup", "create").returncode == 0
    (copy,) = (tmp_path / "data" / "backups").glob("full-*/*.sqlite")
    data = bytearray(copy.read_bytes())
    data[len(data) // 2] ^= 1
    copy.write_bytes(data)
    found = stored("backup", "verify")
    assert found.returncode == 1 and copy.name in found.stdout
    assert json.loads(stored("backup", "verify", "--json").stdout)["sound"] is False


@pytest.mark.parametrize(("variables", "word"), [
    ({"BACKUP_SCHEDULE": "at two"}, "BACKUP_SCHEDULE"), ({"BACKUP_SCHEDULE": "0 0 30 2 *"}, "BACKUP_SCHEDULE"),
    ({"BACKUP_RETENTION_DAYS": "-1"}, "BACKUP_RETENTION_DAYS"),
])
def test_a_wrong_setting_is_refused_by_its_name(stored, variables, word):
    refused = stored("status", **variables)
    assert refused.returncode == 1 and word in refused.stderr, refused.stderr
    assert stored("backup", "prune", BACKUP_RETENTION_DAYS="many").returncode == 1


def test_there_is_nothing_to_roll_back_where_nothing_was_upgraded(stored):
    refused = stored("rollback")
    assert refused.returncode == 1 and "no copy from before an upgrade" in refused.stderr


def test_an_upgrade_is_undone_and_what_came_after_it_is_kept_beside(run, tmp_path):
    fixture = os.path.join(os.path.dirname(__file__), "../VectorEngineTests/Fixtures/format-1")
    data = tmp_path / "old"
    data.mkdir()
    for name in os.listdir(fixture):
        with open(os.path.join(fixture, name), "rb") as file:
            (data / name).write_bytes(file.read())
    assert json.loads(run("verify", "--json", data=data).stdout)["collections"][0]["format"] == 1
    assert run("find", "harbour", data=data).returncode == 0
    assert json.loads(run("verify", "--json", data=data).stdout)["collections"][0]["format"] == 2
    undone = run("rollback", "--json", data=data)
    assert undone.returncode == 0, undone.stderr
    (collection,) = json.loads(undone.stdout)["collections"]
    assert collection["format"] == 1 and os.path.exists(collection["kept_at"])
    assert json.loads(run("verify", "--json", data=data).stdout)["collections"][0]["format"] == 1
