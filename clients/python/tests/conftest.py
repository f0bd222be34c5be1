"""A real service for every test: `greenroom serve` on a free port of this machine, with a log of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from greenroom import Worker

BINARY = os.environ.get("GREENROOM_BINARY") or shutil.which("greenroom")
START_SECONDS = 60

# Whoever started this may have blocked or ignored signals, and children inherit that: a worker would never hear SIGTERM.
signal.pthread_sigmask(signal.SIG_SETMASK, [])
signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Service:
    """`greenroom serve`; may be killed and started again over the same log, at the same address."""

    def __init__(self, folder: Path, config: str = "", tls: bool = False):
        self.folder = folder
        self.tls = tls
        self._config = config
        self._listen = "127.0.0.1:0"
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self) -> None:
        config = self.folder / "greenroom.yaml"
        config.write_text(f"listen: {self._listen}\ndatabase: greenroom.db\n{self._config}")
        self.process = subprocess.Popen(
            [BINARY or "", "serve", "--config", str(config)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        lines: list[str] = []
        ready = threading.Event()

        def read(stderr: Any) -> None:
            for line in stderr:
                lines.append(line)
                if " listening " in line:
                    ready.set()

        threading.Thread(target=read, args=(self.process.stderr,), daemon=True).start()
        assert ready.wait(START_SECONDS), "".join(lines)
        said = "".join(lines)
        port = re.search(r"\bhttps=(\d+)" if self.tls else r"\bhttp=(\d+)", said)
        assert port, said
        self.url = f"https://localhost:{port[1]}" if self.tls else f"http://127.0.0.1:{port[1]}"
        if not self.tls:
            self._listen = f"127.0.0.1:{port[1]}"

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(START_SECONDS)
            self.process = None


@pytest.fixture(scope="session")
def binary() -> str:
    if not BINARY or not os.access(BINARY, os.X_OK):
        pytest.skip("no greenroom program: set GREENROOM_BINARY, or put it on the PATH")
    return BINARY


@pytest.fixture
def make_service(binary: str, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    made: list[Service] = []

    def make(config: str = "", tls: bool = False) -> Service:
        folder = tmp_path / f"service-{len(made)}"
        folder.mkdir()
        service = Service(folder, config, tls)
        made.append(service)
        return service

    yield make
    for service in made:
        service.end(signal.SIGKILL)


@pytest.fixture
def service(make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> Service:
    service = make_service()
    service.start()
    for name in ("GREENROOM_TOKEN", "GREENROOM_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GREENROOM_SERVER", service.url)
    return service


class Running:
    """A worker in a thread of the test."""

    def __init__(self, worker: Worker):
        self.worker = worker
        self.outcome: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._body, daemon=True)
        self._thread.start()

    def _body(self) -> None:
        import asyncio

        try:
            self.outcome = asyncio.run(self.worker.serve())
        except BaseException as error:
            self.error = error

    def join(self, seconds: float = 30) -> Any:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the worker doesn't end"
        if self.error is not None:
            raise self.error
        return self.outcome


@pytest.fixture
def run_worker() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def run(*arguments: Any, wait: bool = True, **options: Any) -> Running:
        worker = Running(Worker(*arguments, **options))
        running.append(worker)
        if wait:
            until_ready(worker)
        return worker

    yield run
    for worker in running:
        worker.worker.stop("the test is over")
        worker._thread.join(10)


def until_ready(running: Running, seconds: float = 20) -> None:
    """Until the log has the worker."""
    server = os.environ["GREENROOM_SERVER"]
    until(lambda: running.error is not None or httpx.get(f"{server}/v1/workers/{running.worker.name}").status_code == 200, seconds)
    if running.error is not None:
        raise running.error


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition didn't come true in time"
        time.sleep(0.02)
