#!/usr/bin/env python3
"""Do the HTTP clients that people really use get the right answers from a Greenroom server, to good events and to bad ones?

    http_peers.py --http http://127.0.0.1:8080 [--https https://127.0.0.1:8443] [--token TOKEN] [--venv DIR] [--quick]

Speaks with curl (HTTP/1.1, HTTP/2 with prior knowledge, HTTP/2 over TLS), h2load, Python's httpx over HTTP/2 and the cloudevents
package. One line a case: `ok`, `WRONG` with what came instead, or `SKIPPED` with what is missing. Exits 0 where nothing was wrong.
Python's packages are put into a virtual environment of their own (default .build-peers/venv); without PyPI those cases are skipped.
May be run again and again against the same server: ids are new each time.
"""

import argparse
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlparse

from packages import enter_venv

RUN = f"{int(time.time())}-{os.getpid()}"
PACKAGES = ["httpx[http2]", "cloudevents"]
# A server answers a body that stops half way after 10 s unless told otherwise.
STALL_SECONDS = 25
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"

wrong, skipped, passed = [], [], 0


def say(line):
    print(line, flush=True)


def ok(name):
    global passed
    passed += 1
    say(f"ok       {name}")


def miss(name, why):
    skipped.append(name)
    say(f"SKIPPED  {name}: {why}")


def judge(name, problems):
    if problems:
        wrong.append(name)
        say(f"WRONG    {name}: {'; '.join(problems)}")
    else:
        ok(name)


# --- Events, good and bad -------------------------------------------------------------------------------------------------

_number = 0


def new_id():
    global _number
    _number += 1
    return f"peer-{RUN}-{_number}"


def event(**changes):
    fields = {
        "specversion": "1.0", "type": "dev.greenroom.actor.requested", "source": "peers", "id": new_id(),
        "subject": f"actor-{RUN}", "data": {"pool": "peers/agents"},
    }
    fields.update(changes)
    return {key: value for key, value in fields.items() if value is not None}


def text(value):
    return json.dumps(value).encode()


