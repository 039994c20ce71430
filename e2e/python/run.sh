#!/usr/bin/env bash
# Runs an official Python SDK against a running gateway.
#
#   run.sh [SCRIPT]    test_facebook_business.py without one
#
#   BASE_URL     where the gateway listens, such as http://127.0.0.1:8377
#   INGEST_KEY   an ingest key that may send to the destination
#   DATASET      the destination's asset
#
# The SDKs are installed once, into target/. The last two lines on stdout are the events that were
# sent, as JSON, and `sent N`.
set -euo pipefail
: "${BASE_URL:?expected the address of the gateway}"
: "${INGEST_KEY:?expected an ingest key}"
: "${DATASET:?expected a dataset id}"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv="${CARGO_TARGET_DIR:-$here/../../target}/e2e-python"
wanted=$(sha256sum < "$here/requirements.txt")

mkdir -p "$venv"
(
    # Two tests may come here at once; the second finds everything done.
    flock 9
    if [ "$(cat "$venv/installed" 2>/dev/null)" != "$wanted" ]; then
        python3 -m venv --clear "$venv/venv"
        "$venv/venv/bin/pip" install --quiet --disable-pip-version-check \
            --requirement "$here/requirements.txt"
        printf '%s\n' "$wanted" > "$venv/installed"
    fi
) 9> "$venv/lock" >&2

# The gateway is on this machine: no proxy knows the way to it.
export NO_PROXY='*' no_proxy='*'
exec "$venv/venv/bin/python" "$here/${1:-test_facebook_business.py}"
