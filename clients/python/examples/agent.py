"""An agent: it asks for a worker, runs there, is suspended, and wakes up warm.

    python agent.py team/agents alice

Start worker.py first.
"""

import sys

from greenroom import Agent, GreenroomError


def main(pool: str, name: str) -> None:
    with Agent(name, pool) as agent:
        for _ in range(2):
            placed = agent.place(wait=30, expected_millis=200)
            print(f"{agent.name} is on {placed.worker}, {placed.tier}, after {placed.waited_seconds:.3f} s")
            left = agent.wait_for("suspended", timeout=30)
            print(f"{agent.name} is suspended in {left.data['snapshot']}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except GreenroomError as error:
        # It says what happened and what to do: no worker came free, nobody is at that address, the token has no right.
        sys.exit(str(error))
