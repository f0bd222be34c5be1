#!/usr/bin/env bash
# The tests under one of the compiler's sanitizers: what the type system can't see, at the price of a slow build and slow tests.
#
#   scripts/sanitize.sh thread|address [FILTER]     FILTER is swift test's, such as EventLogTests
#
# Built apart (.build-thread, .build-address), so that the usual build stays as it is. A report ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in thread | address) ;; *) echo "usage: $0 thread|address [FILTER]" >&2; exit 2 ;; esac
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 suppressions=$PWD/Tests/Sanitizers/thread.txt"
# Swift's runtime and packages keep what they need to their end: that is no leak.
export ASAN_OPTIONS="detect_leaks=0"
${SWIFT:-swift} build --build-tests --scratch-path ".build-$1" --sanitize "$1" -j "${JOBS:-$(nproc)}"
${SWIFT:-swift} test --skip-build --scratch-path ".build-$1" --sanitize "$1" --no-parallel ${2:+--filter "$2"}
