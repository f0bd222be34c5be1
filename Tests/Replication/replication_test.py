#!/usr/bin/env python3
"""Does the replicated log keep every acknowledged event, in one order, whatever fails?

    replication_test.py --runs 20 --greenroom .build/debug/greenroom --nats-server PATH [--seed S] [--faults kill_leader,cut_server] [--keep]

Three servers with JetStream and three whole services run on loopback, under load from clients that retry through all three with the same
ids. Each round lets one or two things go wrong at random: an instance, a server, two or all are killed with SIGKILL, stopped or paused; a
server's store or an instance's file is removed; links are cut, broken or slowed. Then all of it is mended, and these claims are checked:

  1. Every acknowledged (source, id) is in every instance's log exactly once, at the position that was acknowledged, whoever said so.
     What nobody acknowledged is there whole or not at all, and is taken when it is sent again.
  2. The instances' commits and hash chains are equal, and those of the stream. `greenroom log verify` finds nothing wrong.
  3. Each message of the stream continues the one before it, and carries the fence of the last election: no deposed leader wrote.
  4. The servers' own states are equal; at the end their block files are, message by message.
  5. The instances answer the same state as of the same position, and show what another one acknowledged.
  6. Workers were started only by the leader of the moment, within its lease.

All rounds share one stream, so it grows. Exit status: 0 all claims held; 1 one didn't (the finding, the seed and the command that runs it
again are printed, the folder is kept); 2 usage; 3 it could not be run. Only Python's standard library is used. Linux only (/proc).
"""

import argparse
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import blocks
import oracles
from bounds import (
    BEFORE_FAULT_SECONDS, COMMAND_SECONDS, CONVERGE_SECONDS, LEASE_SECONDS, NATS_VERSION, REQUEST_SECONDS, ROUND_SECONDS, START_SECONDS, STATE_SECONDS,
    STREAM, CannotRun, Finding)
from faults import Faults
from load import Load, ManyClient
from machines import Cluster
from messages import StreamBook
from wire import Wire

REPEATED_REQUESTS = 20


# Of a short run, in this order: what is new of a replicated log, in the least time.
SHORT_FAULTS = ("kill_leader", "wipe_instance", "pause_leader", "kill_all_servers", "cut_leader", "stop_leader")


