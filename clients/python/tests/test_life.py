"""Do agents and workers get along with a real service, from the first placement to the drain?"""

from __future__ import annotations

import asyncio
import json
import threading

import httpx
import pytest

from conftest import until
from greenroom import (
    Agent,
    AsyncAgent,
    AsyncClient,
    Conflict,
    GreenroomError,
    NotFound,
    Paused,
    Snapshot,
    StateTimeout,
    StillWaiting,
    WorkerLost,
    wire,
)

POOL = "team/agents"


def remember(turn):
    turn.running(restore_millis=1)
    return Snapshot(f"memory:///{turn.name}/{turn.seq}", bytes=7)


def test_an_agent_is_placed_suspended_and_warm_restored(service, run_worker):
    run_worker(POOL, remember, name="w", node="n")
    with Agent("alice", POOL) as alice:
        first = alice.place(wait=10)
        assert (first.worker, first.node, first.tier, first.restore_from) == ("w", "n", "cold", None)
        left = alice.wait_for("suspended")
        assert left.seq > first.seq
        second = alice.place(wait=10)
        assert (second.tier, second.restore_from) == ("warm", left.data["snapshot"])
        alice.wait_for("crashed", "suspended", after=second.seq)
        with pytest.raises(StateTimeout, match="isn't crashed or suspended after 0.2 s"):
            alice.wait_for("crashed", "suspended", timeout=0.2)
        with pytest.raises(GreenroomError, match="there are placed, running"):
            alice.wait_for("asleep")
        assert alice.status().status == "suspended"
        assert [line["kind"] for line in alice.history()] == ["actor.requested", "actor.placed", "actor.running", "actor.suspended"] * 2


def test_a_paused_actor_wakes_on_its_node(service, run_worker):
    run_worker(POOL, lambda turn: Paused(f"local:///{turn.seq}", bytes=5), name="w", node="n")
    with Agent("alice", POOL) as alice:
        placed = alice.place(wait=10)
        paused = alice.wait_for("paused", after=placed.seq)
        again = alice.place(wait=10)
        assert (again.tier, again.restore_from) == ("local", paused.data["snapshot"])


def test_everything_again_with_asyncio(service, run_worker):
    async def handler(turn):
        await turn.running()
        await turn.idle()
        await turn.running()
        return f"memory:///{turn.name}"

    run_worker(POOL, handler, name="w", slots=4)

    async def life():
        async with AsyncClient() as client:
            agents = [AsyncAgent(f"a{number}", POOL, client=client) for number in range(10)]
            placements = await asyncio.gather(*(agent.place(wait=20) for agent in agents))
            ends = await asyncio.gather(*(agent.wait_for("suspended", after=placed.seq) for agent, placed in zip(agents, placements)))
            assert [end.data["snapshot"] for end in ends] == [f"memory:///a{number}" for number in range(10)]
            history = [line["kind"] for line in await agents[0].history()]
            assert history == ["actor.requested", "actor.placed", "actor.running", "actor.idle", "actor.running", "actor.suspended"]

    asyncio.run(life())


def test_each_placement_runs_once_and_no_more_at_once_than_slots(service, run_worker):
    guard, now, most, ran = threading.Lock(), 0, 0, []

    def handler(turn):
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
            ran.append(turn.actor)
        turn.sleep(0.02)
        with guard:
            now -= 1
        return None

    run_worker(POOL, handler, name="w", slots=3)
    agents = [Agent(f"a{number}", POOL) for number in range(20)]
    seqs = [agent.request().first_seq for agent in agents]
    for agent, seq in zip(agents, seqs):
        agent.wait_for("suspended", after=seq)
    assert sorted(ran) == sorted(agent.name for agent in agents)
    # A slot is free in the log as soon as the turn's end is durable: its last moments here may overlap with the next turn.
    assert 1 <= most <= 3


def test_a_turn_that_fails_is_a_crash_and_the_worker_goes_on(service, run_worker):
    def handler(turn):
        if turn.name == "bad":
            raise ValueError("no such tool")
        return None

    run_worker(POOL, handler, name="w")
    with Agent("bad", POOL) as bad, Agent("good", POOL) as good:
        placed = bad.place(wait=10)
        assert bad.wait_for("crashed", after=placed.seq).data["reason"] == "ValueError: no such tool"
        good.wait_for("suspended", after=good.place(wait=10).seq)


def test_a_turn_that_returns_rubbish_says_what_it_may_return(service, run_worker):
    run_worker(POOL, lambda turn: 42, name="w")
    with Agent("alice", POOL) as alice:
        crashed = alice.wait_for("crashed", after=alice.place(wait=10).seq)
        assert "returned a int" in crashed.data["reason"]


def test_what_an_agent_is_told_when_there_is_no_worker(service):
    with Agent("alice", POOL) as alice:
        with pytest.raises(StillWaiting) as waiting:
            alice.place(wait=0.1)
        assert (waiting.value.reason, waiting.value.position) == ("no_eligible_pool", 1)
        assert POOL in str(waiting.value) and "withdrawn" in str(waiting.value)
        alice.withdraw()
        with pytest.raises(Conflict, match="can be withdrawn"):
            alice.withdraw()
        with pytest.raises(StateTimeout, match="greenroom history actor team/alice"):
            alice.wait_for("running", timeout=0.3)
        with pytest.raises(NotFound, match="no actor team/nobody"):
            Agent("nobody", POOL).status()
        alice.delete()
        with pytest.raises(NotFound):
            alice.status()


