"""A worker whose actors are LangGraph graphs: one that waits for a person is suspended, and costs nothing until it wakes.

    pip install langgraph langgraph-checkpoint-sqlite
    python langgraph_worker.py team/graphs --snapshots /tmp/graphs

The graph's checkpoints are the actor's snapshot: one SQLite file. `interrupt` ends the turn; the next placement resumes
the graph there. What a person said is read from the actor's inbox, a file here: Greenroom carries no messages.
"""

import argparse
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from greenroom import Snapshot, Turn, Worker


class State(TypedDict):
    draft: str
    approved: bool


def write(_: State) -> dict:
    return {"draft": "a letter"}


def review(state: State) -> dict:
    answer = interrupt(f"may I send {state['draft']}?")
    return {"approved": answer == "yes"}


def graph() -> StateGraph:
    steps = StateGraph(State)
    steps.add_node("write", write)
    steps.add_node("review", review)
    steps.add_edge(START, "write")
    steps.add_edge("write", "review")
    steps.add_edge("review", END)
    return steps


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pool")
    parser.add_argument("--snapshots", type=Path, required=True)
    parser.add_argument("--name")
    options = parser.parse_args()
    options.snapshots.mkdir(parents=True, exist_ok=True)

    def turn(turn: Turn) -> Snapshot:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "checkpoints.sqlite"
            if turn.restore_from:
                shutil.copy(turn.restore_from.removeprefix("file://"), file)
            with sqlite3.connect(file, check_same_thread=False) as connection:
                runs = graph().compile(checkpointer=SqliteSaver(connection))
                turn.running()
                config = {"configurable": {"thread_id": turn.actor}}
                inbox = options.snapshots / f"{turn.name}.inbox"
                start = Command(resume=inbox.read_text().strip()) if runs.get_state(config).next else {}
                runs.invoke(start, config)
                state = runs.get_state(config)
                if state.next:
                    said = f"waits for a person: {state.interrupts[0].value}"
                else:
                    said = f"is done, approved: {state.values['approved']}"
                print(f"{turn.actor} {said}", flush=True)
            connection.close()
            snapshot = options.snapshots / f"{turn.name}-{turn.seq}.sqlite"
            shutil.copy(file, snapshot)
            return Snapshot(f"file://{snapshot}", bytes=snapshot.stat().st_size)

    Worker(options.pool, turn, name=options.name).run()


if __name__ == "__main__":
    main()
