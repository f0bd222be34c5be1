#!/usr/bin/env python3
"""An OTLP receiver of opentelemetry-proto's own messages: does it read what Greenroom sends?

    otlp_receiver.py [--venv DIR]

Listens on a free port of 127.0.0.1 and prints it. `POST /v1/traces` and `POST /v1/metrics` are parsed and checked as a collector would;
`GET /seen` says what came and what was wrong with it. Ends when its input does. Without PyPI it prints SKIPPED and why.
"""

import argparse
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from packages import enter_venv

PACKAGES = ["opentelemetry-proto"]
SEEN = {"problems": [], "spans": [], "metrics": {}, "service": None, "apiKey": None}
LOCK = threading.Lock()


def wrong(what):
    SEEN["problems"].append(what)


def attributes(pairs):
    found = {}
    for pair in pairs:
        if pair.key in found:
            wrong(f"{pair.key} is there twice")
        kind = pair.value.WhichOneof("value")
        if kind is None:
            wrong(f"{pair.key} has no value")
        else:
            found[pair.key] = getattr(pair.value, kind)
    return found


def unknown_free(message):
    """Nothing in it that the published messages don't know."""
    from google.protobuf import unknown_fields

    if len(unknown_fields.UnknownFieldSet(message)) > 0:
        wrong(f"{message.DESCRIPTOR.name} has fields that nobody knows")
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in value if hasattr(value, "add") else [value]:
            unknown_free(item)


def resource(message):
    found = attributes(message.attributes)
    for name in ["service.name", "service.version", "service.instance.id"]:
        if not found.get(name):
            wrong(f"{name} is missing")
    SEEN["service"] = f"{found.get('service.name')} {found.get('service.version')} {found.get('service.instance.id')}"


def take_traces(body):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

    request = ExportTraceServiceRequest.FromString(body)
    unknown_free(request)
    for of in request.resource_spans:
        resource(of.resource)
        for scope in of.scope_spans:
            for span in scope.spans:
                if len(span.trace_id) != 16 or len(span.span_id) != 8 or len(span.parent_span_id) not in (0, 8):
                    wrong(f"{span.name} has ids of {len(span.trace_id)}, {len(span.span_id)}, {len(span.parent_span_id)} bytes")
                if not any(span.trace_id) or not any(span.span_id):
                    wrong(f"{span.name} has an id of zeros")
                if span.end_time_unix_nano < span.start_time_unix_nano or span.start_time_unix_nano < 10**18:
                    wrong(f"{span.name} lasts from {span.start_time_unix_nano} to {span.end_time_unix_nano}")
                SEEN["spans"].append(
                    {
                        "name": span.name, "trace": span.trace_id.hex(), "id": span.span_id.hex(), "parent": span.parent_span_id.hex(),
                        "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano, "attributes": attributes(span.attributes),
                        "status": span.status.code, "kind": span.kind,
                    }
                )
    return ExportTraceServiceResponse().SerializeToString()


def take_metrics(body):
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse

    request = ExportMetricsServiceRequest.FromString(body)
    unknown_free(request)
    for of in request.resource_metrics:
        resource(of.resource)
        for scope in of.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                seen = {"kind": kind, "unit": metric.unit}
                if kind == "sum":
                    seen["monotonic"] = data.is_monotonic
                if kind != "gauge":
                    seen["temporality"] = data.aggregation_temporality
                for point in data.data_points:
                    if point.time_unix_nano < 10**18 or (kind != "gauge" and point.start_time_unix_nano > point.time_unix_nano):
                        wrong(f"{metric.name} is of {point.start_time_unix_nano} to {point.time_unix_nano}")
                    if kind == "histogram":
                        if len(point.bucket_counts) != len(point.explicit_bounds) + 1 or sum(point.bucket_counts) != point.count:
                            wrong(f"{metric.name} has buckets that don't fit")
                        seen.update(count=point.count, sum=point.sum, buckets=list(point.bucket_counts), bounds=list(point.explicit_bounds))
                    else:
                        seen["value"] = getattr(point, point.WhichOneof("value"))
                    seen["attributes"] = attributes(point.attributes)
                SEEN["metrics"][metric.name] = seen
    return ExportMetricsServiceResponse().SerializeToString()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with LOCK:
            self.answer(200, json.dumps(SEEN).encode(), "application/json")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        take = {"/v1/traces": take_traces, "/v1/metrics": take_metrics}.get(self.path)
        with LOCK:
            SEEN["apiKey"] = self.headers.get("x-api-key")
            if self.headers.get("content-type") != "application/x-protobuf":
                wrong(f"the content type is {self.headers.get('content-type')}")
            if take is None:
                wrong(f"nobody posts to {self.path}")
                return self.answer(404, b"", "text/plain")
            try:
                response = take(body)
            except Exception as problem:
                wrong(f"{self.path}: {problem}")
                return self.answer(400, b"", "application/x-protobuf")
            self.answer(200, response, "application/x-protobuf")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", default=".build-peers/otlp-venv")
    why_not = enter_venv(os.path.abspath(parser.parse_args().venv), PACKAGES)
    if why_not:
        print(f"SKIPPED {why_not}", flush=True)
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    server.shutdown()


main()
