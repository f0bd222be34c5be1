"""An MCP server: any agent that speaks MCP can spawn agents on a pool, and ask how they are.

    pip install mcp
    python mcp_server.py team/agents

It speaks MCP on stdin and stdout. Start worker.py first. `GREENROOM_SERVER`, `GREENROOM_TOKEN` and `GREENROOM_CA_FILE`
say where the service is.
"""

import sys

from mcp.server import MCPServer

from greenroom import AsyncAgent, AsyncClient


def server(pool: str) -> MCPServer:
    mcp = MCPServer("greenroom")

    @mcp.tool()
    async def spawn_agent(name: str, wait_seconds: float = 30) -> dict[str, str | None]:
        """Runs the agent of this name on a warm worker until it is suspended, and says where it ran and what it left."""
        async with AsyncClient() as client:
            agent = AsyncAgent(name, pool, client=client)
            placed = await agent.place(wait=wait_seconds)
            left = await agent.wait_for("suspended", timeout=600)
            return {"worker": placed.worker, "restored": placed.tier, "snapshot": left.data.get("snapshot")}

    @mcp.tool()
    async def agent_status(name: str) -> dict[str, str | None]:
        """How an agent is: waiting, running, idle, suspended or crashed, and since which event."""
        async with AsyncClient() as client:
            actor = await AsyncAgent(name, pool, client=client).status()
            return {"status": actor.status, "worker": actor.worker, "snapshot": actor.snapshot, "why_it_waits": actor.reason}

    return mcp


if __name__ == "__main__":
    server(sys.argv[1]).run()
