"""What happens when the service is away, slow, restarted, or doesn't let the client in?"""

from __future__ import annotations

import http.server
import json
import shutil
import signal
import subprocess
import sys
import threading

import httpx
import pytest

from conftest import until
from greenroom import (
    Agent,
    Client,
    ConfigurationError,
    NotAllowed,
    Refused,
    Retries,
    Snapshot,
    StateTimeout,
    StillWaiting,
    Unavailable,
    wire,
)

POOL = "team/agents"
FAST = Retries(attempts=4, seconds=10, first_delay=0.001, longest_delay=0.01)


class Twin:
    """A server that answers as it is told, and keeps what it was sent."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.bodies = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.do_POST()

            def do_POST(self):
                outer.bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))) or self.path.encode())
                status, headers, body = outer.answers.pop(0)
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


# As a real service answers (docs/operating.md): 429 with Retry-After, 503, a connection that ends.
BUSY = (
    429,
    {"retry-after": "1", "content-type": "application/problem+json"},
    b'{"type":"https://greenroom.dev/problems/overloaded","title":"Too many requests","status":429,"detail":"the log accepts no more at the moment: retry after 1 s"}',
)
DOWN = (
    503,
    {"content-type": "application/problem+json"},
    b'{"type":"https://greenroom.dev/problems/unavailable","title":"Not possible at the moment","status":503,"detail":"nobody leads at the moment"}',
)
CUT = (0, {}, b"")
GOOD = (200, {"content-type": "application/json"}, b'{"accepted":1,"duplicates":0,"firstSeq":3,"lastSeq":3}')


@pytest.fixture
def twin():
    made = []

    def make(*answers):
        made.append(Twin(answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_repeat_is_the_same_event(twin):
    server = twin(BUSY, CUT, DOWN, GOOD)
    with Client(server.url, retries=FAST) as client:
        assert client.append([wire.Event("actor.idle", "team/alice")]).first_seq == 3
    assert len(server.bodies) == 4 and len(set(server.bodies)) == 1


def test_tries_have_an_end_and_the_error_says_what_to_do(twin):
    server = twin(*[DOWN] * 9)
    with Client(server.url, retries=FAST) as client, pytest.raises(Unavailable, match="nobody leads at the moment; tried 4 times"):
        client.append([wire.Event("actor.idle", "team/alice")])
    assert len(server.bodies) == 4


def found(text):
    return (200, {"content-type": "application/json"}, text.encode())


# As a real service answers: placed; and placed by an earlier try whose answer was lost, with a turn that is over.
PLACED = found('{"worker":"w","node":"n","ip":null,"tier":"cold","restoreFrom":null,"waitedSeconds":0.1,"waited":0.1,"seq":9}')
ENDED = found('{"worker":"w","tier":"cold","waitedSeconds":0.1,"seq":9,"ended":true}')


@pytest.mark.parametrize("answers", [[PLACED], [BUSY, PLACED], [CUT, PLACED], [CUT, DOWN, ENDED], [(502, {}, b""), ENDED]])
def test_a_placement_whose_answer_was_lost_is_asked_for_again_under_its_id(twin, answers):
    server = twin(*answers)
    with Agent("alice", POOL, client=Client(server.url, retries=FAST)) as alice:
        placed = alice.place(wait=5)
    assert (placed.worker, placed.seq, placed.ended) == ("w", 9, answers[-1] is ENDED) and not server.answers
    sent = [json.loads(body) for body in server.bodies]
    assert len({body["id"] for body in sent}) == 1 and all(0 < body["waitSeconds"] <= 5 for body in sent)
    waits = [body["waitSeconds"] for body in sent]
    assert waits == sorted(waits, reverse=True), "what has passed isn't waited for again"


def test_each_placement_has_an_id_of_its_own(twin):
    server = twin(PLACED, PLACED)
    with Agent("alice", POOL, client=Client(server.url, retries=FAST)) as alice:
        alice.place(wait=5)
        alice.place(wait=5)
    assert len({json.loads(body)["id"] for body in server.bodies}) == 2


def test_answers_that_are_lost_again_and_again_have_an_end(twin):
    server = twin(*[CUT] * 9)
    with Agent("alice", POOL, client=Client(server.url, retries=FAST)) as alice, pytest.raises(Unavailable, match="tried 4 times"):
        alice.place(wait=5)


class Cutting:
    """Between a client and a service: the answers of some requests don't get through."""

    def __init__(self, url, lost):
        outer = self
        self.lost = lost
        self.requests = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.do_POST()

            def do_POST(self):
                outer.requests += 1
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {"content-type": self.headers["content-type"]} if body else {}
                answer = httpx.request(self.command, url + self.path, content=body, headers=headers, timeout=60)
                if outer.lost > 0:
                    outer.lost -= 1
                    outer.after_loss()
                    self.close_connection = True
                    return
                self.send_response(answer.status_code)
                self.send_header("content-type", answer.headers["content-type"])
                self.send_header("content-length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_):
                pass

        self.after_loss = lambda: None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.parametrize("over", [False, True])
def test_a_lost_answer_of_a_real_service_begins_no_second_turn(service, run_worker, over):
    """The turn runs still, or is over, when the placement is asked for again."""
    turns, finish = [], threading.Event()

    def handler(turn):
        turn.running()
        turns.append(turn.name)
        if not over:
            finish.wait(20)
        return Snapshot("file:///a")

    run_worker(POOL, handler, name="w", node="n")
    between = Cutting(service.url, lost=1)
    if over:
        between.after_loss = lambda: until(lambda: "SUSPENDED" in httpx.get(f"{service.url}/v1/actors/team/alice").text)
    try:
        with Agent("alice", POOL, server=between.url) as alice:
            placed = alice.place(wait=10)
            assert (placed.worker, placed.ended) == ("w", over)
            finish.set()
            until(lambda: alice.status().status == "suspended")
            assert turns == ["alice"]
            asked = [line for line in alice.history() if line["kind"] == "actor.requested"]
            assert len(asked) == 1
    finally:
        finish.set()
        between.close()


def test_a_refusal_isnt_tried_again(twin):
    server = twin(
        (
            400,
            {},
            b'{"type":"https://greenroom.dev/problems/invalid-event","title":"","status":400,"detail":"data.pool: missing","field":"data.pool","index":0}',
        )
    )
    with Client(server.url, retries=FAST) as client, pytest.raises(Refused) as refused:
        client.append([wire.Event("actor.requested", "team/alice")])
    assert (refused.value.kind, refused.value.field, refused.value.index) == ("invalid-event", "data.pool", 0)


@pytest.mark.parametrize(
    "answer",
    [(200, {}, b"<html>"), (200, {}, b"[]"), (200, {}, b"{}"), (404, {}, b"nothing here"), (302, {"location": "http://127.0.0.1:1/"}, b"")],
)
def test_a_server_that_is_no_greenroom_is_named_as_such(twin, answer):
    with Client(twin(answer).url, retries=FAST) as client, pytest.raises(Refused, match="Is this address a Greenroom service"):
        client.append([wire.Event("actor.idle", "team/alice")])


def test_nobody_there():
    with Client("http://127.0.0.1:1", retries=FAST) as client, pytest.raises(Unavailable, match="is the service running there"):
        client.append([wire.Event("actor.idle", "team/alice")])


def test_a_wait_that_nobody_answers_says_so():
    with Agent("alice", POOL, server="http://127.0.0.1:1") as alice, pytest.raises(StateTimeout, match="is the service running there"):
        alice.wait_for("running", after=0, timeout=0.7)


def test_a_token_is_never_shown():
    with Client("http://127.0.0.1:1", token="secret-token", retries=FAST) as client:
        assert "secret" not in repr(client.connection)
        with pytest.raises(Unavailable) as error:
            client.append([])
        assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"server": "localhost:8080"}, "the server is a URL"),
        ({"token": "two words"}, "the token has a space"),
        ({"ca_file": "/no/such"}, "can't be read"),
    ],
)
def test_what_cant_be_used_is_said_before_the_first_request(options, text):
    with pytest.raises(ConfigurationError, match=text) as error:
        Client(**options)
    assert "two words" not in str(error.value)


