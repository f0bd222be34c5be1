#!/usr/bin/env bash
# Which lines and regions of the log, the state, the loop and actuation do simulated faults reach?
#
#   scripts/simulate-coverage.sh [SEEDS] [FOLDER...]     200 seeds, and the folders that the simulation runs, unless said otherwise
#
# Built apart (.build-coverage). Swift's compiler counts regions: each branch of a condition is one.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-200}
shift || true
folders=("$@")
[ ${#folders[@]} -gt 0 ] || folders=(Sources/ControlLoop Sources/EventLog/Append Sources/EventLog/Reading Sources/State Sources/Placement Sources/Autoscaling)
build=.build-coverage
bin=$(dirname "$(command -v "${SWIFT:-swift}")")
tool() { if [ -x "$bin/$1" ]; then echo "$bin/$1"; else command -v "$1" || command -v /opt/swift/usr/bin/"$1"; fi; }
GREENROOM_SIMULATE=1 ${SWIFT:-swift} build --scratch-path "$build" --product simulate-faults -c release -j "${JOBS:-$(nproc)}" \
    -Xswiftc -profile-generate -Xswiftc -profile-coverage-mapping
LLVM_PROFILE_FILE=$build/simulate.profraw $build/release/simulate-faults --from 1 --count "$seeds"
"$(tool llvm-profdata)" merge -sparse $build/simulate.profraw -o $build/simulate.profdata
"$(tool llvm-cov)" report $build/release/simulate-faults -instr-profile $build/simulate.profdata --show-branch-summary=false "${folders[@]}"
