#!/usr/bin/env bash
# All tests: the Swift suites (which run the peers they find), and a short crash run. Ends with the test runner's summary.
set -euo pipefail
cd "$(dirname "$0")/.."

swift build --build-tests
if command -v python3 >/dev/null; then
    python3 Tests/Crash/crash_test.py --runs "${CRASH_RUNS:-5}" --greenroom .build/debug/greenroom
else
    echo "SKIPPED: the crash run needs python3" >&2
fi
# One test at a time: many of them start processes, servers and threads of their own, and two cores are soon full.
swift test --skip-build --no-parallel