class Campaign:
    def __init__(self, cluster, seed, only, is_short=False):
        self.cluster = cluster
        self.seed = seed
        self.only = only
        self.is_short = is_short
        self.rng = random.Random(f"{seed}/faults")
        self.book = StreamBook()
        self.acknowledged = oracles.Acknowledged()
        self.placements = []
        self.faults = Faults(cluster, self.rng, self.leader)
        self.starts = oracles.WorkerStarts(cluster.instances[0].mark.rpartition("/")[0])
        # Longest times without an acknowledgement, by what had happened.
        self.gaps = []
        self.handovers = []

    # --- What is known of it ---

    def leader(self):
        """The instance that won the last election in the stream."""
        self.read_stream()
        if not self.book.leaderships:
            return None
        name = self.book.leaderships[-1].instance
        return next((instance for instance in self.cluster.instances if name.startswith(instance.name)), None)

    def read_stream(self, whole=False):
        """Reads what is new. Answers whether the end was reached; anything but that is only an error where `whole` is asked."""
        deadline = time.monotonic() + (STATE_SECONDS if whole else 0)
        while True:
            for server in self.cluster.servers:
                if not server.is_running or server.is_paused:
                    continue
                wire = None
                try:
                    wire = Wire(server.port)
                    info = wire.stream_info(STREAM)
                    if info is None or not info.get("cluster", {}).get("leader"):
                        continue
                    for sequence, at, data in wire.messages(STREAM, self.book.last + 1, info["state"]["last_seq"]):
                        if data is None:
                            # The one that was asked for its last sequence and the one that answers need not be the same.
                            break
                        self.book.add(sequence, at, data)
                    return True
                except (OSError, ValueError):
                    continue
                finally:
                    if wire is not None:
                        wire.close()
            if time.monotonic() >= deadline:
                break
            time.sleep(0.2)
        if whole:
            raise Finding(f"no server gives the stream {STREAM} within {STATE_SECONDS} s")
        return False

    # --- Waiting ---

    def until(self, seconds, what, condition, machines_must_run=True):
        deadline = time.monotonic() + seconds
        while True:
            problem = condition()
            if problem is None:
                return
            for instance in self.cluster.instances:
                if machines_must_run and not instance.is_running:
                    raise Finding(f"{instance.name} ended by itself with status {instance.process.returncode}:\n{instance.log_tail()}")
            if time.monotonic() > deadline:
                raise Finding(f"{what} within {seconds} s: {problem}")
            time.sleep(0.05)

    def not_ready(self):
        for server in self.cluster.servers:
            if not server.is_healthy():
                return f"{server.name} isn't healthy"
        for instance in self.cluster.instances:
            if not instance.is_ready():
                return f"{instance.name}: {instance.why_not_ready()}"
        return None

    def start(self):
        for server in self.cluster.servers:
            server.start()
        self.until(START_SECONDS, "the servers were not healthy", lambda: next(
            (server.name for server in self.cluster.servers if not server.is_healthy()), None), machines_must_run=False)
        for instance in self.cluster.instances:
            instance.start()
        self.until(START_SECONDS, "the instances were not ready", self.not_ready)

    # --- A round ---

    def run(self, number):
        load = Load([instance.port for instance in self.cluster.instances], self.seed, number)
        load.start()
        time.sleep(self.rng.uniform(*BEFORE_FAULT_SECONDS))
        kinds = self.only or self.faults.draw(self.rng.choice((1, 1, 2)))
        if self.is_short:
            kinds = [SHORT_FAULTS[(number - 1) % len(SHORT_FAULTS)]]
        happened = []
        mends = []
        fault_at = time.time()
        for kind in kinds:
            mend, where = self.faults.happen(kind)
            mends.append(mend)
            happened.append(f"{kind} ({where})")
            time.sleep(self.rng.uniform(0, 0.5))
        print(f"round {number}: {', '.join(happened)} …", flush=True)
        time.sleep(self.faults.seconds())
        self.rng.shuffle(mends)
        for mend in mends:
            mend()
        mended_at = time.time()
        before = load.count_acknowledgements()
        self.until(CONVERGE_SECONDS, f"after {', '.join(happened)} it didn't converge", self.not_ready)
        self.until(CONVERGE_SECONDS, "nothing was acknowledged", lambda: None if load.count_acknowledgements() > before + 10 else "no acknowledgement since")
        time.sleep(self.rng.uniform(0.1, 0.5))
        load.join()
        self.note_gap(kinds, load, fault_at, mended_at)
        self.check(load)
        print(
            f"round {number}: {self.book.position} events in {len(self.book.commits)} commits, {len(self.acknowledged.positions)} acknowledged, "
            f"{len(self.placements)} placements, {self.book.elections} elections, longest silence {self.gaps[-1][1]:.1f} s", flush=True)

    def note_gap(self, kinds, load, fault_at, mended_at):
        times = sorted(t for t in load.acknowledged_at if t >= fault_at - 0.5)
        gaps = [(b - a, a) for a, b in zip(times, times[1:])]
        longest = max(gaps)[0] if gaps else 0.0
        after = min((t for t in times if t > mended_at), default=mended_at) - mended_at
        self.gaps.append(("+".join(kinds), longest, after))

    def check(self, load):
        answered = [request for request in load.requests if request.positions is not None]
        unanswered = [request for request in load.requests if request.positions is None]
        for request in answered:
            self.acknowledged.add(request)
        self.placements += load.placements
        self.until(CONVERGE_SECONDS, "the servers' own states were not alike", self.servers_differ)
        self.read_stream(whole=True)
        logs = self.read_logs(self.book.position)
        for log in logs:
            oracles.check_acknowledged(log, self.acknowledged, unanswered)
            oracles.check_placements(log, self.placements)
        self.send_again(answered, unanswered)
        oracles.check_state(self.cluster.instances)
        self.read_stream(whole=True)
        oracles.check_only_the_leader_acted(self.starts.all(), self.book, self.faults.pauses)
        self.verify(self.rng.choice(self.cluster.instances))

    def servers_differ(self):
        return oracles.states_differ({server.name: server.own_state() for server in self.cluster.servers})

    def not_at_rest(self):
        """Nothing is appended for a second, and every instance has all of it: the pool is at zero, and its workers are gone."""
        before = self.book.position
        time.sleep(1)
        self.read_stream(whole=True)
        if self.book.position != before:
            return f"it has grown from {before} to {self.book.position}"
        return next((f"{instance.name}: {why}" for instance in self.cluster.instances if (why := self.behind(instance, before))), None)

    def read_logs(self, position, exactly=False, running=True):
        """The files of all instances, which have reached that position and are equal as far as they go."""
        logs = []
        for instance in self.cluster.instances:
            self.until(STATE_SECONDS, f"{instance.name} has not reached position {position}", lambda: self.behind(instance, position), running)
            logs.append(oracles.read_log(instance.name, instance.database))
        if not exactly:
            count = min(len(log.commits) for log in logs)
            for log in logs:
                log.commits = log.commits[:count]
                last = log.commits[-1][1] if log.commits else 0
                log.positions = {key: seq for key, seq in log.positions.items() if seq <= last}
            oracles.check_stream_has(logs[0], cut(self.book, count) if count <= len(self.book.commits) else self.reread(count))
        oracles.check_same_commits(logs)
        return logs

    def reread(self, count):
        self.read_stream(whole=True)
        return cut(self.book, count)

    @staticmethod
    def behind(instance, position):
        try:
            connection = sqlite3.connect(f"file:{instance.database}?mode=ro", uri=True, timeout=REQUEST_SECONDS)
        except sqlite3.Error as error:
            return str(error)
        try:
            reached = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
            return None if reached >= position else f"it is at {reached}"
        except sqlite3.Error as error:
            return str(error)
        finally:
            connection.close()

    def send_again(self, answered, unanswered):
        """What was acknowledged is known to every instance; what wasn't is taken."""
        client = ManyClient([instance.port for instance in self.cluster.instances], self.rng, REQUEST_SECONDS)
        sender = Load(client.ports, self.seed, 0)
        deadline = time.monotonic() + CONVERGE_SECONDS
        try:
            for request in self.rng.sample(answered, min(REPEATED_REQUESTS, len(answered))) + unanswered:
                before = request.positions
                client.current = self.rng.randrange(len(client.ports))
                sender.send(client, request, is_over=lambda: time.monotonic() > deadline)
                if request.positions is None:
                    raise Finding(f"nobody took a request within {CONVERGE_SECONDS} s")
                if before is not None and request.positions != before:
                    raise Finding(f"sent again, a request is acknowledged at {request.positions[:3]}… instead of {before[:3]}…")
                self.acknowledged.add(request)
        finally:
            client.close()

    def verify(self, instance):
        """On a copy: the log goes on meanwhile."""
        copy = os.path.join(self.cluster.folder, "copy.db")
        for suffix in ("", "-wal", "-shm", "-head"):
            if os.path.exists(copy + suffix):
                os.remove(copy + suffix)
        reading = sqlite3.connect(f"file:{instance.database}?mode=ro", uri=True, timeout=REQUEST_SECONDS)
        writing = sqlite3.connect(copy)
        try:
            reading.backup(writing)
        finally:
            writing.close()
            reading.close()
        status, out, err = instance.command("log", "verify", "--db", copy)
        if status != 0:
            raise Finding(f"`log verify` of {instance.name} ended with status {status}:\n{(out + err)[-2000:]}")

    # --- The end ---

    def finish(self):
        self.until(CONVERGE_SECONDS, "the log did not come to rest", self.not_at_rest)
        logs = self.read_logs(self.book.position, exactly=True)
        oracles.check_stream_has(logs[0], self.book)
        # Whoever leads hands over, until the last one ends: what that one writes as it does, the others read at their next start.
        for instance in self.cluster.instances:
            self.handovers.append(instance.stop())
        self.read_stream(whole=True)
        logs = self.read_logs(min(len(log.positions) for log in logs), running=False)
        for log in logs:
            oracles.check_acknowledged(log, self.acknowledged, [])
        oracles.check_only_the_leader_acted(self.starts.all(), self.book, self.faults.pauses)
        if not self.starts.all():
            raise Finding("no worker process was ever seen: nothing was shown about who acts")
        for instance in self.cluster.instances:
            status, out, err = instance.command("log", "verify", "--db", instance.database)
            if status != 0:
                raise Finding(f"`log verify` of {instance.name} ended with status {status}:\n{(out + err)[-2000:]}")
        first = self.cluster.instances[0]
        for other in self.cluster.instances[1:]:
            status, out, err = first.command("log", "verify", "--db", first.database, "--against", other.database)
            if status != 0:
                raise Finding(f"`log verify --against` of {first.name} and {other.name} ended with status {status}:\n{(out + err)[-2000:]}")
        self.until(CONVERGE_SECONDS, "the servers' own states were not alike", self.servers_differ, machines_must_run=False)
        for server in self.cluster.servers:
            server.stop(status=None)
        stored = {server.name: blocks.read(blocks.stream_folder(server.store, STREAM)) for server in self.cluster.servers}
        return blocks.check_alike(stored)


