"""Do the examples run as they stand, against a real service? And the README's snippet?"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from conftest import until
from greenroom import Agent

EXAMPLES = Path(__file__).parent.parent / "examples"
ROOT = EXAMPLES.parent.parent.parent
POOL = "team/agents"


class Program:
    """An example that runs; what it printed, line by line."""

    def __init__(self, *arguments: str):
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / arguments[0]), *arguments[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=lambda: self.lines.extend(line.rstrip("\n") for line in self.process.stdout), daemon=True)
        self._reader.start()

    def says(self, text: str, seconds: float = 60) -> None:
        def has() -> bool:
            assert self.process.poll() is None or any(text in line for line in self.lines), "\n".join(self.lines)
            return any(text in line for line in self.lines)

        until(has, seconds)

    def registers(self, name: str, seconds: float = 120) -> None:
        def is_there() -> bool:
            assert self.process.poll() is None, "\n".join(self.lines)
            return httpx.get(f"{os.environ['GREENROOM_SERVER']}/v1/workers/{name}").status_code == 200

        until(is_there, seconds)

    def ends(self, number: signal.Signals | None = None) -> None:
        if number:
            self.process.send_signal(number)
        assert self.process.wait(60) == 0, "\n".join(self.lines)
        self._reader.join(10)


@pytest.fixture
def start(service, tmp_path):
    programs = []

    def begin(*arguments: str) -> Program:
        programs.append(Program(*(str(argument) for argument in arguments)))
        return programs[-1]

    yield begin
    for program in programs:
        program.process.kill()


def test_worker_and_agent(start, tmp_path):
    worker = start("worker.py", POOL, "--snapshots", tmp_path / "snapshots", "--name", "w")
    worker.registers("team/w")
    agent = start("agent.py", POOL, "alice")
    agent.ends()
    assert [line.split(",")[1] for line in agent.lines if " is on w," in line] == [" cold", " warm"], agent.lines
    worker.ends(signal.SIGTERM)
    assert worker.lines == ["team/alice woke for the 1. time, cold", "team/alice woke for the 2. time, warm"]


def test_subagents(start, tmp_path):
    start("worker.py", POOL, "--snapshots", tmp_path / "snapshots", "--name", "w", "--slots", "3").registers("team/w")
    parent = start("subagents.py", POOL, "research", "5")
    parent.ends()
    assert len(parent.lines) == 5 and all(f"team/research.{number} ran on w" in parent.lines[number] for number in range(5))


def test_langgraph(start, tmp_path):
    pytest.importorskip("langgraph", reason="langgraph isn't installed: its example was not tried")
    pytest.importorskip("langgraph.checkpoint.sqlite", reason="langgraph-checkpoint-sqlite isn't installed: its example was not tried")
    worker = start("langgraph_worker.py", POOL, "--snapshots", tmp_path / "graphs", "--name", "w")
    worker.registers("team/w")
    with Agent("letter", POOL) as letter:
        letter.wait_for("suspended", after=letter.place(wait=30).seq)
        worker.says("team/letter waits for a person: may I send a letter?")
        (tmp_path / "graphs" / "letter.inbox").write_text("yes\n")
        placed = letter.place(wait=30)
        assert placed.tier == "warm"
        letter.wait_for("suspended", after=placed.seq)
    worker.says("team/letter is done, approved: True")
    worker.ends(signal.SIGTERM)


def test_google_adk(start, tmp_path):
    pytest.importorskip("google.adk", reason="google-adk isn't installed: its example was not tried")
    worker = start("adk_worker.py", POOL, "--snapshots", tmp_path / "adk", "--name", "w")
    worker.registers("team/w")
    with Agent("bob", POOL) as bob:
        for run in (1, 2):
            bob.wait_for("suspended", after=bob.place(wait=30).seq)
            worker.says(f"team/bob says run {run}")
        kinds = [line["kind"] for line in bob.history()]
    assert kinds == ["actor.requested", "actor.placed", "actor.running", "actor.idle", "actor.suspended"] * 2
    worker.ends(signal.SIGTERM)


def test_mcp(start, tmp_path):
    mcp = pytest.importorskip("mcp", reason="mcp isn't installed: its example was not tried")
    start("worker.py", POOL, "--snapshots", tmp_path / "snapshots", "--name", "w").registers("team/w")
    command = mcp.StdioServerParameters(command=sys.executable, args=[str(EXAMPLES / "mcp_server.py"), POOL], env=dict(os.environ))

    async def talk():
        async with mcp.Client(command) as client:
            spawned = await client.call_tool("spawn_agent", {"name": "carol"})
            status = await client.call_tool("agent_status", {"name": "carol"})
            return spawned.structured_content, status.structured_content

    spawned, status = asyncio.run(asyncio.wait_for(talk(), 90))
    assert (spawned["worker"], spawned["restored"]) == ("w", "cold")
    assert (status["status"], status["snapshot"]) == ("suspended", spawned["snapshot"])


def test_the_readmes_snippet(service):
    pytest.importorskip("cloudevents", reason="cloudevents isn't installed: the README's snippet was not tried")
    snippets = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    snippet = next(text for text in snippets if "cloudevents" in text)
    done = subprocess.run([sys.executable, "-c", snippet.replace("http://127.0.0.1:8080", service.url)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "'accepted': 1" in done.stdout
    with Agent("alice", "tour/chat") as alice:
        assert alice.status().status == "waiting"


def test_the_worker_in_shell(service, tmp_path):
    """docs/write-a-worker.md: the protocol with curl, as it stands."""
    curl, bash = shutil.which("curl"), shutil.which("bash")
    if not curl or not bash:
        pytest.skip("curl or bash isn't installed: the worker in shell was not tried")
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/write-a-worker.md").read_text(), re.DOTALL)
    script = next(text for text in blocks if "worker.draining" in text)
    done = subprocess.run([bash, "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in httpx.get(f"{service.url}/v1/events", params={"limit": "100"}).text.splitlines()]
    kinds = [line["type"].removeprefix("dev.greenroom.") for line in lines if "pool" not in line["type"] and "scale" not in line["type"]]
    assert kinds == [
        "worker.ready",
        "actor.requested",
        "actor.placed",
        "actor.running",
        "actor.suspended",
        "worker.draining",
        "worker.gone",
    ]
    assert not any(line.get("superseded") for line in lines)


def test_the_command_as_a_worker(service, binary, tmp_path):
    """docs/write-a-worker.md: `greenroom worker -- ./turn.sh`, whose actor is restored from the snapshot that the script named."""
    bash = shutil.which("bash")
    if not bash:
        pytest.skip("bash isn't installed: the command as a worker was not tried")
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/write-a-worker.md").read_text(), re.DOTALL)
    (tmp_path / "turn.sh").write_text(next(text for text in blocks if text.startswith("#!/bin/sh")))
    script = next(text for text in blocks if "chmod +x turn.sh" in text)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "greenroom").symlink_to(Path(binary).resolve())

    def suspended(times: int) -> str:
        return f'for i in $(seq 300); do [ "$(greenroom events --kind actor.suspended | grep -c dave)" = {times} ] && break; sleep 0.1; done; '

    assert script.count("sleep 1; ") == 1
    script = script.replace("sleep 1; ", suspended(1)) + suspended(2) + "kill $!; wait $!"
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    done = subprocess.run([bash, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if " woke " in line] == [
        "dave woke 1 times, this time cold",
        "dave woke 2 times, this time warm",
    ]
    assert (tmp_path / "dave-2").read_text() == "2\n"