def cases():
    """Name, content type, body, status, and what the JSON of the answer must hold."""
    twice = new_id()
    known = event()
    yield "one event", STRUCTURED, text(known), 200, {"accepted": 1, "duplicates": 0}
    yield "the same event again", STRUCTURED, text(known), 200, {"accepted": 0, "duplicates": 1}
    yield "a batch", BATCH, text([event(), event(), event()]), 200, {"accepted": 3, "duplicates": 0}
    yield "an empty batch", BATCH, b"[]", 200, {"accepted": 0, "duplicates": 0}
    yield "an id twice in one batch", BATCH, text([event(id=twice), event(id=twice)]), 200, {"accepted": 1, "duplicates": 1}
    yield "lines", LINES, b"".join(text(event()) + b"\n" for _ in range(50)), 200, {"accepted": 50, "duplicates": 0}
    yield "a time in the year 9999", STRUCTURED, text(event(time="9999-12-31T23:59:59.999999Z")), 200, {"accepted": 1}
    yield "unknown fields", STRUCTURED, text(event(data={"pool": "peers/agents", "colour": {"r": [1, 2.5, None]}})), 200, {"accepted": 1}
    yield "text in every script", STRUCTURED, text(event(subject="actor-é-日本-😀")), 200, {"accepted": 1}

    bad = "https://greenroom.dev/problems/invalid-event"
    yield "malformed JSON", STRUCTURED, b'{"specversion":"1.0",', 400, {"type": bad, "index": 0}
    yield "not JSON at all", STRUCTURED, b"\x00\xff\xfe", 400, {"type": bad, "index": 0}
    yield "no body", STRUCTURED, b"", 400, {"type": bad}
    yield "a string for a number", STRUCTURED, text(event(data={"pool": "p/q", "priority": "high"})), 400, {"type": bad, "field": "data.priority"}
    yield "a number for a string", STRUCTURED, text(event(subject=7)), 400, {"type": bad, "field": "subject"}
    yield "data that is an array", STRUCTURED, text(event(data=[1])), 400, {"type": bad, "field": "data"}
    yield "a missing id", STRUCTURED, text(event(id=None)), 400, {"type": bad, "field": "id"}
    yield "a missing source", STRUCTURED, text(event(source=None)), 400, {"type": bad, "field": "source"}
    yield "a missing pool", STRUCTURED, text(event(data={})), 400, {"type": bad, "field": "data.pool"}
    yield "an unknown kind", STRUCTURED, text(event(type="dev.greenroom.actor.flew")), 400, {"type": bad, "field": "type"}
    yield "a kind that only Greenroom writes", STRUCTURED, text(event(type="dev.greenroom.timer.fired")), 400, {"type": bad, "field": "type"}
    yield "another version", STRUCTURED, text(event(specversion="0.3")), 400, {"type": bad, "field": "specversion"}
    yield "a time that is none", STRUCTURED, text(event(time="yesterday")), 400, {"type": bad, "field": "time"}
    yield "a month of 40 days", STRUCTURED, text(event(time="2026-02-40T00:00:00Z")), 400, {"type": bad, "field": "time"}
    yield "the bad one of a batch", BATCH, text([event(), event(), event(id=None)]), 400, {"type": bad, "index": 2, "field": "id"}
    yield "the bad one of the lines", LINES, text(event()) + b"\n" + b"{}\n" + text(event()), 400, {"type": bad, "index": 1, "accepted": 1}
    yield "an event of 100 kB", STRUCTURED, text(event(subject="x" * 100_000)), 400, {"type": bad, "index": 0}
    yield "an id of 2,000 bytes", STRUCTURED, text(event(id="x" * 2_000)), 400, {"type": bad, "field": "id"}
    yield "10,001 events at once", BATCH, text([event() for _ in range(10_001)]), 400, {"type": bad, "index": 10_000}
    yield "a body of 9 MiB", BATCH, b"[" + b" " * (9 << 20) + b"]", 413, {"status": 413}
    yield "a line of 100 kB", LINES, text(event(subject="x" * 100_000)) + b"\n", 413, {"status": 413, "index": 0}
    yield "nested a thousand deep", STRUCTURED, text(event())[:-2] + b',"deep":' + b"[" * 1_000 + b"]" * 1_000 + b"}}", 400, {"type": bad}
    yield "a wrong content type", "text/plain", text(event()), 415, {"status": 415, "field": "content-type"}
    yield "JSON that is no CloudEvent", "application/json", text(event()), 415, {"status": 415}


def problems_of(status, body, wanted_status, wanted):
    if status != wanted_status:
        return [f"status {status} instead of {wanted_status}: {body[:200]!r}"]
    try:
        answer = json.loads(body)
    except ValueError:
        return [f"the answer is not JSON: {body[:200]!r}"]
    return [f"{key} is {answer.get(key)!r} instead of {value!r}" for key, value in wanted.items() if answer.get(key) != value]


# --- curl -----------------------------------------------------------------------------------------------------------------