def cut(book, count):
    shorter = StreamBook()
    shorter.commits = book.commits[:count]
    return shorter


def interrupted(number, frame):
    raise KeyboardInterrupt


def parse_arguments():
    parser = argparse.ArgumentParser(description="Lets servers, instances and links fail under load, and checks what is left.")
    parser.add_argument("--runs", type=int, default=20, help="rounds (default 20)")
    parser.add_argument("--greenroom", required=True, help="the program under test")
    parser.add_argument("--nats-server", required=True, help="nats-server 2.14 or newer")
    parser.add_argument("--seed", default=None, help="of the faults and the load (default: random)")
    parser.add_argument("--faults", default=None, help="these in every round, instead of random ones: names with commas between")
    parser.add_argument("--short", action="store_true", help="the faults that say most, one each, and a minute at most: for every run of the tests")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    if arguments.faults is not None:
        arguments.faults = arguments.faults.split(",")
        unknown = [name for name in arguments.faults if name not in Faults.KINDS]
        if unknown:
            parser.error(f"--faults: unknown: {', '.join(unknown)}; known: {', '.join(dict.fromkeys(Faults.KINDS))}")
    return arguments


def check_version(program):
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=COMMAND_SECONDS).stdout
    except OSError as error:
        raise CannotRun(f"can't run {program}: {error}")
    found = re.search(r"v(\d+)\.(\d+)", said)
    if not found or tuple(map(int, found.groups())) < NATS_VERSION:
        raise CannotRun(f"{program} says {said.strip() or 'nothing'}; version {'.'.join(map(str, NATS_VERSION))} or newer is needed")


