"""How does a call reach the service?

`Client` and `AsyncClient` send a `wire.Call`. A call that gets no answer, or one that says to come again, is sent again
with the same content, so with the same ids: at most `Retries.attempts` times and `Retries.seconds` long.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
import time
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from . import wire
from .errors import ConfigurationError, GreenroomError, Refused, Unavailable

T = TypeVar("T")

DEFAULT_SERVER = "http://127.0.0.1:8080"
#: Seconds for a connection and for an answer. A stream says something every 15 s.
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
STREAM_SECONDS = 45.0


@dataclass(frozen=True)
class Retries:
    """How often and how long a call is tried."""

    attempts: int = 6
    seconds: float = 30.0
    first_delay: float = 0.1
    longest_delay: float = 5.0


@dataclass(frozen=True)
class Connection:
    """Where the service is, and what it is shown and believed."""

    server: str
    token: str | None = field(repr=False)
    ca_file: str | None

    @classmethod
    def of(cls, server: str | None, token: str | None, ca_file: str | None) -> Connection:
        """What isn't given is GREENROOM_SERVER, GREENROOM_TOKEN and GREENROOM_CA_FILE."""
        server = (server or os.environ.get("GREENROOM_SERVER") or DEFAULT_SERVER).rstrip("/")
        url = httpx.URL(server)
        if url.scheme not in ("http", "https") or not url.host:
            raise ConfigurationError(f"the server is a URL such as {DEFAULT_SERVER}, not {server!r}: see server=… and GREENROOM_SERVER")
        token = token or os.environ.get("GREENROOM_TOKEN") or None
        if token and (not token.isascii() or any(c.isspace() for c in token)):
            raise ConfigurationError(
                "the token has a space or a character that isn't ASCII: give its text alone, as token=… or in GREENROOM_TOKEN"
            )
        return cls(server, token, ca_file or os.environ.get("GREENROOM_CA_FILE") or None)

    def options(self) -> dict[str, Any]:
        verify: ssl.SSLContext | bool = True
        if self.ca_file:
            try:
                verify = ssl.create_default_context(cafile=self.ca_file)
            except OSError as error:
                raise ConfigurationError(
                    f"the certificate authority {self.ca_file} can't be read ({error}): a PEM file, as ca_file=… or in GREENROOM_CA_FILE"
                ) from None
        headers = {"user-agent": "greenroom-python"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        # HTTP_PROXY and its like are for the world outside; the service is in one's own network.
        return {"base_url": self.server, "headers": headers, "verify": verify, "trust_env": False, "follow_redirects": False}

    def unreachable(self, error: Exception) -> str:
        text = str(error) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return f"{self.server} shows a certificate that isn't trusted ({text}): give its authority as ca_file=… or in GREENROOM_CA_FILE"
        if isinstance(error, httpx.ConnectError):
            return f"no connection to {self.server} ({text}): is the service running there? (greenroom serve; server=… or GREENROOM_SERVER)"
        return f"no answer from {self.server} ({text})"


#: Calls in a row, each chosen by the answers before: the same for both clients.
Plan = Generator[wire.Call[Any], Any, T]


class Attempts:
    """One call's tries: answers how long to pause before the next, or raises what ended them.

    Their time begins with the first that failed: a call may wait long for its answer.
    """

    def __init__(self, retries: Retries):
        self._retries = retries
        self._count = 0
        self._until: float | None = None
        self._delay = retries.first_delay

    def after(self, problem: str, retry_after: str | None = None) -> float:
        self._count += 1
        pause = self._delay * random.uniform(0.5, 1.0)
        if retry_after and retry_after.isdigit():
            pause = max(pause, min(float(retry_after), self._retries.longest_delay))
        self._delay = min(self._delay * 2, self._retries.longest_delay)
        now = time.monotonic()
        if self._until is None:
            self._until = now + self._retries.seconds
        if self._count >= self._retries.attempts or now + pause > self._until:
            raise Unavailable(f"{problem}; tried {self._count} times")
        return pause


def _request(http: httpx.Client | httpx.AsyncClient, call: wire.Call[Any]) -> httpx.Request:
    headers = {"content-type": call.content_type} if call.content_type else {}
    timeout = httpx.Timeout(ANSWER_SECONDS + call.waits, connect=CONNECT_SECONDS)
    content = call.body() if callable(call.body) else call.body
    return http.build_request(call.method, call.path, content=content, headers=headers, timeout=timeout)


def _read(call: wire.Call[T], response: httpx.Response) -> T:
    if not response.is_success:
        raise wire.problem(response.status_code, response.content, call.path)
    try:
        return call.parse(response.status_code, response.json() if response.content else None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            response.status_code,
            "unexpected",
            f"an answer to {call.path} that can't be read ({error!r})",
            hint="Is this address a Greenroom service?",
        ) from None


def _is_settled(error: httpx.HTTPError) -> bool:
    """A certificate that isn't trusted stays so; so does a request that can't be made."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error) or isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError))


def _again(call: wire.Call[Any], response: httpx.Response) -> tuple[str, str | None]:
    """Why it is sent again, and how long the service asks to wait."""
    return str(wire.problem(response.status_code, response.content, call.path)), response.headers.get("retry-after")


def _unanswered(connection: Connection, error: httpx.HTTPError) -> str:
    """The same where no answer came."""
    problem = connection.unreachable(error)
    if _is_settled(error):
        raise Unavailable(problem) from None
    return problem


class Client:
    """The service, for a program that waits for each answer. May be shared by threads."""

    def __init__(self, server: str | None = None, *, token: str | None = None, ca_file: str | None = None, retries: Retries = Retries()):
        self.connection = Connection.of(server, token, ca_file)
        self.retries = retries
        self._http = httpx.Client(**self.connection.options())

    def send(self, call: wire.Call[T]) -> T:
        attempts = Attempts(self.retries)
        while True:
            retry_after = None
            try:
                response = self._http.send(_request(self._http, call))
            except httpx.HTTPError as error:
                problem = _unanswered(self.connection, error)
            else:
                if response.status_code not in wire.RETRIED:
                    return _read(call, response)
                problem, retry_after = _again(call, response)
            time.sleep(attempts.after(problem, retry_after))

    def follow_plan(self, plan: Plan[T]) -> T:
        """Makes a plan's calls; an error is thrown into it."""
        try:
            step = next(plan)
            while True:
                try:
                    answer = self.send(step)
                except GreenroomError as error:
                    step = plan.throw(error)
                else:
                    step = plan.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def append(self, events: Sequence[wire.Event]) -> wire.Acknowledgement:
        """Returns once all of them are on disk."""
        return self.send(wire.append(events))

    @contextmanager
    def events(
        self,
        *,
        after: int | str = 0,
        follow: bool = False,
        subject: str | None = None,
        worker: str | None = None,
        kinds: Sequence[str] = (),
        limit: int | None = None,
        silence: float = STREAM_SECONDS,
    ) -> Iterator[Iterator[wire.LoggedEvent | None]]:
        """The log's events, in order; None is a sign of life. One try: whoever follows opens it anew, after the last position seen."""
        path = wire.events_path(after=after, follow=follow, subject=subject, worker=worker, kinds=kinds, limit=limit)
        timeout = httpx.Timeout(silence, connect=CONNECT_SECONDS)
        try:
            with self._http.stream("GET", path, timeout=timeout) as response:
                if not response.is_success:
                    raise _stream_problem(response.status_code, response.read(), path)
                yield (wire.logged(line) for line in response.iter_lines())
        except httpx.HTTPError as error:
            raise Unavailable(self.connection.unreachable(error)) from None

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient:
    """The same for asyncio."""

    def __init__(self, server: str | None = None, *, token: str | None = None, ca_file: str | None = None, retries: Retries = Retries()):
        self.connection = Connection.of(server, token, ca_file)
        self.retries = retries
        self._http = httpx.AsyncClient(**self.connection.options())

    async def send(self, call: wire.Call[T], retries: Retries | None = None) -> T:
        attempts = Attempts(retries or self.retries)
        while True:
            retry_after = None
            try:
                response = await self._http.send(_request(self._http, call))
            except httpx.HTTPError as error:
                problem = _unanswered(self.connection, error)
            else:
                if response.status_code not in wire.RETRIED:
                    return _read(call, response)
                problem, retry_after = _again(call, response)
            await asyncio.sleep(attempts.after(problem, retry_after))

    async def follow_plan(self, plan: Plan[T]) -> T:
        """Makes a plan's calls; an error is thrown into it."""
        try:
            step = next(plan)
            while True:
                try:
                    answer = await self.send(step)
                except GreenroomError as error:
                    step = plan.throw(error)
                else:
                    step = plan.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    async def append(self, events: Sequence[wire.Event], retries: Retries | None = None) -> wire.Acknowledgement:
        """Returns once all of them are on disk."""
        return await self.send(wire.append(events), retries)

    @asynccontextmanager
    async def events(
        self,
        *,
        after: int | str = 0,
        follow: bool = False,
        subject: str | None = None,
        worker: str | None = None,
        kinds: Sequence[str] = (),
        limit: int | None = None,
        silence: float = STREAM_SECONDS,
    ) -> AsyncIterator[AsyncIterator[wire.LoggedEvent | None]]:
        """As `Client.events`."""
        path = wire.events_path(after=after, follow=follow, subject=subject, worker=worker, kinds=kinds, limit=limit)
        timeout = httpx.Timeout(silence, connect=CONNECT_SECONDS)
        try:
            async with self._http.stream("GET", path, timeout=timeout) as response:
                if not response.is_success:
                    raise _stream_problem(response.status_code, await response.aread(), path)
                yield _lines(response)
        except httpx.HTTPError as error:
            raise Unavailable(self.connection.unreachable(error)) from None

    async def aclose(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _lines(response: httpx.Response) -> AsyncIterator[wire.LoggedEvent | None]:
    async for line in response.aiter_lines():
        yield wire.logged(line)


def _stream_problem(status: int, content: bytes, path: str) -> Refused | Unavailable:
    problem = wire.problem(status, content, path)
    return Unavailable(str(problem)) if status in wire.RETRIED else problem
