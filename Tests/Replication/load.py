"""Who sends events and asks for placements while things fail, and what was acknowledged?

Each client has three addresses and one patience: what isn't acknowledged by one instance is sent to the next, with the same ids, until
somebody acknowledges it.
"""

import http.client
import json
import os
import random
import sys
import threading
import time

from bounds import BATCH_EVENTS_MOST, JOIN_SECONDS, LOAD_THREADS, PAUSE_SECONDS_MOST, PLACED_ACTORS, POOL, REQUEST_SECONDS, Finding
from client import encode, parsed
from events import EventMaker, Request, positions_of

# What each refusal said, for who looks for a cause.
TELLS = bool(os.environ.get("GREENROOM_CAMPAIGN_TELLS"))

# Answers that say `not now`: the same ids are sent again, elsewhere.
NOT_NOW = (429, 502, 503, 504)


class ManyClient:
    """One client of all instances."""

    def __init__(self, ports, rng, bound):
        self.ports = ports
        self.rng = rng
        self.bound = bound
        self.connections = {}
        self.current = rng.randrange(len(ports))

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def once(self, method, path, body, headers, where=None):
        """(status, headers, body) of one attempt at the current instance; None where it broke off."""
        port = self.ports[self.current if where is None else where]
        connection = self.connections.get(port)
        if connection is None:
            connection = self.connections[port] = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            del self.connections[port]
            return None

    def until_answered(self, method, path, body, headers, is_over):
        """Goes from instance to instance until one answers for good; None where `is_over` says that it is enough."""
        while not is_over():
            answer = self.once(method, path, body, headers)
            if answer is not None and answer[0] not in NOT_NOW:
                return answer
            if TELLS:
                print(f"{time.strftime('%T')} {self.ports[self.current]}: {answer and answer[2][:300]}", file=sys.stderr)
            self.current = (self.current + 1) % len(self.ports)
            time.sleep(self.rng.uniform(0.02, 0.1))
        return None