def test_a_worker_outlives_a_service_that_is_killed(service, run_worker):
    run_worker(POOL, lambda turn: Snapshot(f"memory:///{turn.seq}"), name="w")
    with Agent("alice", POOL) as alice:
        first = alice.place(wait=10)
        alice.wait_for("suspended", after=first.seq)
        service.end(signal.SIGKILL)
        service.start()
        second = alice.place(wait=20)
        assert second.tier == "warm"
        alice.wait_for("suspended", after=second.seq)
        assert sum(line["kind"] == "actor.running" for line in alice.history()) == 2


def test_a_turn_that_ends_while_the_service_is_away_is_reported_once_it_is_back(service, run_worker):
    begun, finish, finished = threading.Event(), threading.Event(), threading.Event()

    def handler(turn):
        turn.running()
        begun.set()
        finish.wait(20)
        finished.set()
        return "memory:///late"

    run_worker(POOL, handler, name="w")
    with Agent("alice", POOL) as alice:
        placed = alice.place(wait=10)
        assert begun.wait(10)
        service.end(signal.SIGKILL)
        finish.set()
        assert finished.wait(10)
        service.start()
        assert alice.wait_for("suspended", after=placed.seq).data["snapshot"] == "memory:///late"


def test_every_placement_runs_once_while_the_service_is_killed_again_and_again(service, run_worker):
    guard, ran = threading.Lock(), []

    def handler(turn):
        with guard:
            ran.append(turn.seq)
        turn.running()
        turn.sleep(0.05)
        return Snapshot(f"memory:///{turn.seq}")

    workers = [run_worker(POOL, handler, name=f"w{number}", slots=2) for number in range(2)]

    def live(agent):
        for _ in range(4):
            agent.wait_for("suspended", after=agent.place(wait=60).seq)

    patient = Retries(attempts=100, seconds=60)
    agents = [Agent(f"a{number}", POOL, client=Client(retries=patient)) for number in range(8)]
    threads = [threading.Thread(target=live, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    for turns in (4, 12, 20):
        until(lambda least=turns: len(ran) >= least, 60)
        service.end(signal.SIGKILL)
        service.start()
    for thread in threads:
        thread.join(120)
    for worker in workers:
        worker.worker.drain()
        assert worker.join().kind == "drained"
    lines = [json.loads(line) for line in httpx.get(f"{service.url}/v1/events", params={"limit": "10000"}).text.splitlines()]
    assert not [line for line in lines if line.get("superseded")]
    placed = [line["seq"] for line in lines if line["type"] == "dev.greenroom.actor.placed"]
    assert len(placed) == 32 and sorted(ran) == placed


# --- Tokens and TLS -------------------------------------------------------------------------------------------------------

WORKER, AGENT, READER = "w" * 32, "a" * 32, "r" * 32


@pytest.fixture
def guarded(make_service, tmp_path, monkeypatch):
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl isn't installed: TLS was not tried")
    subprocess.run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=own authority",
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout",
            str(tmp_path / "key.pem"),
            "-out",
            str(tmp_path / "ca.pem"),
        ],
        check=True,
        capture_output=True,
    )
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{WORKER} worker worker\n{AGENT} ingest agent\n{READER} read reader\n")
    tokens.chmod(0o600)
    service = make_service(
        f"tls: {{listen: 127.0.0.1:0, certificate: {tmp_path}/ca.pem, key: {tmp_path}/key.pem}}\ntokens: {tokens}\n", tls=True
    )
    service.start()
    for name in ("GREENROOM_TOKEN", "GREENROOM_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GREENROOM_SERVER", service.url)
    return service


