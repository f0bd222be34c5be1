"""How are the servers and the instances started, killed, paused and made anew?"""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from bounds import (
    COMMAND_SECONDS, EXIT_AFTER_KILL_SECONDS, INSTANCES, LEASE_SECONDS, REQUEST_SECONDS, SERVERS, STOP_SECONDS, STREAM, CannotRun, Finding)
from links import Proxy
from processes import MARKER

# Below the ports that the kernel gives to connections, so that a port stays free while its owner is down.
PORTS = (20000, 32000)


class Ports:
    def __init__(self, rng):
        self.rng = rng
        self.given = set()

    def take(self):
        for _ in range(1000):
            port = self.rng.randrange(*PORTS)
            if port in self.given:
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            self.given.add(port)
            return port
        raise CannotRun("no free port was found")


class Machine:
    """A process that can be ended in every way, and started again."""

    def __init__(self, name, folder):
        self.name = name
        self.folder = folder
        self.process = None
        self.is_paused = False
        os.makedirs(folder, exist_ok=True)

    def launch(self, arguments, environment=None):
        # The kernel ends it with this test, whatever becomes of the test. Needs the main thread as its parent.
        setpriv = shutil.which("setpriv")
        arguments = [setpriv, "--pdeathsig", "KILL", *arguments] if setpriv else arguments
        with open(os.path.join(self.folder, "output.log"), "ab") as log:
            try:
                self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
            except OSError as error:
                raise CannotRun(f"can't run {arguments[0]}: {error}")
        self.is_paused = False

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.is_running:
            os.kill(self.process.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(timeout=EXIT_AFTER_KILL_SECONDS)
        self.is_paused = False

    def pause(self):
        if self.is_running:
            os.kill(self.process.pid, signal.SIGSTOP)
            self.is_paused = True

    def resume(self):
        if self.is_paused and self.is_running:
            os.kill(self.process.pid, signal.SIGCONT)
        self.is_paused = False

    def stop(self, status=0):
        """Ends it as an operator would. Answers how long that took."""
        began = time.monotonic()
        self.process.terminate()
        try:
            ended = self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Finding(f"{self.name} had not stopped {STOP_SECONDS} s after SIGTERM:\n{self.log_tail()}")
        if status is not None and ended != status:
            raise Finding(f"{self.name} ended with status {ended} after SIGTERM:\n{self.log_tail()}")
        return time.monotonic() - began

    def log_tail(self, size=3000):
        try:
            with open(os.path.join(self.folder, "output.log"), "rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(0, log.tell() - size))
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    @staticmethod
    def ask(port, path, seconds=REQUEST_SECONDS):
        """(status, headers, body) of a GET; None where there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class Server(Machine):
    """One nats-server, with its store."""

    def __init__(self, number, folder, program, ports):
        super().__init__(f"n{number + 1}", folder)
        self.number = number
        self.program = program
        self.port, self.route_port, self.monitor_port = ports.take(), ports.take(), ports.take()
        self.store = os.path.join(folder, "store")
        # Ports of the proxies by which it reaches the others' routes.
        self.routes = []

    def start(self):
        configuration = os.path.join(self.folder, "server.conf")
        routes = ", ".join(f'"nats-route://127.0.0.1:{port}"' for port in self.routes)
        with open(configuration, "w") as file:
            file.write(
                f'listen: "127.0.0.1:{self.port}"\nserver_name: "{self.name}"\nhttp: "127.0.0.1:{self.monitor_port}"\n'
                f'jetstream {{ store_dir: "{self.store}", max_file_store: 4GB }}\n'
                # Others are reached by the proxies alone: nothing is learnt from one another, neither clients' addresses nor routes.
                f'cluster {{ name: "campaign", listen: "127.0.0.1:{self.route_port}", no_advertise: true, advertise: "127.0.0.1:1", '
                f"routes: [{routes}] }}\n")
        self.launch([self.program, "-c", configuration])

    def wipe(self):
        shutil.rmtree(self.store, ignore_errors=True)

    def is_healthy(self):
        answer = self.ask(self.monitor_port, "/healthz", 2)
        return answer is not None and answer[0] == 200

    def own_state(self):
        """What this server itself holds of the stream, and who leads it by its word; None where it doesn't say."""
        answer = self.ask(self.monitor_port, "/jsz?streams=true&config=false", 2)
        if answer is None or answer[0] != 200:
            return None
        for account in json.loads(answer[2]).get("account_details") or []:
            for stream in account.get("stream_detail") or []:
                if stream["name"] == STREAM:
                    state = stream["state"]
                    return {key: state[key] for key in ("messages", "first_seq", "last_seq", "bytes")}, stream.get("cluster", {}).get("leader")
        return None


class Instance(Machine):
    """One `greenroom serve`, with its file."""

    def __init__(self, number, folder, program, mark, ports):
        super().__init__(f"g{number + 1}", folder)
        self.number = number
        self.program = program
        # Also in the environment of the workers that it starts.
        self.mark = f"{mark}/{self.name}"
        self.port = ports.take()
        self.database = os.path.join(folder, "greenroom.db")
        self.servers = []
        self.policy = None
        self.starts = 0

    def start(self):
        configuration = os.path.join(self.folder, "serve.yaml")
        servers = ", ".join(f"'nats://127.0.0.1:{port}'" for port in self.servers)
        with open(configuration, "w") as file:
            file.write(
                f"listen: 127.0.0.1:{self.port}\n"
                f"database: {json.dumps(self.database)}\n"
                f"policies: [{json.dumps(self.policy)}]\n"
                "logging: {level: info}\n"
                f"log: {{jetstream: {{servers: [{servers}], stream: {STREAM}, replicas: {SERVERS}, leaseSeconds: {LEASE_SECONDS:g}}}}}\n")
        environment = dict(os.environ, **{MARKER: self.mark}, POD_NAME=self.name)
        environment.pop("GREENROOM_TOKEN", None)
        self.launch([self.program, "serve", "--config", configuration], environment)
        self.starts += 1

    def wipe(self):
        for name in os.listdir(self.folder):
            if name.startswith("greenroom.db"):
                path = os.path.join(self.folder, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

    def is_ready(self):
        answer = self.ask(self.port, "/readyz", 3)
        return answer is not None and answer[0] == 200

    def why_not_ready(self):
        answer = self.ask(self.port, "/readyz", 3)
        return "no answer" if answer is None else f"{answer[0]} {answer[2][:600].decode(errors='replace')}"

    def command(self, *arguments):
        """Runs a command of the same program: (status, stdout, stderr)."""
        try:
            done = subprocess.run([self.program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise Finding(f"`greenroom {' '.join(arguments)}` took longer than {COMMAND_SECONDS} s")
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


POLICY = """\
apiVersion: greenroom.dev/v1
kind: WorkerPoolAutoscaler
metadata: {name: pool, namespace: crash}
spec:
  scaleTargetRef: {kind: Process, name: pool}
  slotsPerWorker: 2
  minReplicaCount: 0
  maxReplicaCount: 3
  cooldownPeriod: 2
  triggers:
  - {type: demand, threshold: 1, activationThreshold: 0}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {scaleDown: {stabilizationWindowSeconds: 1}}
  drain: {timeoutSeconds: 5}
"""


class Cluster:
    """Three servers, three instances, and the links between all of them."""

    def __init__(self, folder, greenroom, nats_server, mark, rng):
        ports = Ports(rng)
        self.folder = folder
        self.proxy = Proxy()
        self.servers = [Server(k, os.path.join(folder, f"n{k + 1}"), nats_server, ports) for k in range(SERVERS)]
        self.instances = [Instance(k, os.path.join(folder, f"g{k + 1}"), greenroom, mark, ports) for k in range(INSTANCES)]
        # By the two numbers: the routes between two servers, and an instance's way to a server.
        self.route_links = {}
        self.client_links = {}
        for one in self.servers:
            for other in self.servers:
                if one is not other:
                    link = self.proxy.link(f"{one.name}→{other.name}", ports.take(), other.route_port)
                    one.routes.append(link.port)
                    self.route_links.setdefault(frozenset((one.number, other.number)), []).append(link)
        policy = os.path.join(folder, "policy.yaml")
        with open(policy, "w") as file:
            file.write(POLICY)
        for instance in self.instances:
            instance.policy = policy
            for server in self.servers:
                link = self.proxy.link(f"{instance.name}→{server.name}", ports.take(), server.port)
                instance.servers.append(link.port)
                self.client_links[instance.number, server.number] = link

    @property
    def links(self):
        return [link for pair in self.route_links.values() for link in pair] + list(self.client_links.values())

    def stream_leader(self):
        """The server that most of them name; None where there is none."""
        named = {}
        for server in self.servers:
            if server.is_running and not server.is_paused:
                state = server.own_state()
                if state and state[1]:
                    named[state[1]] = named.get(state[1], 0) + 1
        if not named:
            return None
        best = max(named, key=named.get)
        return next((server for server in self.servers if server.name == best), None)

    def end(self):
        """Whatever happened: nothing of this outlives the test."""
        for machine in [*self.instances, *self.servers]:
            try:
                machine.resume()
                machine.kill()
            except (OSError, subprocess.TimeoutExpired):
                pass
        self.proxy.close()