def curl(url, flags, headers=(), body=None, method=None, header_file=None):
    """Status, answer, and curl's own complaint."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = ["curl", "-sS", "-m", "30", "-o", out, "-w", "%{http_code} %{http_version}", *flags]
        for header in headers:
            command += ["-H", header]
        if header_file:
            command += ["-H", f"@{header_file}"]
        if body is not None:
            path = os.path.join(folder, "body")
            with open(path, "wb") as file:
                file.write(body)
            command += ["--data-binary", f"@{path}"]
        if method:
            command += ["-X", method]
        done = subprocess.run([*command, url], capture_output=True)
        answer = b""
        if os.path.exists(out):
            with open(out, "rb") as file:
                answer = file.read()
        words = done.stdout.decode().split() or ["0", "0"]
        return int(words[0]), words[1], answer, done.stderr.decode().strip()


def curl_cases(name, base, flags, version, auth):
    for case, kind, body, status, wanted in cases():
        got, spoken, answer, complaint = curl(f"{base}/v1/events", flags, [f"content-type: {kind}", *auth], body)
        problems = problems_of(got, answer, status, wanted)
        if got and spoken != version:
            problems.append(f"spoke HTTP/{spoken} instead of {version}")
        if problems and complaint:
            problems.append(complaint)
        judge(f"{name}: {case}", problems)
    attributes = ["ce-specversion: 1.0", "ce-type: dev.greenroom.actor.requested", "ce-source: peers", f"ce-id: {new_id()}", "ce-subject: a%20%C3%A4"]
    got, _, answer, _ = curl(f"{base}/v1/events", flags, ["content-type: application/json", *attributes, *auth], b'{"pool":"peers/agents"}')
    judge(f"{name}: binary mode", problems_of(got, answer, 200, {"accepted": 1}))
    got, _, answer, _ = curl(f"{base}/v1/events", flags, ["content-type: application/json", "ce-type: x", *auth], b"{}")
    judge(f"{name}: binary mode without attributes", problems_of(got, answer, 400, {"index": 0}))
    got, _, answer, _ = curl(f"{base}/v1/events", flags, [f"content-type: {STRUCTURED}", "content-encoding: gzip", *auth], b"x")
    judge(f"{name}: a compressed body", problems_of(got, answer, 415, {"field": "content-encoding"}))
    got, _, answer, _ = curl(f"{base}/nowhere", flags, auth)
    judge(f"{name}: no such path", problems_of(got, answer, 404, {"status": 404}))
    got, _, answer, _ = curl(f"{base}/v1/pools", flags, auth, method="PATCH")
    judge(f"{name}: no such method", problems_of(got, answer, 405, {"status": 405}))
    got, _, answer, _ = curl(f"{base}/healthz", flags)
    judge(f"{name}: health", problems_of(got, answer, 200, {"status": "ok"}))
    got, _, answer, _ = curl(f"{base}/v1/events?limit=3&pool=peers/agents", flags, auth)
    lines = answer.decode().splitlines()
    judge(f"{name}: reading back", [] if got == 200 and len(lines) == 3 and all("seq" in json.loads(line) for line in lines) else [f"{got}: {answer[:200]!r}"])
    got, _, answer, _ = curl(f"{base}/v1/events?limit=2&follow=true", [*flags, "-N"], auth)
    judge(f"{name}: following", [] if got == 200 and len(answer.decode().split()) >= 2 else [f"{got}: {answer[:200]!r}"])
    if "--http1.1" in flags:
        # curl itself sends no more than 64 kB of header over HTTP/2; httpx does, below.
        with tempfile.NamedTemporaryFile("w", suffix=".headers") as file:
            file.write("".join(f"x-field-{number}: v\n" for number in range(10_000)))
            file.flush()
            got, _, answer, complaint = curl(f"{base}/healthz", flags, header_file=file.name)
            judge(f"{name}: 10,000 headers", problems_of(got, answer, 431, {"status": 431}) + ([complaint] if complaint and got != 431 else []))


# --- A body that stops half way -------------------------------------------------------------------------------------------


def open_socket(base, alpn):
    url = urlparse(base)
    sock = socket.create_connection((url.hostname, url.port), timeout=STALL_SECONDS)
    if url.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([alpn])
        sock = context.wrap_socket(sock)
    return sock


def half_over_http1(base, auth):
    sock = open_socket(base, "http/1.1")
    head = f"POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-type: {STRUCTURED}\r\ncontent-length: 1000\r\n"
    sock.sendall((head + "".join(f"{line}\r\n" for line in auth) + "\r\n" + '{"specversion":').encode())
    received = b""
    while True:
        part = sock.recv(65_536)
        if not part:
            break
        received += part
    sock.close()
    return received


def half_over_http2(base, auth):
    import h2.config
    import h2.connection
    import h2.events

    sock = open_socket(base, "h2")
    connection = h2.connection.H2Connection(config=h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    headers = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/v1/events"), ("content-type", STRUCTURED)]
    headers += [tuple(part.strip() for part in line.split(":", 1)) for line in auth]
    connection.send_headers(1, headers)
    connection.send_data(1, b'{"specversion":')
    sock.sendall(connection.data_to_send())
    status, body = None, b""
    while True:
        data = sock.recv(65_536)
        if not data:
            return status, body
        for happened in connection.receive_data(data):
            if isinstance(happened, h2.events.ResponseReceived):
                status = int(dict(happened.headers)[":status"])
            elif isinstance(happened, h2.events.DataReceived):
                body += happened.data
                connection.acknowledge_received_data(happened.flow_controlled_length, 1)
            elif isinstance(happened, h2.events.StreamEnded):
                sock.close()
                return status, body
        sock.sendall(connection.data_to_send())


def halves(bases, auth, has_h2):
    for name, base in bases:
        try:
            received = half_over_http1(base, auth)
            judge(f"{name}, HTTP/1.1: a body that stops half way", [] if b" 408 " in received.split(b"\r\n")[0] else [f"{received[:200]!r}"])
        except OSError as error:
            judge(f"{name}, HTTP/1.1: a body that stops half way", [str(error)])
        if not has_h2:
            miss(f"{name}, HTTP/2: a body that stops half way", "Python's h2 is not there")
            continue
        try:
            status, body = half_over_http2(base, auth)
            judge(f"{name}, HTTP/2: a body that stops half way", problems_of(status, body, 408, {"status": 408}))
        except OSError as error:
            judge(f"{name}, HTTP/2: a body that stops half way", [str(error)])


# --- h2load ---------------------------------------------------------------------------------------------------------------


def h2load_cases(name, base, flags, auth, requests):
    for label, kind, body in [("single events", STRUCTURED, text(event())), ("batches of 100", BATCH, text([event() for _ in range(100)]))]:
        with tempfile.NamedTemporaryFile("wb", suffix=".json") as file:
            file.write(body)
            file.flush()
            headers = [part for line in [f"content-type: {kind}", *auth] for part in ("-H", line)]
            command = ["h2load", "-n", str(requests), "-c", "8", "-m", "16", "-d", file.name, *headers, *flags, f"{base}/v1/events"]
            # h2load takes no for an answer: on a machine with no time for it, a body may stall beyond this server's two seconds.
            for _ in range(3):
                out = subprocess.run(command, capture_output=True, text=True).stdout
                codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
                if codes and int(codes.group(1)) == requests:
                    break
        rate = re.search(r"finished in [^,]+, ([\d.]+) req/s", out)
        if codes and int(codes.group(1)) == requests:
            ok(f"{name}: {label} ({rate.group(1) if rate else '?'} requests/s)")
        else:
            judge(f"{name}: {label}", [codes.group(0) if codes else out[-300:]])


# --- Python's httpx and cloudevents ---------------------------------------------------------------------------------------


def httpx_cases(name, base, token):
    import httpx

    headers = {"authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(http1=False, http2=True, verify=False, headers=headers, timeout=30, base_url=base) as client:
        for case, kind, body, status, wanted in cases():
            answer = client.post("/v1/events", content=body, headers={"content-type": kind})
            problems = problems_of(answer.status_code, answer.content, status, wanted)
            if answer.http_version != "HTTP/2":
                problems.append(f"spoke {answer.http_version}")
            judge(f"{name}: {case}", problems)

        def stream():
            for _ in range(200):
                yield text(event()) + b"\n"

        answer = client.post("/v1/events", content=stream(), headers={"content-type": LINES})
        judge(f"{name}: a stream of lines", problems_of(answer.status_code, answer.content, 200, {"accepted": 200}))
        seen = []
        with client.stream("GET", "/v1/events", params={"follow": "true", "limit": "5"}) as answer:
            for line in answer.iter_lines():
                if line:
                    seen.append(json.loads(line)["seq"])
        judge(f"{name}: following", [] if seen == sorted(seen) and len(seen) == 5 else [f"saw {seen}"])
    with httpx.Client(http1=False, http2=True, verify=False, timeout=30, base_url=base) as client:
        fields = [(f"x-field-{number}", "v") for number in range(10_000)]
        answer = client.get("/healthz", headers=fields)
        judge(f"{name}: 10,000 headers", problems_of(answer.status_code, answer.content, 431, {"status": 431}))


def cloudevents_cases(name, base, token):
    import httpx

    headers = {"authorization": f"Bearer {token}"} if token else {}
    attributes = {"type": "dev.greenroom.actor.requested", "source": "peers", "subject": f"actor é {RUN} {name}"}
    data = {"pool": "peers/agents", "reason": "from the cloudevents package"}
    messages = []
    try:
        from cloudevents.core.bindings.http import to_binary_event, to_structured_event
        from cloudevents.core.v1.event import CloudEvent

        for mode, convert in [("structured", to_structured_event), ("binary", to_binary_event)]:
            made = CloudEvent({**attributes, "specversion": "1.0", "id": new_id(), "datacontenttype": "application/json"}, data)
            message = convert(made)
            messages.append((mode, message.headers, message.body))
    except ImportError:
        from cloudevents.http import CloudEvent, to_binary, to_structured

        for mode, convert in [("structured", to_structured), ("binary", to_binary)]:
            messages.append((mode, *convert(CloudEvent({**attributes, "id": new_id()}, data))))
    with httpx.Client(http1=False, http2=True, verify=False, headers=headers, timeout=30, base_url=base) as client:
        for mode, made, body in messages:
            answer = client.post("/v1/events", headers=dict(made), content=body)
            judge(f"{name}: {mode}", problems_of(answer.status_code, answer.content, 200, {"accepted": 1, "duplicates": 0}))
        seen = client.get("/v1/events", params={"subject": attributes["subject"], "limit": "10000"}).text.splitlines()
        judge(f"{name}: reading back", [] if len(seen) == 2 else [f"{len(seen)} events instead of 2"])


# --- All of it ------------------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--http", required=True, help="the cleartext address, for instance http://127.0.0.1:8080")
    parser.add_argument("--https", help="the TLS address")
    parser.add_argument("--token", help="a bearer token with the roles ingest and read")
    parser.add_argument("--venv", default=".build-peers/venv")
    parser.add_argument("--quick", action="store_true", help="leaves out what waits for the server's time limits")
    options = parser.parse_args()
    why_not = enter_venv(options.venv, PACKAGES)
    auth = [f"authorization: Bearer {options.token}"] if options.token else []
    bases = [("cleartext", options.http.rstrip("/"))] + ([("TLS", options.https.rstrip("/"))] if options.https else [])

    if shutil.which("curl"):
        curl_cases("curl --http1.1", bases[0][1], ["--http1.1"], "1.1", auth)
        if "HTTP2" in subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout:
            curl_cases("curl --http2-prior-knowledge", bases[0][1], ["--http2-prior-knowledge"], "2", auth)
            if options.https:
                curl_cases("curl --http2 (TLS)", bases[1][1], ["--http2", "-k"], "2", auth)
                curl_cases("curl --http1.1 (TLS)", bases[1][1], ["--http1.1", "-k"], "1.1", auth)
        else:
            miss("curl over HTTP/2", "this curl was built without HTTP/2")
    else:
        miss("curl", "it is not installed (apt-get install curl)")

    if shutil.which("h2load"):
        for name, base in bases:
            h2load_cases(f"h2load ({name})", base, [], auth, 2_000)
        h2load_cases("h2load --h1", bases[0][1], ["--h1"], auth, 2_000)
    else:
        miss("h2load", "it is not installed (apt-get install nghttp2-client)")

    for name, base in bases:
        if why_not:
            miss(f"httpx and cloudevents ({name})", why_not)
        else:
            httpx_cases(f"httpx ({name})", base, options.token)
            cloudevents_cases(f"cloudevents ({name})", base, options.token)
    if options.quick:
        miss("bodies that stop half way", "--quick was given")
    else:
        halves(bases, auth, has_h2=not why_not)

    say(f"\n{passed} right, {len(wrong)} wrong, {len(skipped)} skipped")
    for name in skipped:
        say(f"  skipped: {name}")
    for name in wrong:
        say(f"  wrong: {name}")
    return 1 if wrong or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
