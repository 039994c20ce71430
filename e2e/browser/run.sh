#!/usr/bin/env bash
# A person in a browser: signs in, connects Meta and Snap, declines, is asked again, cancels.
#
#   GATEWAY_URL    where the gateway listens, such as http://127.0.0.1:8377
#   SANDBOX_URL    where the sandbox listens
#   SIGN_IN_LINK   what `holdfast sign-in` printed
#   ADMIN_KEY      an admin's key
#   DATASET        a dataset of the sandbox, and PIXEL, a pixel
#   HOLDFAST_SCREENSHOTS   optional: a directory for pictures of every page
#
# The drivers are installed once, into target/. The browser is the one of this system.
set -euo pipefail
: "${GATEWAY_URL:?expected the address of the gateway}"
: "${SANDBOX_URL:?expected the address of the sandbox}"
: "${SIGN_IN_LINK:?expected a link to sign in with}"
: "${ADMIN_KEY:?expected an admin key}"
: "${DATASET:?expected a dataset id}"
: "${PIXEL:?expected a pixel id}"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home="${CARGO_TARGET_DIR:-$here/../../target}/e2e-browser"
wanted=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum)

mkdir -p "$home"
home=$(cd "$home" && pwd)
(
    # Two tests may come here at once; the second finds everything done.
    flock 9
    if [ "$(cat "$home/installed" 2>/dev/null)" != "$wanted" ]; then
        cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$home/"
        # Nothing of what is installed needs to run a script of its own.
        npm ci --prefix "$home" --ignore-scripts --no-audit --no-fund --loglevel=error
        printf '%s\n' "$wanted" > "$home/installed"
    fi
) 9> "$home/lock" >&2

# Everything is on this machine: no proxy knows the way to it.
export NO_PROXY='*' no_proxy='*'
unset HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy
export NODE_PATH="$home/node_modules"
export CHROMIUM="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}"
exec node --test-reporter=tap --test-reporter-destination=stderr "$here/test_connect.cjs"
