#!/usr/bin/env bash
# Makes the Generated folders of KEDAScaler and SubstrateGateway from the .proto files beside them. The generators are built from the packages
# that Package.swift names, so that what they write fits what it is linked with. Needs `protoc` (Debian and Ubuntu: protobuf-compiler), or PROTOC.
set -euo pipefail
cd "$(dirname "$0")/.."

protoc=${PROTOC:-protoc}
command -v "${protoc%% *}" >/dev/null || { echo "protoc is missing: sudo apt-get install protobuf-compiler" >&2; exit 1; }
swift=${SWIFT:-swift}
"$swift" build --product protoc-gen-swift
"$swift" build --product protoc-gen-grpc-swift-2
bin=$("$swift" build --show-bin-path)

out=Sources/KEDAScaler/Generated
mkdir -p "$out"
$protoc --proto_path Sources/KEDAScaler/Protos externalscaler.proto \
    --plugin "$bin/protoc-gen-swift" --swift_out "$out" --swift_opt Visibility=Internal \
    --plugin "protoc-gen-grpc-swift=$bin/protoc-gen-grpc-swift-2" --grpc-swift_out "$out" --grpc-swift_opt Visibility=Internal,Server=true,Client=true

# Messages alone: the gateway forwards calls as bytes (docs/decisions/0027-gateway-of-bytes.md).
out=Sources/SubstrateGateway/Generated
mkdir -p "$out"
$protoc --proto_path Sources/SubstrateGateway/Protos ateapi.proto \
    --plugin "$bin/protoc-gen-swift" --swift_out "$out" --swift_opt Visibility=Package,UseAccessLevelOnImports=true

# Messages alone, sent by HTTP.
out=Sources/Outward/Generated
mkdir -p "$out"
$protoc --proto_path Sources/Outward/Protos common.proto resource.proto trace.proto metrics.proto trace_service.proto metrics_service.proto \
    --plugin "$bin/protoc-gen-swift" --swift_out "$out" --swift_opt Visibility=Internal,UseAccessLevelOnImports=true
