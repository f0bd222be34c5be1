"""What does an actor see of its worker while it holds a slot?

A turn goes from a placement to the actor's end there. It restores what `restore_from` names, says `running`, works, and
returns where it left its state.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, Union

from . import wire


class Reporting(Protocol):
    """What a turn needs of its worker."""

    name: str
    pool: str

    async def report(self, *events: wire.Event) -> wire.Acknowledgement: ...

    def event(self, kind: str, subject: str, **data: Any) -> wire.Event: ...


@dataclass(frozen=True)
class Snapshot:
    """Where a turn left the actor's state. Greenroom stores the URI, never the state."""

    uri: str
    bytes: int | None = None


@dataclass(frozen=True)
class Paused:
    """The state stays on this node: the actor wakes fastest here."""

    uri: str
    bytes: int | None = None


Left = Union[str, Snapshot, Paused, None]
"""What a turn returns: a snapshot's URI, a `Snapshot`, a `Paused`, or None where nothing is kept."""


class AsyncTurn:
    """One actor on this worker, from its placement to its end."""

    def __init__(self, worker: Reporting, event: wire.LoggedEvent):
        data = event.data
        #: NAMESPACE/NAME.
        self.actor = wire.full_name(event.subject, event.namespace) if event.namespace else event.subject
        self.namespace = event.namespace or self.actor.partition("/")[0]
        self.name = self.actor.removeprefix(self.namespace + "/")
        self.worker = worker.name
        self.pool: str = data.get("pool") or worker.pool
        self.seq = event.seq
        #: Where the state comes from: `local`, `warm`, `golden` or `cold`.
        self.tier: str = data.get("tier") or "cold"
        #: URI of the snapshot to restore; None: the actor starts anew.
        self.restore_from: str | None = data.get("restoreFrom")
        self.expected_millis: int | None = data.get("expectedMillis")
        self._worker = worker
        self.stop_event = threading.Event()
        self.said_running = False

    @property
    def stopping(self) -> bool:
        """The turn is being broken off: return soon."""
        return self.stop_event.is_set()

    async def running(self, restore_millis: int | None = None) -> None:
        """The actor is restored and serves; also after `idle`. Without this call the turn's end says so."""
        self.said_running = True
        await self._worker.report(self.running_event(restore_millis))

    async def idle(self) -> None:
        """The actor keeps its slot and has nothing to do."""
        await self._worker.report(self._worker.event("actor.idle", self.actor))

    def running_event(self, restore_millis: int | None) -> wire.Event:
        return self._worker.event(
            "actor.running", self.actor, worker=self._worker.name, restoredFrom=self.restore_from, restoreMillis=restore_millis
        )


class Turn:
    """The same for a turn that is a plain function: it runs in a thread of its own."""

    def __init__(self, turn: AsyncTurn, loop: asyncio.AbstractEventLoop):
        self._turn = turn
        self._loop = loop
        self.actor = turn.actor
        self.namespace = turn.namespace
        self.name = turn.name
        self.worker = turn.worker
        self.pool = turn.pool
        self.seq = turn.seq
        self.tier = turn.tier
        self.restore_from = turn.restore_from
        self.expected_millis = turn.expected_millis

    @property
    def stopping(self) -> bool:
        """The turn is being broken off: return soon."""
        return self._turn.stopping

    def running(self, restore_millis: int | None = None) -> None:
        """The actor is restored and serves; also after `idle`. Without this call the turn's end says so."""
        self._wait(self._turn.running(restore_millis))

    def idle(self) -> None:
        """The actor keeps its slot and has nothing to do."""
        self._wait(self._turn.idle())

    def sleep(self, seconds: float) -> bool:
        """Sleeps; False at once where the turn is being broken off."""
        return not self._turn.stop_event.wait(seconds)

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


Handler = Union[Callable[[Turn], Left], Callable[[AsyncTurn], Awaitable[Left]]]
