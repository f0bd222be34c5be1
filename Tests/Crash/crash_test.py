#!/usr/bin/env python3
"""Does the service survive kill -9 at any moment, under load, with nothing lost and nothing left over?

    crash_test.py --runs 50 --greenroom .build/debug/greenroom [--seed S] [--keep]

Each run loads a service over HTTP/1.1 from several threads, kills it with SIGKILL at a random moment, and then holds what is
left to these claims:

  1. `greenroom log verify` finds nothing wrong, and `greenroom replay` no decision that comes out otherwise.
  2. Every acknowledged (source, id) is in the log exactly once, at the position that was acknowledged; none is there twice.
     What was not acknowledged is there whole or not at all.
  3. The restarted service answers every acknowledged request as duplicates, with the first positions, and takes the others.
  4. Its pools are what the log says: the same desired count and demand as folded from a copy of the log.
  5. No worker process is left over from before; after a graceful stop there is none at all.

All runs share one log, so it grows. Exit status: 0 all claims held; 1 one didn't (the finding and the seed are printed, the
folder is kept); 2 usage; 3 the service could not be run. Only Python's standard library is used. Linux only (/proc).
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

from claims import Acknowledged, check_log, check_processes, check_repeats, check_replay, check_state, check_verify
from limits import (
    EARLIER_REQUESTS, EXIT_AFTER_KILL_SECONDS, KILL_AFTER_SECONDS, KILL_WHILE_STARTING_CHANCE, TEN_RUNS_SECONDS, CannotRun,
    Finding)
from load import Load
from processes import marked_processes
from service import Service


class Campaign:
    """All runs, over one log."""

    def __init__(self, service, seed):
        self.service = service
        self.seed = seed
        self.rng = random.Random(f"{seed}/moments")
        self.acknowledged = Acknowledged()
        self.owners = set()
        self.workers_seen = 0
        self.logged = 0
        # Some requests of earlier runs, to be repeated long after.
        self.sample = []

    def run(self, number):
        """Load, kill, look, start again, look again. The service runs before and after."""
        load = Load(self.service, self.seed, number)
        load.start()
        self.wait_and_count_workers(self.rng.uniform(*KILL_AFTER_SECONDS))
        if not self.service.is_running():
            raise Finding(f"the service ended by itself with status {self.service.process.returncode}:\n{self.service.log_tail()}")
        self.service.kill()
        load.join()
        answered = [r for r in load.requests if r.positions is not None]
        unanswered = [r for r in load.requests if r.positions is None]
        for request in answered:
            self.acknowledged.add(request)
        check_verify(self.service)
        check_replay(self.service)
        self.logged = check_log(self.service, self.acknowledged, unanswered)
        if self.rng.random() < KILL_WHILE_STARTING_CHANCE:
            self.service.spawn()
            time.sleep(self.rng.random() * 0.5)
            self.service.kill()
        self.service.start()
        check_processes(self.service, self.owners)
        check_state(self.service)
        earlier = self.rng.sample(self.sample, min(EARLIER_REQUESTS, len(self.sample)))
        check_repeats(self.service, answered + earlier, unanswered, self.acknowledged)
        self.sample += self.rng.sample(answered, min(EARLIER_REQUESTS, len(answered)))

    def wait_and_count_workers(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.workers_seen = max(self.workers_seen, len(marked_processes(self.service.mark)) - 1)
            time.sleep(min(0.1, max(0.0, deadline - time.monotonic())))

    def finish(self):
        self.service.stop()
        check_processes(self.service, self.owners)
        check_verify(self.service)
        check_replay(self.service)
        self.logged = check_log(self.service, self.acknowledged, [])
        if self.workers_seen == 0:
            raise Finding("no worker process was ever seen: the pool never grew, so nothing was shown about its processes")


def end_everything(service):
    """Whatever happened: no process of this test outlives it."""
    if service.is_running():
        service.process.kill()
        service.process.wait(timeout=EXIT_AFTER_KILL_SECONDS)
    for pid in marked_processes(service.mark):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def interrupted(number, frame):
    raise KeyboardInterrupt


def parse_arguments():
    parser = argparse.ArgumentParser(description="Kills a loaded service again and again, and checks what is left.")
    parser.add_argument("--runs", type=int, default=50, help="how often it is killed (default 50)")
    parser.add_argument("--greenroom", required=True, help="the program under test")
    parser.add_argument("--seed", default=None, help="of the load and the moments of the kills (default: random)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the log")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    return arguments


def main():
    arguments = parse_arguments()
    seed = arguments.seed or f"{random.SystemRandom().getrandbits(32):08x}"
    signal.signal(signal.SIGTERM, interrupted)
    folder = tempfile.mkdtemp(prefix="greenroom-crash-")
    service = Service(os.path.abspath(arguments.greenroom), folder, mark=f"{os.getpid()}-{seed}")
    keep = arguments.keep
    started = time.monotonic()
    limit = started + TEN_RUNS_SECONDS * max(1, arguments.runs / 10)
    campaign = Campaign(service, seed)
    number = 0
    try:
        service.start()
        for number in range(1, arguments.runs + 1):
            if time.monotonic() > limit:
                raise Finding(f"{number - 1} runs took {time.monotonic() - started:.0f} s: something is far too slow")
            campaign.run(number)
            print(f"run {number}: {campaign.logged} events in the log, {len(campaign.acknowledged.positions)} acknowledged", flush=True)
        campaign.finish()
        print(
            f"{arguments.runs} runs, {len(campaign.acknowledged.positions)} events acknowledged, {service.starts - 1} restarts, "
            f"up to {campaign.workers_seen} workers, {time.monotonic() - started:.0f} s, seed {seed}: ok")
        return 0
    except Finding as finding:
        keep = True
        print(f"run {number}: {finding}\nagain: --runs {arguments.runs} --seed {seed}\nleft in {folder}", file=sys.stderr)
        return 1
    except CannotRun as problem:
        print(f"crash_test: {problem}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("crash_test: interrupted", file=sys.stderr)
        return 130
    finally:
        end_everything(service)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
