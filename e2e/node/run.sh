#!/usr/bin/env bash
# Runs the official Node.js SDK against a running gateway.
#
#   BASE_URL     where the gateway listens, such as http://127.0.0.1:8377
#   INGEST_KEY   an ingest key that may send to the destination
#   DATASET      the destination's asset
#
# The SDK is installed once, into target/. The two lines on stdout are the events that were sent,
# as JSON, and `sent N`.
set -euo pipefail
: "${BASE_URL:?expected the address of the gateway}"
: "${INGEST_KEY:?expected an ingest key}"
: "${DATASET:?expected a dataset id}"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../target}/e2e-node"
wanted=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum)

mkdir -p "$home"
home=$(cd "$home" && pwd)
(
    # Two tests may come here at once; the second finds everything done.
    flock 9
    if [ "$(cat "$home/installed" 2>/dev/null)" != "$wanted" ]; then
        cp "$here/package.json" "$here/package-lock.json" "$home/"
        # Nothing of what is installed needs to run a script of its own.
        npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --loglevel=error
        printf '%s\n' "$wanted" > "$home/installed"
    fi
) 9> "$home/lock" >&2

# The gateway is on this machine: no proxy knows the way to it.
export NO_PROXY='*' no_proxy='*'
unset HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy
export NODE_PATH="$home/node_modules"
exec node --test-reporter=tap --test-reporter-destination=stderr "$here/test_facebook_business.cjs"
