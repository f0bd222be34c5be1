"""How does Greenroom's HTTP API look on the wire?

The one place that knows paths, members and CloudEvents. Nothing here does I/O: a `Call` says what to send and how to read
the answer; the clients send it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from .errors import Conflict, GreenroomError, NotAllowed, NotFound, Refused

T = TypeVar("T")

TYPE_PREFIX = "dev.greenroom."
BATCH = "application/cloudevents-batch+json"
#: Events of one request; the service takes no more.
EVENTS_PER_REQUEST = 10_000
#: Statuses that say to come again.
RETRIED = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Event:
    """One CloudEvent. Its id is made once: a repeat is the same event, however often it is sent."""

    kind: str
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict)
    source: str = "/python"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    time: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z"))

    def json(self) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "type": TYPE_PREFIX + self.kind,
            "source": self.source,
            "id": self.id,
            "subject": self.subject,
            "time": self.time,
            "data": {name: value for name, value in self.data.items() if value is not None},
        }


@dataclass(frozen=True)
class LoggedEvent:
    """An event as the log has it."""

    seq: int
    kind: str
    subject: str
    namespace: str | None
    data: Mapping[str, Any]
    source: str
    id: str
    #: Log time, RFC 3339.
    at: str
    #: It didn't fit the state of its actor, and changed nothing.
    superseded: bool = False


@dataclass(frozen=True)
class Acknowledgement:
    """The events are on disk."""

    accepted: int
    duplicates: int
    first_seq: int
    last_seq: int
    #: Events that are in the log and change nothing: (index, why).
    warnings: Sequence[tuple[int, str]] = ()
    #: Events that weren't taken: the log has others under their source and id. (index, position of the one in the log).
    conflicts: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Placement:
    """Where an actor may run."""

    worker: str
    node: str
    ip: str | None
    #: Where its state comes from: `local`, `warm`, `golden` or `cold`.
    tier: str
    #: URI of the snapshot to restore; None: it starts anew.
    restore_from: str | None
    waited_seconds: float
    seq: int
    #: The answer was late: its turn is over by now. Then `node`, `ip` and `restore_from` aren't known.
    ended: bool = False


@dataclass(frozen=True)
class Waiting:
    position: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Actor:
    """An actor's state."""

    id: str
    namespace: str
    pool: str
    #: `waiting`, `resuming`, `running`, `idle`, `paused`, `suspended`, `crashed` or `deleted`.
    status: str
    worker: str | None
    node: str | None
    snapshot: str | None
    #: Why it waits.
    reason: str | None
    seq: int


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and how its answer is read."""

    method: str
    path: str
    parse: Callable[[int, Any], T]
    #: Made anew for each try, where it depends on the time.
    body: bytes | Callable[[], bytes] | None = None
    content_type: str | None = None
    #: Seconds that the service may take by request, beside the usual time for an answer.
    waits: float = 0


# --- Names ------------------------------------------------------------------------------------------------------------


def pool_name(text: str) -> str:
    """A pool's name is always written with its namespace."""
    parts = text.split("/")
    if len(parts) != 2 or not all(parts):
        raise GreenroomError(f"a pool is NAMESPACE/NAME, such as team/chat, not {text!r}")
    return text


def full_name(name: str, namespace: str) -> str:
    """An actor's or a worker's name with its namespace, which nothing can take for another's."""
    return name if name.startswith(namespace + "/") else f"{namespace}/{name}"


def _path(*parts: str) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _entity(kind: str, full: str, *more: str) -> str:
    namespace, _, name = full.partition("/")
    return _path("v1", kind, namespace, name, *more)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


# --- Calls ------------------------------------------------------------------------------------------------------------


def append(events: Sequence[Event]) -> Call[Acknowledgement]:
    if len(events) > EVENTS_PER_REQUEST:
        raise GreenroomError(f"{len(events)} events in one call: the service takes at most {EVENTS_PER_REQUEST}; send them in several")
    return Call("POST", "/v1/events", _acknowledgement, _json([event.json() for event in events]), BATCH)


def _acknowledgement(_status: int, answer: Any) -> Acknowledgement:
    notes = tuple((int(note["index"]), str(note["detail"])) for note in answer.get("warnings") or ())
    conflicts = tuple((int(each["index"]), int(each["seq"])) for each in answer.get("conflicts") or ())
    return Acknowledgement(answer["accepted"], answer["duplicates"], answer["firstSeq"], answer["lastSeq"], notes, conflicts)


