#!/usr/bin/env python3
"""A receiver of CloudEvents over HTTP that isn't Greenroom: what comes, how often, and is it an event?

    event_sink.py PORT FILE

Listens on 127.0.0.1, and then makes FILE. `POST` takes one event in binary or structured mode and adds a line to the file, or answers 400
where it is none. Ends when its input does.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

LOCK = threading.Lock()


def event(headers, body):
    """The attributes of the event, as the HTTP protocol binding 1.0.2 says; raises ValueError where there is none."""
    if headers.get_content_type() == "application/cloudevents+json":
        found = json.loads(body)
        mode = "structured"
    else:
        found = {name[3:].lower(): unquote(value) for name, value in headers.items() if name.lower().startswith("ce-")}
        found["data"] = json.loads(body) if body else None
        mode = "binary"
    for name in ("specversion", "id", "source", "type"):
        if not found.get(name):
            raise ValueError(f"{name} is missing")
    if found["specversion"] != "1.0":
        raise ValueError("specversion isn't 1.0")
    return {**found, "mode": mode}


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, text=""):
        body = text.encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        try:
            found = event(self.headers, body)
        except ValueError as problem:
            return self.answer(400, str(problem))
        with LOCK, open(sys.argv[2], "a") as file:
            file.write(json.dumps(found) + "\n")
        self.answer(204)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
open(sys.argv[2], "a").close()
sys.stdin.read()
server.shutdown()