def test_an_authority_of_ones_own_and_tokens(guarded, run_worker, tmp_path, monkeypatch):
    authority = str(tmp_path / "ca.pem")
    with pytest.raises(Unavailable, match="GREENROOM_CA_FILE"):
        Agent("alice", POOL, token=AGENT).place(wait=0)
    with pytest.raises(NotAllowed, match="GREENROOM_TOKEN"):
        Agent("alice", POOL, ca_file=authority).place(wait=0)
    monkeypatch.setenv("GREENROOM_CA_FILE", authority)
    run_worker(POOL, lambda turn: "memory:///1", name="w", token=WORKER, wait=False)
    monkeypatch.setenv("GREENROOM_TOKEN", AGENT)
    with Agent("alice", POOL) as alice:
        placed = alice.place(wait=20)
        with pytest.raises(NotAllowed, match="read to follow or look"):
            alice.status()
        with pytest.raises(NotAllowed):
            alice.wait_for("suspended", after=placed.seq)
    with Agent("alice", POOL, token=READER) as looks:
        looks.wait_for("suspended", after=placed.seq)


def test_a_worker_that_may_not_follow_doesnt_register(guarded, run_worker, tmp_path):
    running = run_worker(POOL, lambda turn: None, name="w", token=AGENT, ca_file=str(tmp_path / "ca.pem"), wait=False)
    with pytest.raises(NotAllowed, match="a worker's needs the role worker"):
        running.join()
    with Agent("alice", POOL, token=AGENT, ca_file=str(tmp_path / "ca.pem")) as alice, pytest.raises(StillWaiting, match="no workers"):
        alice.place(wait=0)


# --- Signals --------------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys
from greenroom import Worker
def handler(turn):
    turn.running()
    print("running", flush=True)
    turn.sleep(float(sys.argv[1]))
print(Worker("team/agents", handler, name="w").run())
"""


@pytest.mark.parametrize(
    "signals, seconds, wanted",
    [(1, "1", "Outcome(kind='drained', reason='SIGTERM received')"), (2, "60", "Outcome(kind='stopped', reason='SIGTERM received twice')")],
)
def test_signals(service, signals, seconds, wanted):
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, seconds], stdout=subprocess.PIPE, text=True)
    try:
        with Agent("alice", POOL) as alice:
            placed = alice.place(wait=20)
            assert process.stdout.readline() == "running\n"
            for number in range(signals):
                process.send_signal(signal.SIGTERM)
                if number == 0:
                    until(lambda: b"worker.draining" in httpx.get(f"{service.url}/v1/events?kind=worker.draining").content)
            assert process.communicate(timeout=20)[0].strip() == wanted
            alice.wait_for("suspended" if signals == 1 else "crashed", after=placed.seq)
    finally:
        process.kill()