def place(actor: str, pool: str, wait: Callable[[], float], options: Mapping[str, Any], id: str) -> Call[Placement | Waiting]:
    """Asked again with the same id it begins no second turn, and is answered with what came of the first.

    `wait` says how many seconds are left: fewer at each try.
    """
    given = {name: value for name, value in options.items() if value is not None}

    def body() -> bytes:
        return _json({"actor": actor, "pool": pool, "waitSeconds": round(wait(), 3), "id": id, **given})

    return Call("POST", "/v1/placements", _placement, body, "application/json", waits=wait())


def _placement(status: int, answer: Any) -> Placement | Waiting:
    if status == 202:
        return Waiting(answer["position"], answer["reason"], answer["detail"])
    waited = answer["waitedSeconds"] if "waitedSeconds" in answer else answer["waited"]
    # Of a request whose turn is over only the worker is told.
    return Placement(
        answer["worker"],
        answer.get("node") or "",
        answer.get("ip"),
        answer["tier"],
        answer.get("restoreFrom"),
        waited,
        answer["seq"],
        bool(answer.get("ended", False)),
    )


def withdraw(actor: str) -> Call[None]:
    return Call("DELETE", _entity("placements", actor), lambda _status, _answer: None)


def actor(full: str) -> Call[Actor]:
    return Call("GET", _entity("actors", full), lambda _status, answer: _actor(answer))


def _actor(answer: Any) -> Actor:
    status = str(answer["status"]).removeprefix("STATUS_").lower()
    return Actor(
        answer["id"],
        answer["namespace"],
        answer["pool"],
        status,
        answer.get("worker") or None,
        answer.get("node") or None,
        answer.get("snapshot") or None,
        answer.get("reason") or None,
        answer.get("seq", 0),
    )


def residents(worker: str) -> Call[list[str]]:
    """The actors that a worker holds, by name within its namespace or in full."""
    return Call("GET", _entity("workers", worker), lambda _status, answer: [str(name) for name in answer.get("actors") or ()])


def history(full: str, limit: int) -> Call[list[dict[str, Any]]]:
    return Call("GET", f"{_entity('actors', full, 'history')}?limit={limit}", lambda _status, answer: list(answer["items"]))


def events_path(
    *,
    after: int | str,
    follow: bool,
    subject: str | None = None,
    worker: str | None = None,
    kinds: Sequence[str] = (),
    limit: int | None = None,
) -> str:
    query: dict[str, str] = {"after": str(after)}
    if subject:
        query["subject"] = subject
    if worker:
        query["worker"] = worker
    if kinds:
        query["kind"] = ",".join(kinds)
    if follow:
        query["follow"] = "true"
    if limit:
        query["limit"] = str(limit)
    return f"/v1/events?{urlencode(query)}"


def logged(line: str) -> LoggedEvent | None:
    """A line of `GET /v1/events`; None for an empty one, which is a sign of life."""
    if not line.strip():
        return None
    value = json.loads(line)
    return LoggedEvent(
        value["seq"],
        str(value["type"]).removeprefix(TYPE_PREFIX),
        value["subject"],
        value.get("namespace"),
        value.get("data") or {},
        value["source"],
        value["id"],
        value["at"],
        bool(value.get("superseded", False)),
    )


# --- Answers that say no ----------------------------------------------------------------------------------------------


def problem(status: int, content: bytes, path: str) -> Refused:
    """RFC 9457's problem, as an error that says what to do."""
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict) or "detail" not in value:
        return Refused(
            status, "unexpected", f"an answer to {path} that is no problem of Greenroom", hint="Is this address a Greenroom service?"
        )
    kind = str(value.get("type", "")).rpartition("/")[2] or "unknown"
    arguments = (status, kind, str(value["detail"]), value.get("field"), value.get("index"))
    if status == 401:
        return NotAllowed(*arguments, hint="Give the token as token=… or in GREENROOM_TOKEN")
    if status == 403:
        return NotAllowed(
            *arguments, hint="An agent's token needs the role ingest, and read to follow or look; a worker's needs the role worker"
        )
    if status == 404:
        return NotFound(*arguments)
    if status == 409:
        return Conflict(*arguments)
    return Refused(*arguments)
