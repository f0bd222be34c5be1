#!/usr/bin/env bash
# The sources as .swift-format says: lines of at most 140 characters, and the rules that all of them keep.
#
#   scripts/format.sh            rewrites them
#   scripts/format.sh --check    changes nothing; status 1, and a line for each place, where something differs
#
# Texts that are longer than a line stay whole. What protoc writes is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files '*.swift' | grep -v '/Generated/')
case ${1:-} in
    --check) ${SWIFT:-swift} format lint --strict --parallel "${files[@]}" ;;
    "") ${SWIFT:-swift} format format --in-place --parallel "${files[@]}" && git diff --shortstat ;;
    *) echo "usage: $0 [--check]" >&2; exit 2 ;;
esac