def main():
    arguments = parse_arguments()
    seed = arguments.seed or f"{random.SystemRandom().getrandbits(32):08x}"
    signal.signal(signal.SIGTERM, interrupted)
    keep = arguments.keep
    folder = tempfile.mkdtemp(prefix="greenroom-replication-")
    cluster = campaign = None
    again = f"make replication-test RUNS={arguments.runs} SEED={seed}" + (f" FAULTS={','.join(arguments.faults)}" if arguments.faults else "")
    started = time.monotonic()
    number = 0
    try:
        check_version(arguments.nats_server)
        cluster = Cluster(
            folder, os.path.abspath(arguments.greenroom), os.path.abspath(arguments.nats_server), f"{os.getpid()}-{seed}", random.Random(f"{seed}/ports"))
        campaign = Campaign(cluster, seed, arguments.faults, arguments.short)
        print(f"three servers, three instances, lease {LEASE_SECONDS:g} s, seed {seed}", flush=True)
        campaign.start()
        for number in range(1, arguments.runs + 1):
            began = time.monotonic()
            campaign.run(number)
            if time.monotonic() - began > ROUND_SECONDS:
                raise Finding(f"the round took {time.monotonic() - began:.0f} s: something is far too slow")
        stored = campaign.finish()
        if not Load.waits:
            print("note: the program knows no ?after=SEQ of an actor; readers looked again until the position was reached")
        silence = sorted(longest for _, longest, _ in campaign.gaps)
        print(
            f"{arguments.runs} rounds, {len(campaign.acknowledged.positions)} events acknowledged, {len(campaign.placements)} placements, "
            f"{campaign.book.elections} elections, {stored} messages alike on three servers, {len(campaign.starts.all())} workers started by leaders alone, "
            f"longest silence p50 {silence[len(silence) // 2]:.1f} s max {silence[-1]:.1f} s, {time.monotonic() - started:.0f} s, seed {seed}: ok")
        return 0
    except Finding as finding:
        keep = True
        print(f"round {number}: {finding}\nagain: {again}\nleft in {folder}", file=sys.stderr)
        return 1
    except CannotRun as problem:
        print(f"replication_test: {problem}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("replication_test: interrupted", file=sys.stderr)
        return 130
    finally:
        if campaign is not None:
            campaign.starts.close()
        if cluster is not None:
            cluster.end()
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
