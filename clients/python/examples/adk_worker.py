"""A worker whose actors are agents of Google's ADK. A plugin tells Greenroom when one works and when it is idle.

    pip install google-adk
    python adk_worker.py team/adk --snapshots /tmp/adk

The session's state is the actor's snapshot. The agent here needs no model; put your LlmAgent in its place.
"""

import argparse
import json
from collections.abc import AsyncGenerator
from pathlib import Path

from google.adk.agents import BaseAgent
from google.adk.agents.invocation_context import InvocationContext
from google.adk.events import Event, EventActions
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

from greenroom import AsyncTurn, Snapshot, Worker

APP = "greenroom_example"


class GreenroomPlugin(BasePlugin):
    """Says `running` when a run begins and `idle` when it ends: the actor keeps its slot in between."""

    def __init__(self, turn: AsyncTurn):
        super().__init__(name="greenroom")
        self._turn = turn

    async def before_run_callback(self, *, invocation_context: InvocationContext) -> None:
        await self._turn.running()

    async def after_run_callback(self, *, invocation_context: InvocationContext) -> None:
        await self._turn.idle()


class Counter(BaseAgent):
    async def _run_async_impl(self, ctx: InvocationContext) -> AsyncGenerator[Event, None]:
        runs = ctx.session.state.get("runs", 0) + 1
        text = types.Content(role="model", parts=[types.Part(text=f"run {runs}")])
        yield Event(author=self.name, content=text, actions=EventActions(state_delta={"runs": runs}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pool")
    parser.add_argument("--snapshots", type=Path, required=True)
    parser.add_argument("--name")
    options = parser.parse_args()
    options.snapshots.mkdir(parents=True, exist_ok=True)

    async def turn(turn: AsyncTurn) -> Snapshot:
        state = json.loads(Path(turn.restore_from.removeprefix("file://")).read_text()) if turn.restore_from else {}
        sessions = InMemorySessionService()
        await sessions.create_session(app_name=APP, user_id="user", session_id=turn.name, state=state)
        runner = Runner(app_name=APP, agent=Counter(name="counter"), session_service=sessions, plugins=[GreenroomPlugin(turn)])
        message = types.Content(role="user", parts=[types.Part(text="go on")])
        async for event in runner.run_async(user_id="user", session_id=turn.name, new_message=message):
            if event.content and event.content.parts:
                print(f"{turn.actor} says {event.content.parts[0].text}", flush=True)
        session = await sessions.get_session(app_name=APP, user_id="user", session_id=turn.name)
        file = options.snapshots / f"{turn.name}-{turn.seq}.json"
        file.write_text(json.dumps(session.state))
        return Snapshot(f"file://{file}", bytes=file.stat().st_size)

    Worker(options.pool, turn, name=options.name).run()


if __name__ == "__main__":
    main()
