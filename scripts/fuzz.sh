#!/usr/bin/env bash
# Fuzzes one target with libFuzzer, which comes with the Swift toolchain on Linux.
#
#   scripts/fuzz.sh TARGET SECONDS     the targets are checkpoint and the folders of Tests/Fuzz/corpus
#
# Starts from the corpus and from what earlier runs found to reach new code (.build-fuzz/corpus). An input that ends the program
# is kept in .build-fuzz/found: mend the code, then put the input into Tests/Fuzz/corpus/TARGET, where `make test` runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:?usage: scripts/fuzz.sh TARGET SECONDS} seconds=${2:-60}
[[ -d Tests/Fuzz/corpus/$target || $target == checkpoint ]] || { echo "$0: no target is called $target; the targets are: $(ls Tests/Fuzz/corpus | tr '\n' ' ')" >&2; exit 2; }

GREENROOM_FUZZ=1 ${SWIFT:-swift} build --scratch-path .build-fuzz -c release --sanitize fuzzer --sanitize address --product greenroom-fuzz -j "${JOBS:-$(nproc)}"
mkdir -p ".build-fuzz/corpus/$target" .build-fuzz/found
corpus=Tests/Fuzz/corpus/$target
if [[ $target == checkpoint ]]; then
    corpus=.build-fuzz/checkpoints
    mkdir -p "$corpus"
    export FUZZ_LOGS=Tests/Fuzz/corpus/fold FUZZ_CHECKPOINTS=$corpus
fi
# Swift's backtrace would end the program before libFuzzer keeps the input. To see one, run the program on that file without this.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0
FUZZ_TARGET=$target .build-fuzz/release/greenroom-fuzz -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
    -dict=Tests/Fuzz/words.dict -artifact_prefix=".build-fuzz/found/$target-" -print_final_stats=1 \
    ".build-fuzz/corpus/$target" "$corpus"
