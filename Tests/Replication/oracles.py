"""What must hold after a round, and does it? Each claim raises a Finding where it doesn't."""

import json
import os
import sqlite3
import threading
import time

from bounds import CLOCK_SLACK_SECONDS, LEASE_SECONDS, POOL, REQUEST_SECONDS, STATE_SECONDS, Finding
from processes import MARKER, arguments_of, environment_of, is_zombie

# --- The logs ---------------------------------------------------------------------------------------------------------------


class InstanceLog:
    """What one instance's file says."""

    def __init__(self, name, positions, commits, kinds):
        self.name = name
        # (source, id) → position.
        self.positions = positions
        # (first position, last position, hash), in order.
        self.commits = commits
        # position → (kind, subject).
        self.kinds = kinds


def read_log(name, database):
    """A Finding where an (source, id) is there twice or a position is missing."""
    positions, kinds = {}, {}
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=REQUEST_SECONDS)
    try:
        connection.execute("BEGIN")
        expected = 1
        for seq, source, ident, kind, subject in connection.execute("SELECT seq, source, id, kind, subject FROM event_log ORDER BY seq"):
            if seq != expected:
                raise Finding(f"{name}: position {expected} is missing: the log goes on with {seq}")
            expected += 1
            first = positions.setdefault((source, ident), seq)
            if first != seq:
                raise Finding(f"{name}: ({source}, {ident}) is in the log twice: at {first} and {seq}")
            kinds[seq] = (kind, subject)
        commits = [(first, last, bytes(link)) for first, last, link in connection.execute("SELECT first_seq, last_seq, hash FROM commits ORDER BY first_seq")]
    finally:
        connection.close()
    return InstanceLog(name, positions, commits, kinds)


def check_same_commits(logs):
    """Every instance has the same commits with the same links; none ends earlier."""
    first = logs[0]
    for other in logs[1:]:
        for index in range(max(len(first.commits), len(other.commits))):
            mine = first.commits[index] if index < len(first.commits) else None
            its = other.commits[index] if index < len(other.commits) else None
            if mine != its:
                raise Finding(f"commit {index + 1} differs: {first.name} has {shown(mine)}, {other.name} has {shown(its)}")
        if first.positions != other.positions:
            raise Finding(f"{first.name} and {other.name} have equal commits and other events in them")


def shown(commit):
    return "none" if commit is None else f"{commit[0]}…{commit[1]} with {commit[2].hex()[:16]}"


def check_stream_has(log, book):
    """The stream's commits are the file's."""
    if [commit for commit in log.commits] != book.commits:
        for index in range(max(len(log.commits), len(book.commits))):
            mine = log.commits[index] if index < len(log.commits) else None
            its = book.commits[index] if index < len(book.commits) else None
            if mine != its:
                raise Finding(f"commit {index + 1} differs: {log.name} has {shown(mine)}, the stream has {shown(its)}")


class Acknowledged:
    """Every (source, id) acknowledged so far, with its position; whichever instance said so, and however often."""

    def __init__(self):
        self.positions = {}

    def add(self, request):
        for key, position in zip(request.keys(), request.positions):
            known = self.positions.setdefault(key, position)
            if known != position:
                raise Finding(f"{key} was acknowledged at position {known}, and again at {position}")


def check_acknowledged(log, acknowledged, unanswered):
    for key, position in acknowledged.positions.items():
        found = log.positions.get(key)
        if found is None:
            raise Finding(f"{log.name}: {key} was acknowledged at position {position} and is not in the log")
        if found != position:
            raise Finding(f"{log.name}: {key} was acknowledged at position {position} and is in the log at {found}")
    for request in unanswered:
        new = [key for key in request.keys() if key not in acknowledged.positions]
        there = sum(key in log.positions for key in new)
        if there not in (0, len(new)):
            raise Finding(f"{log.name}: a request of {len(request.events)} events that nobody acknowledged is in the log in part: {there} of {len(new)}")


def check_placements(log, placements):
    """An answer names the position of the actor's placement; of its turn's beginning where it runs already."""
    for actor, answer in placements:
        found = log.kinds.get(answer["seq"])
        if found is None or found[0] not in ("actor.placed", "actor.running") or found[1].split("/")[-1] != actor:
            raise Finding(f"{log.name}: {actor} was told of its placement at position {answer['seq']}, and there is {found}")


# --- The servers ------------------------------------------------------------------------------------------------------------


def states_differ(states):
    """Why the servers' own states aren't alike; None where they are."""
    missing = [name for name, state in states.items() if state is None]
    if missing:
        return f"{', '.join(missing)} doesn't say what it holds"
    values = {json.dumps(state[0], sort_keys=True) for state in states.values()}
    if len(values) != 1:
        return "; ".join(f"{name} holds {state[0]}" for name, state in states.items())
    leaders = {state[1] for state in states.values()}
    if len(leaders) != 1 or None in leaders:
        return f"they name {leaders} as the stream's leader"
    return None


# --- The state --------------------------------------------------------------------------------------------------------------

# What depends on the moment of the question, not on the log alone.
MOMENTARY = ("ageSeconds", "arrivalsPerSecond", "oldestWaitSeconds", "logTimeAheadSeconds", "waitedSeconds", "waited", "age", "lastSeenSeconds")


