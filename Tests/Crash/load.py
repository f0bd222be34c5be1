"""Who sends events while the service is killed, and which of them were acknowledged?"""

import http.client
import random
import threading
import time

from client import Client
from events import EventMaker, Request, positions_of
from limits import BATCH_EVENTS_MOST, JOIN_SECONDS, LOAD_THREADS, PAUSE_SECONDS_MOST, Finding


class Load:
    """Threads that send events until they are told to stop or the service is gone."""

    def __init__(self, service, seed, run):
        self.service = service
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        # Guarded by the lock.
        self.requests = []
        self.finding = None
        self.threads = [
            threading.Thread(target=self.work, args=(random.Random(f"{seed}/{run}/{k}"), run, k), daemon=True)
            for k in range(LOAD_THREADS)
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def join(self):
        """Waits for all threads; what they sent is complete after that."""
        self.stopping.set()
        deadline = time.monotonic() + JOIN_SECONDS
        for thread in self.threads:
            thread.join(max(0.1, deadline - time.monotonic()))
            if thread.is_alive():
                raise Finding(f"a request was neither answered nor broken off within {JOIN_SECONDS} s")
        if self.finding is not None:
            raise self.finding

    def work(self, rng, run, index):
        try:
            self.send_until_stopped(rng, EventMaker(rng, run, index))
        except Exception as error:  # Whatever it is, the main thread is to hear of it.
            with self.lock:
                self.finding = self.finding or (error if isinstance(error, Finding) else Finding(f"load thread {index}: {error!r}"))

    def send_until_stopped(self, rng, maker):
        client = Client(self.service.port)
        acknowledged = []
        while not self.stopping.is_set():
            request, mode = self.next_request(rng, maker, acknowledged)
            with self.lock:
                self.requests.append(request)
            try:
                answer = client.send(request, mode)
            except (OSError, http.client.HTTPException):
                # Broken off: nobody knows what became of it.
                client.close()
                client = Client(self.service.port)
                time.sleep(0.01)
                continue
            if answer is not None:
                request.positions = positions_of(answer, len(request.events))
                acknowledged.append(request)
            time.sleep(rng.random() * PAUSE_SECONDS_MOST)
        client.close()

    @staticmethod
    def next_request(rng, maker, acknowledged):
        choice = rng.random()
        if choice < 0.15:
            return Request([maker.request()]), "single"
        if choice < 0.30:
            return Request([maker.one()]), rng.choice(["single", "binary"])
        events = [maker.one() for _ in range(rng.randint(1, BATCH_EVENTS_MOST))]
        if acknowledged and choice < 0.45:
            # A producer that isn't sure repeats itself: some known events among the new ones.
            events += rng.sample(rng.choice(acknowledged).events, 1)
            rng.shuffle(events)
        return Request(events), "batch"
