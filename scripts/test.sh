#!/usr/bin/env bash
# All tests: the Swift suites (which run the peers they find), a short crash run and a short run of the replicated log. Ends with the test runner's summary;
# where a run fails, what failed is said once more at the very end, briefly, so that the tail of a long log tells why.
set -euo pipefail
cd "$(dirname "$0")/.."

output=$(mktemp)
trap 'rm -f "$output"' EXIT

tell_why() {
    echo "---- why it failed ----"
    grep -aE 'Fatal error|Precondition failed|Assertion failed|error: |Crash:|^FAILED|AssertionError' "$output" | cut -c1-200 | tail -4 || true
    grep -aE '✘ Test .* recorded an issue' "$output" | cut -c1-260 | tail -4 || true
    # The frames of the thread that crashed that are our own.
    grep -aE '^[0-9]+ .* in .* at .*(Sources|Tests)/' "$output" | sed -E 's/ at .*(Sources|Tests)/ at \1/' | cut -c1-160 | head -4 || true
    grep -aE '(◇|✔|✘) Test .*(started|passed|failed)' "$output" | tail -1 | cut -c1-160 || true
    exit 1
}

run() { "$@" 2>&1 | tee "$output" || tell_why; }

run swift build --build-tests
if command -v python3 >/dev/null; then
    run python3 -m unittest discover --start-directory Tests/Crash
    run python3 Tests/Crash/crash_test.py --runs "${CRASH_RUNS:-5}" --greenroom .build/debug/greenroom
    run python3 -m unittest discover --start-directory Tests/Replication
    nats_server=$(python3 Tests/Peers/nats_server.py)
    if [ -x "$nats_server" ]; then
        run python3 Tests/Replication/replication_test.py --runs "${REPLICATION_RUNS:-3}" --seed "${REPLICATION_SEED:-short}" --short \
            --greenroom .build/debug/greenroom --nats-server "$nats_server"
    else
        echo "SKIPPED: the replicated log was NOT tried against servers and instances that fail; it needs nats-server 2.14: $nats_server" >&2
    fi
else
    echo "SKIPPED: the crash run needs python3" >&2
fi
# One test at a time: many of them start processes, servers and threads of their own, and two cores are soon full.
run swift test --skip-build --no-parallel
