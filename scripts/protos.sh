#!/usr/bin/env bash
# Makes Sources/KEDAScaler/Generated from the .proto beside it. The generators are built from the packages that Package.swift
# names, so that what they write fits what it is linked with. Needs `protoc` (Debian and Ubuntu: protobuf-compiler).
set -euo pipefail
cd "$(dirname "$0")/.."

command -v protoc >/dev/null || { echo "protoc is missing: sudo apt-get install protobuf-compiler" >&2; exit 1; }
swift=${SWIFT:-swift}
"$swift" build --product protoc-gen-swift
"$swift" build --product protoc-gen-grpc-swift-2
bin=$("$swift" build --show-bin-path)
out=Sources/KEDAScaler/Generated
mkdir -p "$out"
protoc --proto_path Sources/KEDAScaler/Protos externalscaler.proto \
    --plugin "$bin/protoc-gen-swift" --swift_out "$out" --swift_opt Visibility=Internal \
    --plugin "protoc-gen-grpc-swift=$bin/protoc-gen-grpc-swift-2" --grpc-swift_out "$out" --grpc-swift_opt Visibility=Internal,Server=true,Client=true
