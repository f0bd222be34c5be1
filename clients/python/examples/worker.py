"""A worker: it hosts actors of one pool, and restores each from the snapshot that it left last.

    python worker.py team/agents --snapshots /tmp/snapshots

An actor's state here is a number in a file: how often it woke. Yours is memory, files, a conversation.
"""

import argparse
import json
import time
from pathlib import Path

from greenroom import Snapshot, Turn, Worker


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pool")
    parser.add_argument("--snapshots", type=Path, required=True)
    parser.add_argument("--name")
    parser.add_argument("--slots", type=int, default=2)
    options = parser.parse_args()

    def turn(turn: Turn) -> Snapshot:
        # Restore: Greenroom says from where, and never touches the state itself.
        began = time.monotonic()
        state = {"woke": 0}
        if turn.restore_from:
            state = json.loads(Path(turn.restore_from.removeprefix("file://")).read_text())
        turn.running(restore_millis=round((time.monotonic() - began) * 1000))

        # Work. What there is to do comes from your own queue, database or API, by the actor's name.
        state["woke"] += 1
        turn.sleep(0.1)
        print(f"{turn.actor} woke for the {state['woke']}. time, {turn.tier}", flush=True)

        # Leave the state where another worker can read it, and say where.
        file = options.snapshots / f"{turn.name}-{turn.seq}.json"
        file.write_text(json.dumps(state))
        return Snapshot(f"file://{file}", bytes=file.stat().st_size)

    options.snapshots.mkdir(parents=True, exist_ok=True)
    Worker(options.pool, turn, name=options.name, slots=options.slots).run()


if __name__ == "__main__":
    main()
