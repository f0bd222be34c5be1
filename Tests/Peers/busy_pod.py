# A pod's busy endpoint, one behaviour a path. Its argument is the port.
import http.server
import signal
import sys
import time

requests = 0


class Pod(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global requests
        requests += 1
        words = self.path.split("/")[1:]
        behaviour, number = words[0], words[1] if len(words) > 1 else "0"
        if behaviour == "busy":
            self.answer(200, number)
        elif behaviour == "json":
            self.answer(200, '{"busy": %s}' % number)
        elif behaviour == "metrics":
            self.answer(200, "# TYPE tasks_in_flight gauge\ntasks_in_flight %s\n" % number)
        elif behaviour == "count":
            self.answer(200, str(requests))
        elif behaviour == "slow":
            time.sleep(5)
            self.answer(200, "0")
        elif behaviour == "drip":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            try:
                for _ in range(100):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                self.close_connection = True
        elif behaviour == "flood":
            self.send_response(200)
            self.send_header("content-length", str(1 << 30))
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" " * 65536)
            except OSError:
                self.close_connection = True
        elif behaviour == "away":
            self.send_response(302)
            self.send_header("location", "/busy/0")
            self.send_header("content-length", "0")
            self.end_headers()
        elif behaviour == "error":
            self.answer(500, "0")
        elif behaviour == "cut":
            self.close_connection = True
        else:
            self.answer(200, "<html>")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


# Whoever starts it may have SIGTERM blocked.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
Server(("127.0.0.1", int(sys.argv[1])), Pod).serve_forever()
