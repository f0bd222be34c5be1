"""How does a worker host actors?

It opens its stream of placements, says `worker.ready`, runs each actor that is placed on it, and says what came of it:

    ready → follow → running → suspended (or paused, or crashed) → … → draining → gone

Always: a placement runs at most once; a turn's end is on disk before its slot counts as free here; reports leave in the
order in which they were made. A worker that can't reach the service for `LOST_SECONDS` ends, as the log will have given its
actors away.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import signal
import socket
import threading
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, cast

from . import wire
from .client import AsyncClient, Attempts, Retries
from .errors import GreenroomError, NotAllowed, NotFound, Refused, Unavailable, WorkerLost
from .turns import AsyncTurn, Handler, Left, Paused, Snapshot, Turn

log = logging.getLogger("greenroom")

#: All tries of one report, or of the stream, together.
LOST_SECONDS = 600.0
REPORTS = Retries(attempts=10_000, seconds=LOST_SECONDS)
#: Placements that wait here for a slot which the log counts as free already.
QUEUED_PLACEMENTS = 64
#: A draining worker looks for placements that were on their way once more after this.
SETTLE_SECONDS = 0.2
#: For the last words of a worker that stops at once.
FAREWELL = Retries(attempts=3, seconds=2.0)
#: Its lease: the service counts it as lost after so long without its stream.
LEASE_SECONDS = 60
#: Characters of an exception that the log keeps.
REASON_CHARACTERS = 500


@dataclass(frozen=True)
class Outcome:
    """How a worker ended: `drained`, or `stopped` with turns that were broken off."""

    kind: str
    reason: str


class Worker:
    """A worker of one pool. `handler` is called for each actor that is placed here: a function of a `Turn`, in a thread of
    its own, or a coroutine function of an `AsyncTurn`. What it returns says where the actor's state is; an exception is a
    crash, and its text is in the log.
    """

    def __init__(
        self,
        pool: str,
        handler: Handler,
        *,
        name: str | None = None,
        node: str | None = None,
        slots: int = 1,
        zone: str | None = None,
        labels: Mapping[str, str] | None = None,
        sandbox_class: str | None = None,
        ip: str | None = None,
        uid: str | None = None,
        registers: bool = True,
        ttl_seconds: int = LEASE_SECONDS,
        drain_seconds: float = 3600,
        client: AsyncClient | None = None,
        server: str | None = None,
        token: str | None = None,
        ca_file: str | None = None,
    ):
        """`registers=False`: something else says that this worker is ready and gone, such as a pod's watch.

        `ttl_seconds`: after so long without its stream the service counts it as lost and its actors as crashed. 0: no such lease.
        """
        if slots < 1:
            raise GreenroomError(f"a worker has 1 slot or more, not {slots}")
        host = socket.gethostname()
        self.pool = wire.pool_name(pool)
        self.namespace = self.pool.partition("/")[0]
        #: NAMESPACE/NAME.
        self.name = wire.full_name(name or f"{host}-{os.getpid()}", self.namespace)
        self.node = node or host
        self.slots = slots
        self.handler = handler
        self.drain_seconds = drain_seconds
        self.registers = registers
        # A worker that is started again under its name is another one: the log crashes what the first had.
        self.uid = uid or (str(uuid.uuid4()) if registers else None)
        self._facts = {"zone": zone, "labels": labels, "sandboxClass": sandbox_class, "ip": ip, "ttlSeconds": ttl_seconds or None}
        self._owns = client is None
        self._client = client
        self._connect: Callable[[], AsyncClient] = lambda: AsyncClient(server, token=token, ca_file=ca_file)
        self._source = f"/python/worker/{self.name}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: tuple[str, bool] | None = None
        self._guard = threading.Lock()

    # --- To be called from anywhere -----------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Works until it is drained or stopped. SIGTERM and SIGINT drain; a second one stops at once."""
        return asyncio.run(self._run_with_signals())

    def drain(self, reason: str = "asked to go") -> None:
        """Takes no more actors, finishes those it has, and ends. From any thread."""
        self._leave(reason, at_once=False)

    def stop(self, reason: str = "asked to stop") -> None:
        """Breaks off every turn, says so, and ends. From any thread."""
        self._leave(reason, at_once=True)

    def _leave(self, reason: str, at_once: bool) -> None:
        with self._guard:
            if self._leaving is None or (at_once and not self._leaving[1]):
                self._leaving = (reason, at_once)
            loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._wake.set)

    async def _run_with_signals(self) -> Outcome:
        loop = asyncio.get_running_loop()

        def hear(number: signal.Signals) -> None:
            if self._leaving is None:
                self.drain(f"{number.name} received")
            else:
                self.stop(f"{number.name} received twice")

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, hear, number)
        try:
            return await self.serve()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    # --- Its life -----------------------------------------------------------------------------------------------------

    async def serve(self) -> Outcome:
        """The same as `run`, in the caller's event loop and without signals. To be called once."""
        client = self._client or self._connect()
        try:
            return await self._serve(client)
        finally:
            if self._owns:
                await client.aclose()

    async def _serve(self, client: AsyncClient) -> Outcome:
        self._api = client
        self._wake = asyncio.Event()
        self._outbox = asyncio.Lock()
        self._last_seq: int | None = None
        self._turns: dict[int, tuple[AsyncTurn, asyncio.Task[None]]] = {}
        self._queue: deque[AsyncTurn] = deque()
        self._begun: set[int] = set()
        self._is_adopting = not self.registers
        self._fault: Exception | None = None
        self._opened = asyncio.Event()
        with self._guard:
            self._loop = asyncio.get_running_loop()
            if self._leaving is not None:
                self._wake.set()
        follower = asyncio.create_task(self._follow())
        try:
            await self._until(self._opened)
            if self.registers and self._fault is None and self._leaving is None:
                try:
                    ready = await self.report(
                        self.event("worker.ready", self.name, pool=self.pool, node=self.node, slots=self.slots, uid=self.uid, **self._facts)
                    )
                    self._last_seq = max(self._last_seq or 0, ready.first_seq)
                except GreenroomError as error:
                    self._fail(error)
                else:
                    log.info("worker %s is ready in %s, with %d slots", self.name, self.pool, self.slots)
                return await self._until_gone()
            if not self.registers:
                if self._fault is None and self._leaving is None:
                    try:
                        await self._adopt()
                    except GreenroomError as error:
                        self._fail(error)
                    self._is_adopting = False
                return await self._until_gone()
            if self._fault is not None:
                raise self._fault
            return Outcome("drained", self._leaving[0] if self._leaving else "")
        finally:
            follower.cancel()
            self._break_off()
            with self._guard:
                self._loop = None

    async def _until(self, event: asyncio.Event) -> None:
        """Until it is set, or the worker is to leave, or has failed."""
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(self._wake.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()

    async def _until_gone(self) -> Outcome:
        while self._fault is None and self._leaving is None:
            await self._wake.wait()
            self._wake.clear()
        if self._fault is None and self._leaving is not None and not self._leaving[1]:
            outcome = await self._drain(self._leaving[0])
            if outcome is not None:
                return outcome
        if self._fault is not None:
            fault = self._fault
            held = self._break_off()
            if not isinstance(fault, NotAllowed):
                await self._farewell(held, str(fault)[:REASON_CHARACTERS])
            raise fault
        reason = self._leaving[0] if self._leaving else "stopped"
        await self._farewell(self._break_off(), reason)
        return Outcome("stopped", reason)

    async def _drain(self, reason: str) -> Outcome | None:
        """None where it was cut short."""
        log.info("worker %s drains: %s; %d turns", self.name, reason, len(self._turns))
        try:
            if self.registers:
                await self.report(self.event("worker.draining", self.name, reason=reason, uid=self.uid))
            deadline = asyncio.get_running_loop().time() + self.drain_seconds
            while True:
                while self._turns or self._queue:
                    left = deadline - asyncio.get_running_loop().time()
                    if left <= 0:
                        self.stop(f"turns outlasted the drain of {self.drain_seconds:g} s")
                        return None
                    try:
                        await asyncio.wait_for(self._wake.wait(), min(left, 1.0))
                        self._wake.clear()
                    except asyncio.TimeoutError:
                        pass
                    if self._fault is not None or (self._leaving is not None and self._leaving[1]):
                        return None
                # A placement may have been on its way when the log learnt that this worker drains: look once more.
                before = self._last_seq
                await asyncio.sleep(SETTLE_SECONDS)
                await self._catch_up()
                if self._last_seq == before and not self._turns and not self._queue:
                    break
            if self.registers:
                await self.report(self.event("worker.gone", self.name, reason="drained", uid=self.uid))
        except GreenroomError as error:
            self._fail(error)
            return None
        return Outcome("drained", reason)

    async def _farewell(self, held: list[AsyncTurn], reason: str) -> None:
        events = [self.event("actor.crashed", turn.actor, worker=self.name, reason=reason) for turn in held]
        if self.registers:
            events.append(self.event("worker.gone", self.name, reason=reason, uid=self.uid))
        if not events:
            return
        try:
            await self._api.append(events, FAREWELL)
        except GreenroomError as error:
            log.warning("worker %s couldn't say that it goes: %s", self.name, error)

    def _break_off(self) -> list[AsyncTurn]:
        held = [turn for turn, _ in self._turns.values()] + list(self._queue)
        for turn, task in self._turns.values():
            turn.stop_event.set()
            task.cancel()
        self._turns = {}
        self._queue.clear()
        return held

    def _fail(self, error: Exception) -> None:
        if self._fault is None:
            self._fault = error
            log.error("worker %s ends: %s", self.name, error)
        self._wake.set()

    # --- Placements ---------------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        """Opens the stream, and anew after every break, from the last position seen."""
        attempts = Attempts(REPORTS)
        while True:
            problem = "the stream ended"
            try:
                async with self._placements(follow=True) as lines:
                    self._opened.set()
                    async for event in lines:
                        attempts = Attempts(REPORTS)
                        self._take(event)
            except Refused as error:
                return self._fail(error)
            except (Unavailable, ValueError, KeyError, TypeError, AttributeError) as error:
                problem = str(error)
            try:
                pause = attempts.after(problem)
            except Unavailable as error:
                return self._fail(WorkerLost(f"the stream of placements can't be had: {error}"))
            log.debug("worker %s follows again: %s", self.name, problem)
            await asyncio.sleep(pause)

    def _placements(self, follow: bool) -> AbstractAsyncContextManager[AsyncIterator[wire.LoggedEvent | None]]:
        after: int | str = "latest" if self._last_seq is None else self._last_seq
        return self._api.events(after=after, follow=follow, worker=self.name, kinds=["actor.placed", "worker.gone", "worker.ready"])

    async def _catch_up(self) -> None:
        if self._last_seq is None:
            return
        async with self._placements(follow=False) as lines:
            async for event in lines:
                self._take(event)

    async def _adopt(self) -> None:
        """What was placed here before the stream was open: something else said that this worker is ready."""
        try:
            names = await self._api.send(wire.residents(self.name))
        except NotFound:
            return
        for name in names:
            actor = await self._api.send(wire.actor(wire.full_name(name, self.namespace)))
            if actor.worker is None or wire.full_name(actor.worker, actor.namespace) != self.name:
                continue
            full = wire.full_name(actor.id, actor.namespace)
            if actor.status == "resuming":
                async with self._api.events(
                    after=actor.seq - 1, follow=False, subject=full, worker=self.name, kinds=["actor.placed"], limit=1
                ) as lines:
                    async for event in lines:
                        if event is not None and event.seq == actor.seq:
                            self._begin_new(event)
            elif actor.status in ("running", "idle") and not any(turn.actor == full for turn, _ in self._turns.values()):
                # An earlier process in this worker's place had it.
                await self.report(self.event("actor.crashed", full, worker=self.name, reason="the worker's process was started again"))

    def _take(self, event: wire.LoggedEvent | None) -> None:
        if event is None or (self._last_seq is not None and event.seq <= self._last_seq):
            return
        self._last_seq = event.seq
        uid = event.data.get("uid")
        if event.kind == "worker.ready":
            if self.uid is not None and uid is not None and uid != self.uid:
                self._fail(
                    WorkerLost(
                        "another worker of this name has registered, and this one's actors are crashed: give each worker a name of its own"
                    )
                )
            return
        if event.kind == "worker.gone":
            if event.source != self._source and not event.superseded and (uid is None or uid == self.uid):
                self._fail(
                    WorkerLost(
                        f"the log says that this worker is gone ({event.data.get('reason')}): its actors may run elsewhere. Start it again"
                    )
                )
            return
        if event.kind == "actor.placed" and self._is_meant(event):
            self._begin_new(event)

    def _begin_new(self, event: wire.LoggedEvent) -> None:
        # While it looks for what was placed before, the stream may say the same placement, earlier or later.
        if event.seq in self._begun:
            return
        if self._is_adopting:
            self._begun.add(event.seq)
        turn = AsyncTurn(self, event)
        if len(self._turns) < self.slots:
            self._begin(turn)
        elif len(self._queue) < QUEUED_PLACEMENTS:
            self._queue.append(turn)
        else:
            log.error("more placements than slots and queue: %s is refused", turn.actor)
            asyncio.ensure_future(
                self._report_or_fail(self.event("actor.crashed", turn.actor, worker=self.name, reason="the worker has no free slot"))
            )

    def _is_meant(self, event: wire.LoggedEvent) -> bool:
        """A placement names its worker within its own namespace, or in full."""
        worker = event.data.get("worker", "")
        return worker == self.name or wire.full_name(worker, event.namespace or self.namespace) == self.name

    # --- Turns --------------------------------------------------------------------------------------------------------

    def _begin(self, turn: AsyncTurn) -> None:
        self._turns[turn.seq] = (turn, asyncio.create_task(self._run_turn(turn)))

    async def _run_turn(self, turn: AsyncTurn) -> None:
        events: list[wire.Event] = []
        try:
            left = await self._call(turn)
        except asyncio.CancelledError:
            raise
        except WorkerLost as error:
            return self._fail(error)
        except Exception as error:  # A turn may fail in any way; the worker goes on.
            log.warning("the turn of %s failed", turn.actor, exc_info=True)
            reason = f"{type(error).__name__}: {error}"[:REASON_CHARACTERS]
            events = [self.event("actor.crashed", turn.actor, worker=self.name, reason=reason)]
        else:
            events = self._end(turn, left)
        await self._report_or_fail(*events)
        if self._turns.pop(turn.seq, None) is None:
            return
        if self._queue and len(self._turns) < self.slots:
            self._begin(self._queue.popleft())
        self._wake_if_leaving()

    def _wake_if_leaving(self) -> None:
        if self._leaving is not None:
            self._wake.set()

    def _end(self, turn: AsyncTurn, left: Left) -> list[wire.Event]:
        events = [] if turn.said_running else [turn.running_event(None)]
        if isinstance(left, str):
            left = Snapshot(left)
        if isinstance(left, Paused):
            return [*events, self.event("actor.paused", turn.actor, worker=self.name, node=self.node, snapshot=left.uri, bytes=left.bytes)]
        if left is not None and not isinstance(left, Snapshot):
            reason = f"the turn returned a {type(left).__name__}: it returns a snapshot's URI, a Snapshot, a Paused or None"
            log.error("%s", reason)
            return [*events, self.event("actor.crashed", turn.actor, worker=self.name, reason=reason)]
        uri, size = (left.uri, left.bytes) if left else (None, None)
        return [*events, self.event("actor.suspended", turn.actor, worker=self.name, snapshot=uri, bytes=size)]

    async def _call(self, turn: AsyncTurn) -> Left:
        if inspect.iscoroutinefunction(self.handler) or inspect.iscoroutinefunction(type(self.handler).__call__):
            return await cast(Callable[[AsyncTurn], Awaitable[Left]], self.handler)(turn)
        handler = cast(Callable[[Turn], Left], self.handler)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Left] = loop.create_future()

        def finish(result: Left, error: BaseException | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))

        def body() -> None:
            result: Left = None
            error: BaseException | None = None
            try:
                result = handler(Turn(turn, loop))
            except BaseException as raised:
                error = raised
            try:
                loop.call_soon_threadsafe(finish, result, error)
            except RuntimeError:
                pass  # The worker ended meanwhile, and said so.

        # A thread that doesn't heed `stopping` must not hold up the process's end.
        threading.Thread(target=body, name=f"turn of {turn.actor}", daemon=True).start()
        return await done

    # --- Reports ------------------------------------------------------------------------------------------------------

    def event(self, kind: str, subject: str, **data: Any) -> wire.Event:
        return wire.Event(kind, subject, data, source=self._source)

    async def report(self, *events: wire.Event) -> wire.Acknowledgement:
        """In order, one request under way at a time. Returns once they are on disk."""
        async with self._outbox:
            try:
                return await self._api.append(events, REPORTS)
            except Unavailable as error:
                raise WorkerLost(f"a report can't be delivered: {error}") from None

    async def _report_or_fail(self, *events: wire.Event) -> None:
        try:
            await self.report(*events)
        except NotAllowed as error:
            self._fail(error)
        except Refused as error:
            log.error("the service refuses a report; it is lost: %s", error)
        except GreenroomError as error:
            self._fail(error)
