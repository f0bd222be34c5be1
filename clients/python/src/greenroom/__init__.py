"""Greenroom's client: agents ask for a worker, workers host actors.

    from greenroom import Agent, Worker

    placement = Agent("alice", "team/chat").place(wait=30)      # in the agent's program
    Worker("team/chat", handler).run()                          # in the worker's

Greenroom carries no work: it says where an actor runs. See docs/what-greenroom-is-not.md.
"""

from .agent import Agent, AsyncAgent
from .client import AsyncClient, Client, Retries
from .errors import (
    ConfigurationError,
    Conflict,
    GreenroomError,
    NotAllowed,
    NotFound,
    Refused,
    StateTimeout,
    StillWaiting,
    Unavailable,
    WorkerLost,
)
from .turns import AsyncTurn, Paused, Snapshot, Turn
from .wire import Acknowledgement, Actor, Event, LoggedEvent, Placement
from .worker import Outcome, Worker

__all__ = [
    "Acknowledgement",
    "Actor",
    "Agent",
    "AsyncAgent",
    "AsyncClient",
    "AsyncTurn",
    "Client",
    "ConfigurationError",
    "Conflict",
    "Event",
    "GreenroomError",
    "LoggedEvent",
    "NotAllowed",
    "NotFound",
    "Outcome",
    "Paused",
    "Placement",
    "Refused",
    "Retries",
    "Snapshot",
    "StateTimeout",
    "StillWaiting",
    "Turn",
    "Unavailable",
    "Worker",
    "WorkerLost",
]
