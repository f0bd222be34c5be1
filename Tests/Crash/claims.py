"""What must hold after a kill, and does it? Each claim raises a Finding where it doesn't."""

import http.client
import os
import sqlite3
import time

from client import Client, parsed
from events import positions_of
from limits import ORPHANS_SECONDS, POOL, REQUEST_SECONDS, STATE_SECONDS, Finding
from processes import descends_from, describe, is_unowned_worker, marked_processes


class Acknowledged:
    """Every (source, id) acknowledged so far, with its first position."""

    def __init__(self):
        self.positions = {}

    def add(self, request):
        for key, position in zip(request.keys(), request.positions):
            known = self.positions.setdefault(key, position)
            if known != position:
                raise Finding(f"{key} was acknowledged at position {known}, and again at {position}")


def check_verify(service):
    status, out, err = service.command("log", "verify", "--db", service.database)
    if status != 0:
        raise Finding(f"`log verify` ended with status {status}:\n{(out + err)[-2000:]}")


def check_replay(service):
    """The log through the live code again, after any number of kills and restarts: every decision comes out as it was."""
    status, out, err = service.command("replay", "--db", service.database)
    if status != 0:
        raise Finding(f"`replay` ended with status {status}:\n{(out + err)[-2000:]}")


def read_log(database):
    """Every (source, id) in the log with its position; a Finding where one is there twice or a position is missing."""
    positions = {}
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=REQUEST_SECONDS)
    try:
        expected = 1
        for seq, source, ident in connection.execute("SELECT seq, source, id FROM event_log ORDER BY seq"):
            if seq != expected:
                raise Finding(f"position {expected} is missing: the log goes on with {seq}")
            expected += 1
            first = positions.setdefault((source, ident), seq)
            if first != seq:
                raise Finding(f"({source}, {ident}) is in the log twice: at {first} and {seq}")
    finally:
        connection.close()
    return positions


def check_log(service, acknowledged, unanswered):
    logged = read_log(service.database)
    for key, position in acknowledged.positions.items():
        found = logged.get(key)
        if found is None:
            raise Finding(f"{key} was acknowledged at position {position} and is not in the log")
        if found != position:
            raise Finding(f"{key} was acknowledged at position {position} and is in the log at {found}")
    for request in unanswered:
        new = [key for key in request.keys() if key not in acknowledged.positions]
        there = sum(key in logged for key in new)
        if there not in (0, len(new)):
            raise Finding(f"a request of {len(request.events)} events that was not answered is in the log in part: {there} of {len(new)}")
    return len(logged)


def check_repeats(service, answered, unanswered, acknowledged):
    """A restarted service knows what it acknowledged, and takes what it didn't."""
    client = Client(service.port)
    try:
        for request in answered:
            answer = resend(client, request)
            if answer["accepted"] != 0:
                raise Finding(f"after the restart {answer['accepted']} of {len(request.events)} acknowledged events were taken as new: {request.keys()[:3]}…")
            if positions_of(answer, len(request.events)) != request.positions:
                raise Finding(f"after the restart other positions are answered than before: {answer} instead of {request.positions}")
        for request in unanswered:
            request.positions = positions_of(resend(client, request), len(request.events))
            acknowledged.add(request)
    except (OSError, http.client.HTTPException) as error:
        raise Finding(f"the restarted service broke off a request: {error!r}\n{service.log_tail()}")
    finally:
        client.close()


def resend(client, request):
    deadline = time.monotonic() + REQUEST_SECONDS
    while True:
        answer = client.send(request)
        if answer is not None:
            return answer
        if time.monotonic() > deadline:
            raise Finding(f"the restarted service was too busy for {REQUEST_SECONDS} s")
        time.sleep(0.05)


def pools_in(text):
    """Desired count and demand by pool, of a list of pools in JSON (the list itself, or the one list in an object)."""
    value = parsed(text, "the list of pools")
    if isinstance(value, dict):
        value = next((v for v in value.values() if isinstance(v, list)), [])
    return {f"{p['namespace']}/{p['name']}": (p["desired"], p["demand"]) for p in value}


def last_position(database):
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=REQUEST_SECONDS)
    try:
        return connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    finally:
        connection.close()


def copy_log(source, target):
    for suffix in ("", "-wal", "-shm"):
        if os.path.exists(target + suffix):
            os.remove(target + suffix)
    reading = sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=REQUEST_SECONDS)
    writing = sqlite3.connect(target)
    try:
        reading.backup(writing)
    finally:
        writing.close()
        reading.close()


def check_state(service):
    """The pools answered live are those folded from the log alone, at the same position.

    Workers go on reporting meanwhile, so both are taken until nothing was appended in between; what the loop hasn't folded yet
    is a matter of milliseconds, so a difference counts only where it stays.
    """
    copy = os.path.join(service.folder, "copy.db")
    deadline = time.monotonic() + STATE_SECONDS
    difference = "the log never stood still"
    while time.monotonic() < deadline:
        before = last_position(service.database)
        client = Client(service.port)
        try:
            status, text = client.call("GET", "/v1/pools")
        except (OSError, http.client.HTTPException) as error:
            raise Finding(f"GET /v1/pools broke off: {error!r}\n{service.log_tail()}")
        finally:
            client.close()
        if status != 200:
            raise Finding(f"GET /v1/pools was answered {status}: {text[:500]!r}")
        copy_log(service.database, copy)
        if not before == last_position(copy) == last_position(service.database):
            continue
        status, out, err = service.command("get", "pools", "--db", copy, "-o", "json")
        if status != 0:
            raise Finding(f"`get pools --db` ended with status {status}: {err[-1000:]}")
        live, folded = pools_in(text), pools_in(out)
        if POOL not in live:
            raise Finding(f"the restarted service doesn't know pool {POOL}: {live}")
        if live == folded:
            return
        difference = f"at position {before} the service says {live}, its log says {folded}"
        time.sleep(0.1)
    raise Finding(f"the state after the restart is not what the log says: {difference}")


def check_processes(service, owners):
    """Every worker there is belongs to the service that runs now; none where none runs."""
    deadline = time.monotonic() + ORPHANS_SECONDS
    while True:
        pid = service.process.pid if service.is_running() else None
        others = {p: owner for p, owner in marked_processes(service.mark).items() if p != pid}
        owners.update(owner for owner in others.values() if owner)
        left = [p for p in others if pid is None or not descends_from(p, pid)]
        left = [p for p in left if os.path.exists(f"/proc/{p}")]
        if not left:
            break
        if time.monotonic() > deadline:
            raise Finding(f"left over after {ORPHANS_SECONDS} s: {', '.join(describe(p) for p in left[:5])}")
        time.sleep(0.05)
    if len(owners) > 1:
        raise Finding(f"workers on one log carry several owners: {sorted(owners)}")
    for p, owner in others.items():
        if owner is None and is_unowned_worker(p):
            raise Finding(f"worker process {describe(p)} carries no GREENROOM_OWNER, so a later start could not find it")
