# A server that answers as servers shouldn't: one behaviour a path. Its argument is the port.
import http.server
import signal
import sys
import time

ANSWER = b'{"status":"success","data":{"resultType":"scalar","result":[1.5,"8"]}}'


JSZ = (
    b'{"account_details":[{"name":"$G","stream_detail":[{"name":"s","consumer_detail":[{"name":"c","num_pending":%s,"num_ack_pending":2,'
    b'"cluster":{"name":"C","leader":"%s","replicas":[{"name":"n2"},{"name":"n3"}]}}]}]}]}'
)
requests = 0
looks = 0


class Rude(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        behaviour = self.path.split("/")[1]
        global requests, looks
        requests += 1
        if behaviour == "count":
            # Requests before this one.
            self.answer(200, b'{"status":"success","data":{"resultType":"scalar","result":[1.5,"%d"]}}' % (requests - 1))
        elif behaviour == "away":
            self.send_response(307)
            self.send_header("location", "http://127.0.0.1:%s/token/x" % self.path.split("/")[2])
            self.send_header("content-length", "0")
            self.end_headers()
        elif behaviour in ("nats", "follower"):
            # A follower first, then the leader; or a follower always.
            looks += 1
            leads = behaviour == "nats" and looks % 2 == 0
            consumer = JSZ % (b"5" if leads else b"99", b"n1" if leads else b"n2")
            self.answer(200, consumer)
        elif behaviour == "token":
            right = self.headers.get("authorization") == "Bearer s3cret"
            self.answer(200 if right else 401, ANSWER if right else b'{"status":"error","error":"who are you?"}')
        elif behaviour == "slow":
            time.sleep(5)
            self.answer(200, ANSWER)
        elif behaviour == "drip":
            self.send_response(200)
            self.send_header("content-length", "1000000")
            self.end_headers()
            for _ in range(100):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        elif behaviour == "endless":
            self.send_response(200)
            self.send_header("content-length", str(1 << 30))
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" " * 65536)
            except OSError:
                self.close_connection = True
        elif behaviour == "elsewhere":
            self.send_response(302)
            self.send_header("location", "/token" + self.path.removeprefix("/elsewhere"))
            self.send_header("content-length", "0")
            self.end_headers()
        else:
            self.answer(200, b"<html>")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


# Whoever starts it may have SIGTERM blocked.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
Server(("127.0.0.1", int(sys.argv[1])), Rude).serve_forever()
