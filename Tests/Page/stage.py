"""What the page is tried on: real services of this program on 127.0.0.1, with incidents made by real events."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """`greenroom serve` over a log of its own, which stays when it is started again."""

    def __init__(self, program, folder=None, tokens=None):
        self.program = program
        self.folder = folder or tempfile.mkdtemp(prefix="greenroom-page-")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = None
        self.process = None
        self.number = 0
        if tokens:
            path = os.path.join(self.folder, "tokens")
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(f"{token} {role} {name}\n" for token, role, name in tokens))
            os.chmod(path, 0o600)
            self.token = next((token for token, role, _ in tokens if "admin" in role and "ingest" in role), None)
        config = [f"listen: 127.0.0.1:{self.port}", f"database: {self.folder}/greenroom.db", "workers: {nodes: [node-a, node-b, node-c]}"]
        if tokens:
            config.append(f"tokens: {self.folder}/tokens")
        with open(os.path.join(self.folder, "config.yaml"), "w", encoding="utf-8") as file:
            file.write("\n".join(config) + "\n")

    def start(self):
        out = open(os.path.join(self.folder, "out.txt"), "ab")
        self.process = subprocess.Popen([self.program, "serve", "--config", f"{self.folder}/config.yaml"], stdout=out, stderr=out, cwd=self.folder,
                                        start_new_session=True)
        out.close()
        self.until(lambda: self.status("/readyz") == 200, "the service is ready", 60)
        return self

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- Requests ---

    def request(self, method, path, body=None, kind="application/json"):
        headers = {"content-type": kind} if body is not None else {}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, data=body.encode() if isinstance(body, str) else body, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as response:
            text = response.read()
            return json.loads(text) if response.headers.get("content-type", "").startswith("application/json") else text

    def status(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def get(self, path):
        return self.request("GET", path)

    def events(self, *events):
        lines = []
        for kind, subject, data in events:
            self.number += 1
            lines.append(json.dumps({"specversion": "1.0", "type": f"dev.greenroom.{kind}", "source": "/page-test", "id": str(self.number), "subject": subject, "data": data}))
        return self.request("POST", "/v1/events", "\n".join(lines) + "\n", "application/x-ndjson")

    def policy(self, name, namespace="tour", **spec):
        whole = {"apiVersion": "greenroom.dev/v1", "kind": "WorkerPoolAutoscaler", "metadata": {"name": name, "namespace": namespace},
                 "spec": {"scaleTargetRef": {"kind": "Process"}, "minReplicaCount": 0, "maxReplicaCount": 4, "triggers": [{"type": "demand", "threshold": 1}], **spec}}
        return self.request("PUT", f"/v1/policies/{namespace}/{name}", json.dumps(whole))

    def pool(self, name, at=None):
        return self.get(f"/v1/pools/{name}" + (f"?at={at}" if at else ""))

    def until(self, condition, what, seconds=40):
        deadline = time.monotonic() + seconds
        while True:
            try:
                if value := condition():
                    return value
            except (OSError, KeyError, urllib.error.URLError):
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s: {what}")
            time.sleep(0.05)


def incidents(service):
    """A night: a pool stuck at its maximum, a crash loop, a pause that was forgotten, a misspelt pool, and one that is well."""
    service.policy("stuck", maxReplicaCount=3)
    service.policy("crashing", maxReplicaCount=2, scaleTargetRef={"kind": "Process", "command": ["sh", "-c", "exit 7"]})
    service.policy("paused", maxReplicaCount=6)
    service.policy("well", maxReplicaCount=6, slotsPerWorker=2, buffer={"spare": 1}, triggers=[{"type": "demand", "threshold": 2}], cooldownPeriod=4)
    service.request("PUT", "/v1/pools/tour/paused/pause", json.dumps({"hold": 1}))
    turn = lambda pool, name, millis: ("actor.requested", name, {"pool": f"tour/{pool}", "expectedMillis": millis})
    service.events(*[turn("stuck", f"tour/s-{n}", 600_000) for n in range(9)])
    service.events(*[turn("paused", f"tour/p-{n}", 600_000) for n in range(4)])
    service.events(*[turn("wel", f"tour/lost-{n}", 1_000) for n in range(2)])
    service.events(*[turn("well", f"tour/w-{n}", 1_200) for n in range(5)])
    for round_ in range(4):
        service.events(turn("crashing", f"tour/c-{round_}", 1_000))
        service.until(lambda: service.get(f"/v1/actors/tour/c-{round_}")["status"] == "STATUS_CRASHED", f"c-{round_} has crashed")
    service.until(lambda: service.pool("tour/stuck")["demand"]["waiting"] == 6, "six wait for the pool at its maximum")
    service.until(lambda: service.pool("tour/paused")["demand"]["waiting"] == 3, "three wait for the paused pool")
    service.until(lambda: all(service.get(f"/v1/actors/tour/w-{n}")["status"] == "STATUS_SUSPENDED" for n in range(5)), "the turns of the pool that is well are over")