def without_moments(value):
    if isinstance(value, dict):
        return {key: without_moments(child) for key, child in value.items() if key not in MOMENTARY}
    return [without_moments(child) for child in value] if isinstance(value, list) else value


def first_difference(one, other, path=""):
    if type(one) is not type(other):
        return f"{path or 'the whole'}: {str(one)[:120]} and {str(other)[:120]}"
    if isinstance(one, dict):
        for key in sorted(one.keys() | other.keys()):
            if one.get(key) != other.get(key):
                return first_difference(one.get(key), other.get(key), f"{path}.{key}")
    if isinstance(one, list):
        for index in range(max(len(one), len(other))):
            mine, its = (values[index] if index < len(values) else None for values in (one, other))
            if mine != its:
                return first_difference(mine, its, f"{path}[{index}]")
    return f"{path}: {str(one)[:120]} and {str(other)[:120]}"


def check_state(instances):
    """Every instance answers the same state as of the same position.

    Events go on coming meanwhile, so it is asked until the positions meet; a difference counts only where it stays.
    """
    deadline = time.monotonic() + STATE_SECONDS
    difference = "their positions never met"
    while time.monotonic() < deadline:
        differing = False
        for path in ("/v1/pools", "/v1/actors?limit=1000", "/v1/workers"):
            answers = {}
            for instance in instances:
                answer = instance.ask(instance.port, path)
                if answer is None:
                    raise Finding(f"{instance.name} broke off GET {path}\n{instance.log_tail()}")
                status, headers, text = answer
                if status != 200:
                    raise Finding(f"{instance.name} answers GET {path} with {status}: {text[:300]!r}")
                position = headers.get("Greenroom-Position")
                if position is None:
                    raise Finding(f"{instance.name} answers GET {path} without Greenroom-Position")
                answers[instance.name] = (int(position), without_moments(json.loads(text)))
            if len({position for position, _ in answers.values()}) != 1:
                differing = True
                break
            names = sorted(answers)
            for name in names[1:]:
                if answers[name][1] != answers[names[0]][1]:
                    differing = True
                    difference = (
                        f"as of position {answers[name][0]} GET {path} differs between {names[0]} and {name}: "
                        + first_difference(answers[names[0]][1], answers[name][1]))
            if path == "/v1/pools" and not differing and POOL.split("/")[1] not in json.dumps(answers[names[0]][1]):
                raise Finding(f"no instance knows the pool {POOL}")
        if not differing:
            return
        time.sleep(0.1)
    raise Finding(f"the instances' states differ: {difference}")


# --- Who acted --------------------------------------------------------------------------------------------------------------


class WorkerStarts:
    """Watches which instance starts workers, and when. Each start is an actuation."""

    INTERVAL_SECONDS = 0.1

    def __init__(self, mark):
        self.mark = mark
        self.ticks = os.sysconf("SC_CLK_TCK")
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        # Guarded by the lock: (pid, start in ticks) → (instance, moment).
        self.starts = {}
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        known = set()
        while not self.stopping.wait(self.INTERVAL_SECONDS):
            for name in os.listdir("/proc"):
                if not name.isdigit() or name in known:
                    continue
                found = self._look(int(name))
                if found is not None:
                    known.add(name)
                    with self.lock:
                        self.starts.setdefault(*found)
            known = {name for name in known if os.path.exists(f"/proc/{name}")}

    def _look(self, pid):
        if arguments_of(pid)[1:2] != ["worker"] or is_zombie(pid):
            return None
        mark, _, instance = environment_of(pid).get(MARKER, "").rpartition("/")
        if mark != self.mark:
            return None
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                ticks = int(file.read().rpartition(b")")[2].split()[19])
        except (OSError, IndexError, ValueError):
            return None
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return (pid, ticks), (instance, booted + ticks / self.ticks)

    def all(self):
        with self.lock:
            return sorted(self.starts.values(), key=lambda start: start[1])

    def close(self):
        self.stopping.set()
        self.thread.join(timeout=5)


def check_only_the_leader_acted(starts, book, pauses=()):
    """Each worker was started by the leader of its moment, and while its last accepted message was younger than the lease.

    A process that was stopped (`pauses`: instance, from, to) may do on waking what it had begun: that start is held to the lease as of the
    moment it was stopped.
    """
    for instance, moment in starts:
        if moment > book.at + LEASE_SECONDS:
            # The stream was read before: it is looked at in the next round.
            continue
        mine = [one for one in book.leadership_at(moment, CLOCK_SLACK_SECONDS) if one.instance == instance]
        if not mine:
            leaders = [one.instance for one in book.leadership_at(moment, 0)]
            if any(who == instance and begin <= moment <= end + CLOCK_SLACK_SECONDS for who, begin, end in pauses):
                continue
            raise Finding(f"{instance} started a worker at {moment:.3f}, and {leaders[-1] if leaders else 'nobody'} led then")
        accepted = [at for one in mine for at in one.accepted if at <= moment + CLOCK_SLACK_SECONDS]
        if not accepted or moment - max(accepted) > LEASE_SECONDS + CLOCK_SLACK_SECONDS:
            since = f"{moment - max(accepted):.2f} s" if accepted else "never"
            raise Finding(f"{instance} started a worker {since} after its last accepted message: its lease of {LEASE_SECONDS:g} s was over")
