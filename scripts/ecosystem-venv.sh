#!/usr/bin/env bash
# Makes .venv-ecosystem: the released programs that tests run against the served store, apart from the other clients,
# whose versions they do not share. Silent when nothing has changed.
set -euo pipefail
cd "$(dirname "$0")/.."
requirements=Tests/Clients/ecosystem/requirements.txt
environment=.venv-ecosystem

cmp -s "$requirements" "$environment/.requirements" && exit 0
echo "setup: pip install -r $requirements into $environment"
rm -rf "$environment"
python3 -m venv "$environment"
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile -r "$requirements"
cp "$requirements" "$environment/.requirements"
