"""How do events reach the service over HTTP/1.1, in each of CloudEvents' modes?"""

import http.client
import json
import socket

from limits import REQUEST_SECONDS, Finding


class Client:
    """One connection; every call ends within REQUEST_SECONDS."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)

    def close(self):
        self.connection.close()

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body=body, headers=headers or {})
        response = self.connection.getresponse()
        return response.status, response.read()

    def send(self, request, mode="batch"):
        """Answers the parsed acknowledgement, or None where the service is too busy for it."""
        body, headers = encode(request.events, mode)
        status, text = self.call("POST", "/v1/events", body, headers)
        if status in (429, 503):
            return None
        if status != 200:
            raise Finding(f"good events were answered {status}: {text[:500]!r}")
        return parsed(text, "an acknowledgement")


def parsed(text, what):
    try:
        return json.loads(text)
    except ValueError:
        raise Finding(f"{what} is not JSON: {text[:500]!r}")


def encode(events, mode):
    if mode == "single":
        return json.dumps(events[0]).encode(), {"Content-Type": "application/cloudevents+json"}
    if mode == "binary":
        one = events[0]
        headers = {"Content-Type": "application/json"}
        for name in ("specversion", "type", "source", "id", "subject"):
            headers["ce-" + name] = percent_encoded(one[name])
        return json.dumps(one["data"]).encode(), headers
    return json.dumps(events).encode(), {"Content-Type": "application/cloudevents-batch+json"}


def percent_encoded(text):
    """CloudEvents' HTTP binding: space, quote, percent and everything beyond printable ASCII."""
    return "".join(chr(b) if 0x21 <= b <= 0x7E and b not in b'"%' else f"%{b:02X}" for b in text.encode())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
