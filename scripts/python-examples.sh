#!/usr/bin/env bash
# Does the Python client work with this program, and do its examples run?
#
#   scripts/python-examples.sh BINARY [VENV]
#
# Runs clients/python/tests against real services of BINARY, in a virtual environment (default .build-peers/python). Prints
# "SKIPPED …" for what couldn't be tried, such as packages without PyPI, and "WRONG …" for what failed. Bounded in time.
set -uo pipefail
cd "$(dirname "$0")/.."

BINARY=${1:?"usage: scripts/python-examples.sh BINARY [VENV]"}
VENV=$(realpath -m "${2:-.build-peers/python}")
PYTHON=${PYTHON:-python3}
INSTALL_SECONDS=${INSTALL_SECONDS:-240}
TEST_SECONDS=${TEST_SECONDS:-480}

skip() { echo "SKIPPED $*"; }
[ -x "$BINARY" ] || { echo "WRONG no program at $BINARY: build it first (make build)"; exit 1; }
BINARY=$(realpath "$BINARY")
command -v "$PYTHON" >/dev/null || { skip "python3 is not installed: the Python client was not tried"; exit 0; }
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { skip "python3 is older than 3.10: the Python client was not tried"; exit 0; }

install() { timeout "$INSTALL_SECONDS" "$VENV/bin/python" -m pip install -q --disable-pip-version-check "$@" >"$VENV/pip.log" 2>&1; }

# The same requirements again need no PyPI. Two runs at once would spoil each other's environment.
mkdir -p "$(dirname "$VENV")"
exec 9>"$VENV.lock"
command -v flock >/dev/null && ! flock -w "$INSTALL_SECONDS" 9 && { skip "another run still installs the Python client's packages"; exit 0; }
WANTED=$(cat clients/python/pyproject.toml clients/python/examples/requirements.txt | sha256sum | cut -d' ' -f1)
if [ "$(cat "$VENV/ready" 2>/dev/null)" != "$WANTED" ]; then
    rm -rf "$VENV"
    "$PYTHON" -m venv "$VENV" || { skip "no virtual environment can be made (python3-venv?): the Python client was not tried"; exit 0; }
    if ! install -e "clients/python[test]"; then
        skip "pip can't install the Python client's packages, so it was not tried: $(tail -c 200 "$VENV/pip.log" | tr '\n' ' ')"
        exit 0
    fi
    MISSING=0
    while read -r PACKAGE; do
        install "$PACKAGE" || { MISSING=1; echo "the package $PACKAGE can't be installed: $(tail -c 200 "$VENV/pip.log" | tr '\n' ' ')" >&2; }
    done < <(grep -v '^#' clients/python/examples/requirements.txt)
    # What is missing is tried again by the next run.
    [ "$MISSING" = 1 ] || echo "$WANTED" >"$VENV/ready"
fi
exec 9>&-

OUTPUT=$(cd clients/python && GREENROOM_BINARY=$BINARY PATH="$VENV/bin:$PATH" timeout "$TEST_SECONDS" "$VENV/bin/python" -m pytest -q -rfEs -p no:cacheprovider 2>&1)
STATUS=$?
grep '^SKIPPED' <<<"$OUTPUT"
[ "$STATUS" = 124 ] && echo "WRONG the tests of clients/python took longer than $TEST_SECONDS s"
if [ "$STATUS" != 0 ]; then
    grep -E '^(FAILED|ERROR) ' <<<"$OUTPUT" | sed 's/^/WRONG /'
    echo "$OUTPUT"
fi
tail -1 <<<"$OUTPUT"
exit "$STATUS"
