#!/usr/bin/env python3
"""Resumes actors through a gateway with the stock gRPC library, all at once, and prints one JSON line for each.

    resume_fleet.py HOST:PORT CA.pem ATESPACE FIRST COUNT [RETRY_SECONDS]

With RETRY_SECONDS a call that finds nobody (UNAVAILABLE), or somebody at it already (ABORTED), is made again until then, as a router makes it.
"""
import json
import sys
import threading
import time

import grpc


def field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def main():
    target, authority, atespace, first, count = sys.argv[1:6]
    retry = float(sys.argv[6]) if len(sys.argv) > 6 else 0.0
    with open(authority, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    channel = grpc.secure_channel(target, credentials, [("grpc.min_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500),
                                                        ("grpc.initial_reconnect_backoff_ms", 100)])
    resume = channel.unary_unary("/ateapi.Control/ResumeActor", request_serializer=None, response_deserializer=None)
    lock = threading.Lock()

    def one(name):
        request = field(1, field(1, atespace.encode()) + field(2, name.encode()))
        began, tries, code, text = time.monotonic(), 0, "", ""
        while True:
            tries += 1
            try:
                resume(request)
                code, text = "OK", ""
            except grpc.RpcError as error:
                code, text = error.code().name, error.details()
            if code not in ("UNAVAILABLE", "ABORTED") or time.monotonic() - began > retry:
                break
            time.sleep(0.2)
        with lock:
            print(json.dumps({"actor": name, "code": code, "text": text, "tries": tries, "seconds": time.monotonic() - began}), flush=True)

    threads = [threading.Thread(target=one, args=(f"a{number}",)) for number in range(int(first), int(first) + int(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