class Load:
    """Threads that send events and ask for placements until they are told to stop."""

    # Whether the program knows `?after=SEQ`, which waits for a position. Without it readers look again and again.
    waits = True

    def __init__(self, ports, seed, round_number):
        self.ports = ports
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        # Guarded by the lock.
        self.requests = []
        self.placements = []
        self.acknowledged_at = []
        self.finding = None
        self.reads = 0
        self.answers_by_instance = [0] * len(ports)
        names = [("events", k) for k in range(LOAD_THREADS)] + [("placements", 0), ("reads", 0)]
        self.threads = [
            threading.Thread(
                target=self.work, args=(kind, random.Random(f"{seed}/{round_number}/{kind}/{k}"), round_number, k), daemon=True)
            for kind, k in names
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def join(self):
        self.stopping.set()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in self.threads:
            thread.join(max(0.1, deadline - time.monotonic()))
            if thread.is_alive():
                raise Finding(f"a request was neither answered nor broken off within {JOIN_SECONDS} s")
        if self.finding is not None:
            raise self.finding

    def work(self, kind, rng, number, index):
        client = ManyClient(self.ports, rng, REQUEST_SECONDS)
        try:
            {"events": self.send_events, "placements": self.ask_placements, "reads": self.read_own_writes}[kind](client, rng, number, index)
        except Exception as error:  # Whatever it is, the main thread is to hear of it.
            with self.lock:
                self.finding = self.finding or (error if isinstance(error, Finding) else Finding(f"{kind} {index}: {error!r}"))
        finally:
            client.close()

    def count_acknowledgements(self):
        with self.lock:
            return len(self.acknowledged_at)

    def send_events(self, client, rng, number, index):
        maker = EventMaker(rng, number, index)
        while not self.stopping.is_set():
            if rng.random() < 0.2:
                client.current = rng.randrange(len(self.ports))
            choice = rng.random()
            if choice < 0.2:
                request, mode = Request([maker.request()]), "single"
            elif choice < 0.4:
                request, mode = Request([maker.one()]), "single"
            else:
                request, mode = Request([maker.one() for _ in range(rng.randint(1, BATCH_EVENTS_MOST))]), "batch"
            with self.lock:
                self.requests.append(request)
            self.send(client, request, mode, self.stopping.is_set)
            time.sleep(rng.random() * PAUSE_SECONDS_MOST)

    def send(self, client, request, mode="batch", is_over=lambda: False):
        body, headers = encode(request.events, mode)
        answer = client.until_answered("POST", "/v1/events", body, headers, is_over)
        if answer is None:
            return
        status, _, text = answer
        if status != 200:
            raise Finding(f"good events were answered {status}: {text[:500]!r}")
        request.positions = positions_of(parsed(text, "an acknowledgement"), len(request.events))
        with self.lock:
            self.acknowledged_at.append(time.time())
            self.answers_by_instance[client.current] += 1

    def ask_placements(self, client, rng, number, index):
        """An actor asks, gets a worker, runs its turn there, asks again: with one id a turn, whoever is asked."""
        count = 0
        while not self.stopping.is_set():
            count += 1
            actor = f"placed-{number}-{rng.randrange(PLACED_ACTORS)}"
            body = json.dumps({
                "actor": actor, "pool": POOL, "id": f"turn-{number}-{index}-{count}", "expectedMillis": 50, "waitSeconds": 1})
            deadline = time.monotonic() + 20
            while not self.stopping.is_set() and time.monotonic() < deadline:
                answer = client.until_answered(
                    "POST", "/v1/placements", body, {"Content-Type": "application/json"}, self.stopping.is_set)
                if answer is None:
                    break
                status, _, text = answer
                if status == 200:
                    with self.lock:
                        self.placements.append((actor, parsed(text, "a placement")))
                        self.acknowledged_at.append(time.time())
                    break
                if status == 409:
                    # It runs a turn already: the actors are few, and chosen at random.
                    break
                if status != 202:
                    raise Finding(f"a good request for a placement was answered {status}: {text[:500]!r}")
            time.sleep(rng.random() * 0.1)

    def read_own_writes(self, client, rng, number, index):
        """What one instance acknowledged, another shows when it is asked to wait for it."""
        maker = EventMaker(rng, number, f"reads{index}")
        while not self.stopping.is_set():
            client.current = rng.randrange(len(self.ports))
            request = Request([maker.request()])
            with self.lock:
                self.requests.append(request)
            self.send(client, request, "single", self.stopping.is_set)
            if request.positions:
                self.read_as_of(client, rng.randrange(len(self.ports)), request.events[0]["subject"], request.positions[0])
            time.sleep(rng.random() * 0.3)

    def read_as_of(self, client, other, actor, position):
        """Asks one instance for an actor that another has acknowledged, and to wait for that position. One that fails may say `not now`."""
        deadline = time.monotonic() + REQUEST_SECONDS
        while not self.stopping.is_set() and time.monotonic() < deadline:
            path = f"/v1/actors/{actor}" + (f"?after={position}" if Load.waits else "")
            answer = client.once("GET", path, None, {}, other)
            if answer is None or answer[0] in NOT_NOW:
                time.sleep(0.05)
                continue
            status, headers, text = answer
            folded = headers.get("Greenroom-Position")
            if status == 400 and Load.waits:
                Load.waits = False
                continue
            if not Load.waits and (folded is None or int(folded) < position):
                time.sleep(0.05)
                continue
            if status != 200:
                raise Finding(
                    f"g{other + 1} was asked for {actor} as of position {position}, which was acknowledged, and answers {status}: {text[:300]!r}")
            if folded is None or int(folded) < position:
                raise Finding(f"g{other + 1} answered as of position {folded} where after={position} was asked")
            with self.lock:
                self.reads += 1
            return