def test_a_drain_finishes_what_runs_and_takes_no_more(service, run_worker):
    begun, finish = threading.Event(), threading.Event()

    def handler(turn):
        turn.running()
        begun.set()
        finish.wait(20)
        return "memory:///end"

    running = run_worker(POOL, handler, name="w", slots=2)
    with Agent("alice", POOL) as alice, Agent("bob", POOL) as bob:
        placed = alice.place(wait=10)
        assert begun.wait(10)
        running.worker.drain("a new version")
        until(lambda: any(line["kind"] == "worker.draining" for line in kinds(service, "team/w")))
        with pytest.raises(StillWaiting):
            bob.place(wait=0.2)
        finish.set()
        assert running.join().kind == "drained"
        assert alice.wait_for("suspended", after=placed.seq).data["snapshot"] == "memory:///end"
    assert [line["kind"] for line in kinds(service, "team/w")] == ["worker.ready", "worker.draining", "worker.gone"]


def test_a_stop_breaks_off_turns_and_says_so(service, run_worker):
    begun = threading.Event()

    def handler(turn):
        begun.set()
        while turn.sleep(20):
            pass

    running = run_worker(POOL, handler, name="w")
    with Agent("alice", POOL) as alice:
        placed = alice.place(wait=10)
        assert begun.wait(10)
        running.worker.stop("power is going")
        assert running.join().kind == "stopped"
        assert alice.wait_for("crashed", after=placed.seq).data["reason"] == "power is going"


def test_a_drain_has_an_end(service, run_worker):
    running = run_worker(POOL, lambda turn: turn.sleep(30), name="w", drain_seconds=0.3)
    with Agent("alice", POOL) as alice:
        placed = alice.place(wait=10)
        running.worker.drain()
        assert running.join().reason == "turns outlasted the drain of 0.3 s"
        alice.wait_for("crashed", after=placed.seq)


def test_of_two_workers_of_one_name_the_earlier_ends(service, run_worker):
    hold = threading.Event()
    earlier = run_worker(POOL, lambda turn: hold.wait(20) and None, name="w")
    with Agent("alice", POOL) as alice:
        alice.place(wait=10)
        run_worker(POOL, remember, name="w")
        with pytest.raises(WorkerLost, match="another worker of this name"):
            earlier.join()
        assert alice.status().status == "crashed"
        alice.wait_for("suspended", after=alice.place(wait=10).seq)
    hold.set()


def test_a_worker_hears_that_the_log_counts_it_as_gone(service, run_worker):
    running = run_worker(POOL, remember, name="w")
    event = {
        "specversion": "1.0",
        "type": "dev.greenroom.worker.gone",
        "source": "/node-controller",
        "id": "1",
        "subject": "team/w",
        "data": {"reason": "lost"},
    }
    httpx.post(f"{service.url}/v1/events", json=event, headers={"content-type": "application/cloudevents+json"}).raise_for_status()
    with pytest.raises(WorkerLost, match="gone .lost."):
        running.join()


def test_a_worker_of_which_something_else_says_that_it_is_ready(service, run_worker):
    """As a pod, whose watch says so: the worker follows, and reports its actors alone."""

    def says(kind, number, **data):
        event = {
            "specversion": "1.0",
            "type": f"dev.greenroom.worker.{kind}",
            "source": "/watch",
            "id": str(number),
            "subject": "team/pod-1",
            "data": {**data, "uid": "pod-uid"},
        }
        httpx.post(f"{service.url}/v1/events", json=event, headers={"content-type": "application/cloudevents+json"}).raise_for_status()

    says("ready", 1, pool=POOL, node="n", slots=2)
    with Agent("alice", POOL) as alice, Agent("old", POOL) as old:
        # Both were placed before the worker's program was there; one ran already, in the process before.
        placed, earlier = alice.place(wait=10), old.place(wait=10)
        alice.client.append([wire.Event("actor.running", "team/old", {"worker": "pod-1"})])
        running = run_worker(POOL, remember, name="pod-1", registers=False, wait=False)
        alice.wait_for("suspended", after=placed.seq)
        assert "started again" in old.wait_for("crashed", after=earlier.seq).data["reason"]
        alice.wait_for("suspended", after=alice.place(wait=10).seq)
    running.worker.drain()
    assert running.join().kind == "drained"
    assert [line["source"] for line in kinds(service, "team/pod-1")] == ["/watch"]


def kinds(service, worker):
    text = httpx.get(f"{service.url}/v1/events", params={"worker": worker, "limit": "100"}).text
    return [
        {**line, "kind": line["type"].removeprefix("dev.greenroom.")}
        for line in map(json.loads, text.splitlines())
        if line["type"].startswith("dev.greenroom.worker.")
    ]
