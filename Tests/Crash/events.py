"""Which events are sent, and where does the service say that they are?"""

import uuid

from limits import ACTORS, EXPECTED_MILLIS, POOL, Finding


def event(kind, source, ident, subject, data):
    return {
        "specversion": "1.0", "type": "dev.greenroom." + kind, "source": source, "id": ident,
        "subject": subject, "data": data,
    }


class EventMaker:
    """Events of one thread: every (source, id) is made once. Ids come in each form the log stores."""

    def __init__(self, rng, run, thread):
        self.rng = rng
        self.name = f"r{run}-t{thread}"
        # A source shared by all threads with random ids, and one of the thread's own with rising numbers.
        self.shared = "/crash/shared"
        self.own = f"/crash/{self.name}"
        self.count = 0

    def one(self):
        self.count += 1
        form = self.rng.randrange(3)
        if form == 0:
            source, ident = self.own, str(self.count)
        elif form == 1:
            source, ident = self.shared, str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        else:
            source, ident = self.shared, f"{self.name}-{self.count} é\"\\"
        return self.about(source, ident)

    def about(self, source, ident):
        actor = f"quiet-{self.rng.randrange(500)}"
        kind = self.rng.randrange(3)
        if kind == 0:
            return event("actor.created", source, ident, actor, {"pool": POOL, "template": "t", "labels": {"n": str(self.count)}})
        if kind == 1:
            data = {"pool": POOL, "metric": "pending", "value": self.count, "labels": {"thread": self.own}}
            return event("queue.observed", source, ident, POOL, data)
        return event("snapshot.cached", source, ident, "node-1", {"node": "node-1", "snapshot": f"s-{self.count}", "bytes": 7})

    def request(self):
        """An actor asks for a worker: what makes the pool of processes grow."""
        self.count += 1
        actor = f"actor-{self.rng.randrange(ACTORS)}"
        data = {"pool": POOL, "expectedMillis": EXPECTED_MILLIS}
        return event("actor.requested", self.own, f"ask-{self.count}", actor, data)


class Request:
    """Events sent together, and what became of them."""

    def __init__(self, events):
        self.events = events
        # One position per event once it was acknowledged.
        self.positions = None

    def keys(self):
        return [(e["source"], e["id"]) for e in self.events]


def positions_of(answer, count):
    """The position of each event of an acknowledged request, or a Finding where the answer contradicts itself."""
    accepted, duplicates = answer["accepted"], answer["duplicates"]
    if accepted + duplicates != count:
        raise Finding(f"{count} events were sent and {accepted} + {duplicates} acknowledged")
    positions = answer.get("positions")
    if positions is None:
        positions = list(range(answer["firstSeq"], answer["lastSeq"] + 1))
    if len(positions) != count or min(positions) != answer["firstSeq"] or max(positions) != answer["lastSeq"]:
        raise Finding(f"{count} events were acknowledged with positions that don't fit: {answer}")
    return positions
