"""An agent: it asks for a worker, runs there, is suspended, and wakes up warm.

    python agent.py team/agents alice

Start worker.py first.
"""

import sys

from greenroom import Agent, StillWaiting


def main(pool: str, name: str) -> None:
    with Agent(name, pool) as agent:
        for _ in range(2):
            try:
                placed = agent.place(wait=30, expected_millis=200)
            except StillWaiting as waiting:
                sys.exit(str(waiting))
            print(f"{agent.name} is on {placed.worker}, {placed.tier}, after {placed.waited_seconds:.3f} s")
            left = agent.wait_for("suspended", after=placed.seq, timeout=30)
            print(f"{agent.name} is suspended in {left.data['snapshot']}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
