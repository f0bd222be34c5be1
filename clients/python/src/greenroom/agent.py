"""How does an agent get a worker, and say what becomes of it?

An `Agent` is one actor of Greenroom, by name. `place` asks for a worker and waits for it; the rest is told as events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from . import wire
from .client import STREAM_SECONDS, AsyncClient, Attempts, Client, Plan
from .errors import AnswerLost, GreenroomError, NotAllowed, NotFound, StateTimeout, StillWaiting, Unavailable

#: One request waits no longer: a longer wait is several requests, which proxies let live.
WAIT_SECONDS = 60.0
#: Between two looks where following isn't possible.
LOOK_SECONDS = 0.5

#: What can be waited for: each has an event of that name.
STATES = ("placed", "running", "idle", "paused", "suspended", "crashed")


class _Naming:
    def __init__(self, name: str, pool: str):
        if not name:
            raise GreenroomError("an agent has a name: Agent('alice', pool='team/chat')")
        self.pool = wire.pool_name(pool)
        self.namespace = self.pool.partition("/")[0]
        #: NAMESPACE/NAME.
        self.name = wire.full_name(name, self.namespace)
        self._may_look = True

    def _event(self, kind: str, **data: Any) -> list[wire.Event]:
        return [wire.Event(kind, self.name, data, source=f"/python/agent/{self.name}")]

    def _create(
        self,
        template: str,
        tenant: str | None,
        labels: Mapping[str, str] | None,
        sandbox_class: str | None,
        schedule: str | None,
        timezone: str | None,
    ) -> list[wire.Event]:
        return self._event(
            "actor.created",
            pool=self.pool,
            template=template,
            tenant=tenant,
            labels=labels,
            sandboxClass=sandbox_class,
            schedule=schedule,
            timezone=timezone,
        )

    def _request(
        self, priority: int, template: str | None, selector: Mapping[str, str] | None, expected_millis: int | None, reason: str | None
    ) -> list[wire.Event]:
        return self._event(
            "actor.requested",
            pool=self.pool,
            priority=priority,
            template=template,
            selector=selector,
            expectedMillis=expected_millis,
            reason=reason,
        )

    def _place(self, wait: float, options: Mapping[str, Any], attempts: Attempts) -> Plan[wire.Placement]:
        """Asks, and waits. Where an answer was lost it looks before it asks again: the turn may be over, and another would begin."""
        until = time.monotonic() + wait
        before, _ = yield from self._look()
        while True:
            left = max(0.0, until - time.monotonic())
            try:
                answer = yield wire.place(self.name, self.pool, min(left, WAIT_SECONDS), options)
            except AnswerLost as lost:
                yield attempts.after(str(lost))
                if (placement := (yield from self._find(before))) is not None:
                    return placement
                continue
            if isinstance(answer, wire.Placement):
                return answer
            if left <= WAIT_SECONDS:
                raise StillWaiting(self.name, self.pool, answer.position, answer.reason, answer.detail)

    def _look(self) -> Plan[tuple[int | None, str]]:
        """The position of its state, and its status; no position where the token may not look."""
        if not self._may_look:
            return None, ""
        try:
            actor: wire.Actor = yield wire.actor(self.name)
            return actor.seq, actor.status
        except NotFound:
            return 0, ""
        except NotAllowed:
            self._may_look = False
            return None, ""

    def _find(self, before: int | None) -> Plan[wire.Placement | None]:
        """The first placement after a position, where the actor has left it already; None where asking again is right."""
        now, status = yield from self._look()
        if before is None or not now or now == before or status in ("waiting", "resuming", "running", "idle"):
            return None
        events: list[wire.LoggedEvent] = yield wire.placements_of(self.name, before)
        if not events:
            return None
        node, ip = "", None
        try:
            node, ip = yield wire.worker_address(wire.full_name(events[0].data["worker"], events[0].namespace or self.namespace))
        except NotFound:
            pass
        return wire.placed(events[0], node, ip)

    def _kind(self, state: str) -> str:
        if state not in STATES:
            raise GreenroomError(f"{state!r} is no state to wait for: there are {', '.join(STATES)}")
        return f"actor.{state}"

    def _too_late(self, state: str, timeout: float) -> StateTimeout:
        return StateTimeout(f"{self.name} isn't {state} after {timeout:g} s: see greenroom history actor {self.name}")


def _options(template: str | None, selector: Mapping[str, str] | None, priority: int, expected_millis: int | None) -> dict[str, Any]:
    return {"template": template, "selector": selector, "priority": priority or None, "expectedMillis": expected_millis}


class Agent(_Naming):
    """An actor, for a program that waits for each answer."""

    def __init__(
        self,
        name: str,
        pool: str,
        *,
        client: Client | None = None,
        server: str | None = None,
        token: str | None = None,
        ca_file: str | None = None,
    ):
        super().__init__(name, pool)
        self._owns = client is None
        self.client = client or Client(server, token=token, ca_file=ca_file)

    def create(
        self,
        *,
        template: str,
        tenant: str | None = None,
        labels: Mapping[str, str] | None = None,
        sandbox_class: str | None = None,
        schedule: str | None = None,
        timezone: str | None = None,
    ) -> wire.Acknowledgement:
        """Optional: says from which template it starts, whose it is, and when it wakes by itself (cron)."""
        return self.client.append(self._create(template, tenant, labels, sandbox_class, schedule, timezone))

    def place(
        self,
        *,
        wait: float = 30,
        template: str | None = None,
        selector: Mapping[str, str] | None = None,
        priority: int = 0,
        expected_millis: int | None = None,
    ) -> wire.Placement:
        """Asks for a worker, and waits for it at most `wait` seconds; then `StillWaiting`. Asking again doesn't ask twice."""
        plan = self._place(wait, _options(template, selector, priority, expected_millis), Attempts(self.client.retries))
        return self.client.follow_plan(plan)

    def request(
        self,
        *,
        priority: int = 0,
        template: str | None = None,
        selector: Mapping[str, str] | None = None,
        expected_millis: int | None = None,
        reason: str | None = None,
    ) -> wire.Acknowledgement:
        """Asks for a worker without waiting for it. `wait_for('running')` waits."""
        return self.client.append(self._request(priority, template, selector, expected_millis, reason))

    def withdraw(self) -> None:
        """Needs no worker any more. `Conflict` where it runs already."""
        self.client.send(wire.withdraw(self.name))

    def delete(self) -> wire.Acknowledgement:
        """It will not come back."""
        return self.client.append(self._event("actor.deleted"))

    def status(self) -> wire.Actor:
        return self.client.send(wire.actor(self.name))

    def history(self, limit: int = 1000) -> list[dict[str, Any]]:
        """Its events, oldest first, each with `seq`, `at`, `kind`, `seconds` since the one before, and `data`."""
        return self.client.send(wire.history(self.name, limit))

    def wait_for(self, state: str, *, after: int = 0, timeout: float = 60) -> wire.LoggedEvent:
        """The first event after a position that says it is `state` (running, idle, paused, suspended, crashed, placed)."""
        kind = self._kind(state)
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            try:
                with self.client.events(
                    after=after, follow=True, subject=self.name, kinds=[kind], silence=min(left, STREAM_SECONDS)
                ) as lines:
                    for event in lines:
                        if event is not None and not event.superseded:
                            return event
                        if time.monotonic() > until:
                            break
            except Unavailable:
                if time.monotonic() > until:
                    break
            time.sleep(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))
        raise self._too_late(state, timeout)

    def close(self) -> None:
        if self._owns:
            self.client.close()

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncAgent(_Naming):
    """The same for asyncio."""

    def __init__(
        self,
        name: str,
        pool: str,
        *,
        client: AsyncClient | None = None,
        server: str | None = None,
        token: str | None = None,
        ca_file: str | None = None,
    ):
        super().__init__(name, pool)
        self._owns = client is None
        self.client = client or AsyncClient(server, token=token, ca_file=ca_file)

    async def create(
        self,
        *,
        template: str,
        tenant: str | None = None,
        labels: Mapping[str, str] | None = None,
        sandbox_class: str | None = None,
        schedule: str | None = None,
        timezone: str | None = None,
    ) -> wire.Acknowledgement:
        return await self.client.append(self._create(template, tenant, labels, sandbox_class, schedule, timezone))

    async def place(
        self,
        *,
        wait: float = 30,
        template: str | None = None,
        selector: Mapping[str, str] | None = None,
        priority: int = 0,
        expected_millis: int | None = None,
    ) -> wire.Placement:
        plan = self._place(wait, _options(template, selector, priority, expected_millis), Attempts(self.client.retries))
        return await self.client.follow_plan(plan)

    async def request(
        self,
        *,
        priority: int = 0,
        template: str | None = None,
        selector: Mapping[str, str] | None = None,
        expected_millis: int | None = None,
        reason: str | None = None,
    ) -> wire.Acknowledgement:
        return await self.client.append(self._request(priority, template, selector, expected_millis, reason))

    async def withdraw(self) -> None:
        await self.client.send(wire.withdraw(self.name))

    async def delete(self) -> wire.Acknowledgement:
        return await self.client.append(self._event("actor.deleted"))

    async def status(self) -> wire.Actor:
        return await self.client.send(wire.actor(self.name))

    async def history(self, limit: int = 1000) -> list[dict[str, Any]]:
        return await self.client.send(wire.history(self.name, limit))

    async def wait_for(self, state: str, *, after: int = 0, timeout: float = 60) -> wire.LoggedEvent:
        kind = self._kind(state)

        async def follow() -> wire.LoggedEvent:
            while True:
                try:
                    async with self.client.events(after=after, follow=True, subject=self.name, kinds=[kind]) as lines:
                        async for event in lines:
                            if event is not None and not event.superseded:
                                return event
                except Unavailable:
                    pass
                await asyncio.sleep(LOOK_SECONDS)

        try:
            return await asyncio.wait_for(follow(), timeout)
        except asyncio.TimeoutError:
            raise self._too_late(state, timeout) from None

    async def aclose(self) -> None:
        if self._owns:
            await self.client.aclose()

    async def __aenter__(self) -> AsyncAgent:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
