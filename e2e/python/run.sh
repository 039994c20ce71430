#!/usr/bin/env bash
# Runs the official Python SDK, as it comes from the package index, against a gateway.
# Needs BASE_URL, INGEST_KEY and DATASET in the environment.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv="$here/../../target/e2e-python"
if [ ! -x "$venv/bin/python" ] || ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/installed.txt"
fi
exec "$venv/bin/python" "$here/facebook_business_test.py"
