"""An agent that spawns sub-agents and waits for them all, with asyncio.

    python subagents.py team/agents research 5

Each sub-agent is an actor of its own: it may run on any worker, at the same time as the others. Start worker.py first.
"""

import asyncio
import sys

from greenroom import AsyncAgent, AsyncClient


async def spawn(client: AsyncClient, pool: str, name: str) -> str:
    child = AsyncAgent(name, pool, client=client)
    placed = await child.place(wait=60, expected_millis=200)
    left = await child.wait_for("suspended", timeout=60)
    # It won't come back: its name is forgotten, its snapshot is yours to keep or to delete.
    await child.delete()
    return f"{child.name} ran on {placed.worker} and left {left.data['snapshot']}"


async def main(pool: str, parent: str, count: int) -> None:
    async with AsyncClient() as client:
        for result in await asyncio.gather(*(spawn(client, pool, f"{parent}.{number}") for number in range(count))):
            print(result)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
