"""What does the stream hold? Read from a server over NATS' own protocol, with nothing of Greenroom's client in between."""

import base64
import json
import socket
import time

from bounds import WIRE_SECONDS, CannotRun

# Requests without an answer.
IN_FLIGHT = 200


class Wire:
    """One connection to one server."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WIRE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""
        self.inbox = f"_INBOX.campaign{time.monotonic_ns()}"
        self.line()
        options = {"verbose": False, "pedantic": False, "lang": "campaign", "version": "0", "protocol": 0, "headers": True, "no_responders": True}
        self.socket.sendall(f"CONNECT {json.dumps(options)}\r\nPING\r\nSUB {self.inbox}.* 1\r\n".encode())
        while self.line() != b"PONG":
            pass

    def close(self):
        self.socket.close()

    def line(self):
        while b"\r\n" not in self.unread:
            self.fill()
        line, _, self.unread = self.unread.partition(b"\r\n")
        return line

    def exactly(self, count):
        while len(self.unread) < count:
            self.fill()
        data, self.unread = self.unread[:count], self.unread[count:]
        return data

    def fill(self):
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.unread += data

    def send(self, subject, token, payload):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode() if payload else b""
        self.socket.sendall(f"PUB {subject} {self.inbox}.{token} {len(body)}\r\n".encode() + body + b"\r\n")

    def answer(self):
        """(token, body): the body is None for `no responders`."""
        while True:
            words = self.line().split()
            if not words:
                continue
            verb = words[0].upper()
            if verb == b"PING":
                self.socket.sendall(b"PONG\r\n")
            elif verb == b"MSG":
                return words[1].rsplit(b".", 1)[1].decode(), self.exactly(int(words[-1]) + 2)[:-2]
            elif verb == b"HMSG":
                head, total = int(words[-2]), int(words[-1])
                data = self.exactly(total + 2)[:-2]
                return words[1].rsplit(b".", 1)[1].decode(), None if data.startswith(b"NATS/1.0 503") else data[head:]
            elif verb == b"-ERR":
                raise CannotRun(f"the server answers {b' '.join(words).decode()}")

    def request(self, subject, payload=None):
        token = str(time.monotonic_ns())
        self.send(subject, token, payload)
        while True:
            got, body = self.answer()
            if got == token:
                return None if body is None else json.loads(body)

    def stream_info(self, stream):
        answer = self.request(f"$JS.API.STREAM.INFO.{stream}")
        return answer if answer and "error" not in answer else None

    def messages(self, stream, first, last):
        """Yields (sequence, seconds since 1970, bytes) as the stream's leader has them; a missing one has None instead of bytes."""
        asked = first
        waiting = 0
        kept = {}
        due = first
        while due <= last:
            while asked <= last and waiting < IN_FLIGHT:
                self.send(f"$JS.API.STREAM.MSG.GET.{stream}", asked, {"seq": asked})
                asked += 1
                waiting += 1
            token, body = self.answer()
            waiting -= 1
            kept[int(token)] = body
            while due in kept:
                body = kept.pop(due)
                answer = json.loads(body) if body else {"error": {"code": 503}}
                if "error" in answer:
                    if answer["error"].get("code") != 404:
                        raise ConnectionError(f"message {due} can't be read: {answer['error']}")
                    yield due, None, None
                else:
                    message = answer["message"]
                    yield due, seconds(message["time"]), base64.b64decode(message.get("data", ""))
                due += 1


def seconds(text):
    """RFC 3339 with up to nine digits of a second, in UTC."""
    whole, _, part = text.rstrip("Z").partition(".")
    import calendar

    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + (int(part.ljust(9, "0")) / 1e9 if part else 0.0)
