"""Extreme values, broken bodies and paths, sent to every surface at once: answered or refused, and no program fails.

    CORTEX_FUZZ_SECONDS=3600 pytest -q -s Tests/Clients/test_qdrant_fuzz.py --seed 1

`fuzz.py` does the same by itself, and keeps the requests that a program failed on.
"""

import json
import os
import pathlib
import random

import pytest
from conftest import binary
from fuzz import CORPUS, Failure, fuzz, replay

SECONDS = float(os.environ.get("CORTEX_FUZZ_SECONDS", 20))
FILES = sorted(CORPUS.glob("*.json"))


def test_no_request_fails_a_program(request):
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 32))
    try:
        counts = fuzz(binary(request.config), SECONDS, seed)
    except Failure as failure:
        pytest.fail(f"{failure.surface}: {failure.what}\n{json.dumps(failure.requests)[:4000]}")
    assert all(counts.values()), counts


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_corpus_fails_no_program(request, file):
    assert replay(binary(request.config), json.loads(pathlib.Path(file).read_text())) > 0


def test_a_program_that_ends_is_a_failure(tmp_path):
    """The fuzzer's own control: a program that ends on its first line is told."""
    program = tmp_path / "cortex"
    program.write_text("#!/bin/sh\nread line\nkill -ILL $$\n")
    program.chmod(0o700)
    for entry in (
        {"surface": "mcp", "requests": ["{}"]},
        {"surface": "command", "requests": [{"arguments": ["store", "--from", "FILE"], "file": "{}\n"}]},
    ):
        with pytest.raises(Failure):
            replay(str(program), entry)
