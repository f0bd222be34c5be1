"""How does an agent get a worker, and say what becomes of it?

An `Agent` is one actor of Greenroom, by name. `place` asks for a worker and waits for it; the rest is told as events.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from . import wire
from .client import STREAM_SECONDS, AsyncClient, Client, Plan
from .errors import GreenroomError, NotFound, StateTimeout, StillWaiting, Unavailable

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
        #: The last position that this agent saw of itself.
        self._seen: int | None = None

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

    def _place(self, wait: float, options: Mapping[str, Any]) -> Plan[wire.Placement]:
        """Asks, and waits. All of its requests have one id, so that one whose answer was lost begins no second turn."""
        until = time.monotonic() + wait
        id = str(uuid.uuid4())

        def left() -> float:
            return min(max(0.0, until - time.monotonic()), WAIT_SECONDS)

        while True:
            is_last = until - time.monotonic() <= WAIT_SECONDS
            answer = yield wire.place(self.name, self.pool, left, options, id)
            if isinstance(answer, wire.Placement):
                self._seen = answer.seq
                return answer
            if is_last:
                raise StillWaiting(self.name, self.pool, answer.position, answer.reason, answer.detail)

    def _last_seen(self) -> Plan[int]:
        if self._seen is None:
            try:
                actor: wire.Actor = yield wire.actor(self.name)
                self._seen = actor.seq
            except NotFound:
                self._seen = 0
        return self._seen

    def _kinds(self, states: Sequence[str]) -> list[str]:
        for state in states:
            if state not in STATES:
                raise GreenroomError(f"{state!r} is no state to wait for: there are {', '.join(STATES)}")
        if not states:
            raise GreenroomError(f"name the state to wait for: {', '.join(STATES)}")
        return [f"actor.{state}" for state in states]

    def _too_late(self, states: Sequence[str], timeout: float, problem: str) -> StateTimeout:
        why = f" ({problem})" if problem else ""
        return StateTimeout(f"{self.name} isn't {' or '.join(states)} after {timeout:g} s{why}: see greenroom history actor {self.name}")


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
        plan = self._place(wait, _options(template, selector, priority, expected_millis))
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
        asked = self.client.append(self._request(priority, template, selector, expected_millis, reason))
        self._seen = asked.first_seq
        return asked

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

    def wait_for(self, *states: str, after: int | None = None, timeout: float = 60) -> wire.LoggedEvent:
        """The first event that says it is in one of the states (`placed`, `running`, `idle`, `paused`, `suspended`, `crashed`).

        Events after the position `after` count; without it, after the last placement, request or event that this agent saw.
        """
        kinds = self._kinds(states)
        until = time.monotonic() + timeout
        problem = ""
        if after is None:
            after = self.client.follow_plan(self._last_seen())
        while (left := until - time.monotonic()) > 0:
            try:
                with self.client.events(
                    after=after, follow=True, subject=self.name, kinds=kinds, silence=min(left, STREAM_SECONDS)
                ) as lines:
                    problem = ""
                    for event in lines:
                        if event is not None and not event.superseded:
                            self._seen = event.seq
                            return event
                        if time.monotonic() > until:
                            break
            except Unavailable as error:
                if time.monotonic() > until:
                    break
                problem = str(error)
            time.sleep(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))
        raise self._too_late(states, timeout, problem)

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
        plan = self._place(wait, _options(template, selector, priority, expected_millis))
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
        asked = await self.client.append(self._request(priority, template, selector, expected_millis, reason))
        self._seen = asked.first_seq
        return asked

    async def withdraw(self) -> None:
        await self.client.send(wire.withdraw(self.name))

    async def delete(self) -> wire.Acknowledgement:
        return await self.client.append(self._event("actor.deleted"))

    async def status(self) -> wire.Actor:
        return await self.client.send(wire.actor(self.name))

    async def history(self, limit: int = 1000) -> list[dict[str, Any]]:
        return await self.client.send(wire.history(self.name, limit))

    async def wait_for(self, *states: str, after: int | None = None, timeout: float = 60) -> wire.LoggedEvent:
        kinds = self._kinds(states)
        problem = ""
        begin = await self.client.follow_plan(self._last_seen()) if after is None else after

        async def follow() -> wire.LoggedEvent:
            nonlocal problem
            while True:
                try:
                    async with self.client.events(after=begin, follow=True, subject=self.name, kinds=kinds) as lines:
                        problem = ""
                        async for event in lines:
                            if event is not None and not event.superseded:
                                self._seen = event.seq
                                return event
                except Unavailable as error:
                    problem = str(error)
                await asyncio.sleep(LOOK_SECONDS)

        try:
            return await asyncio.wait_for(follow(), timeout)
        except asyncio.TimeoutError:
            raise self._too_late(states, timeout, problem) from None

    async def aclose(self) -> None:
        if self._owns:
            await self.client.aclose()

    async def __aenter__(self) -> AsyncAgent:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
