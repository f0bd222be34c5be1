"""How is the service started, killed and stopped, always on the same log?"""

import http.client
import json
import os
import signal
import subprocess
import time

from client import Client, free_port
from limits import (
    COMMAND_SECONDS, EXIT_AFTER_KILL_SECONDS, PORT_TRIES, READY_SECONDS, STOP_SECONDS, CannotRun, Finding)
from processes import MARKER


def write_configuration(folder, port):
    """The one place that knows what the service's configuration looks like."""
    policy = os.path.join(folder, "policy.yaml")
    with open(policy, "w") as file:
        file.write(
            "apiVersion: greenroom.dev/v1\n"
            "kind: WorkerPoolAutoscaler\n"
            "metadata: {name: pool, namespace: crash}\n"
            "spec:\n"
            "  scaleTargetRef: {kind: Process, name: pool}\n"
            "  slotsPerWorker: 1\n"
            "  minReplicaCount: 0\n"
            "  maxReplicaCount: 3\n"
            "  cooldownPeriod: 2\n"
            "  triggers:\n"
            "  - {type: demand, threshold: 1, activationThreshold: 0}\n"
            "  advanced:\n"
            "    horizontalPodAutoscalerConfig:\n"
            "      behavior: {scaleDown: {stabilizationWindowSeconds: 1}}\n"
            "  drain: {timeoutSeconds: 5}\n"
        )
    configuration = os.path.join(folder, "serve.yaml")
    with open(configuration, "w") as file:
        file.write(
            f"listen: 127.0.0.1:{port}\n"
            f"database: {json.dumps(os.path.join(folder, 'greenroom.db'))}\n"
            f"policies: [{json.dumps(policy)}]\n"
            "logging: {level: warning}\n"
        )
    return configuration


class Service:
    """The service under test: started, killed and started again on the same log."""

    def __init__(self, binary, folder, mark):
        self.binary = binary
        self.folder = folder
        self.mark = mark
        self.database = os.path.join(folder, "greenroom.db")
        self.process = None
        self.port = None
        self.starts = 0

    def spawn(self):
        self.port = free_port()
        configuration = write_configuration(self.folder, self.port)
        environment = dict(os.environ, **{MARKER: self.mark})
        environment.pop("GREENROOM_TOKEN", None)
        with open(os.path.join(self.folder, "service.log"), "ab") as log:
            try:
                self.process = subprocess.Popen(
                    [self.binary, "serve", "--config", configuration], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env=environment)
            except OSError as error:
                raise CannotRun(f"can't run {self.binary}: {error}")
        self.starts += 1

    def start(self):
        """Starts it and waits until it is ready."""
        self.spawn()
        tries = 1
        deadline = time.monotonic() + READY_SECONDS
        last = "no answer"
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                if "in use" in self.log_tail(300) and tries < PORT_TRIES:
                    tries += 1
                    self.spawn()
                    continue
                raise Finding(f"the service ended with status {self.process.returncode} while starting:\n{self.log_tail()}")
            try:
                client = Client(self.port)
                status, body = client.call("GET", "/readyz")
                client.close()
                if status == 200:
                    return
                last = f"{status} {body[:300]!r}"
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.02)
        raise Finding(f"the service was not ready after {READY_SECONDS} s (last answer: {last}):\n{self.log_tail()}")

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=EXIT_AFTER_KILL_SECONDS)

    def stop(self):
        """Ends it as an operator would."""
        self.process.terminate()
        try:
            status = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Finding(f"the service had not stopped {STOP_SECONDS} s after SIGTERM:\n{self.log_tail()}")
        if status != 0:
            raise Finding(f"the service ended with status {status} after SIGTERM:\n{self.log_tail()}")

    def log_tail(self, size=3000):
        with open(os.path.join(self.folder, "service.log"), "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - size))
            return log.read().decode(errors="replace")

    def command(self, *arguments):
        """Runs a command of the same binary: (status, stdout, stderr)."""
        try:
            done = subprocess.run(
                [self.binary, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise Finding(f"`greenroom {' '.join(arguments)}` took longer than {COMMAND_SECONDS} s")
        except OSError as error:
            raise CannotRun(f"can't run {self.binary}: {error}")
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
