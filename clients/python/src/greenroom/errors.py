"""What can go wrong, and what is there to do about it?

Every error is a `GreenroomError`. Its text says what happened, where, and what to do. No error contains a token.
"""

from __future__ import annotations


class GreenroomError(Exception):
    """Any error of this package."""


class ConfigurationError(GreenroomError):
    """An argument or an environment variable can't be used."""


class Unavailable(GreenroomError):
    """No answer, or only answers that say to come again, until the tries were used up. Sending the same events again is safe."""


class Refused(GreenroomError):
    """The service won't do this however often it is sent."""

    def __init__(self, status: int, kind: str, detail: str, field: str | None = None, index: int | None = None, hint: str | None = None):
        self.status = status
        #: The last part of the problem's type: `invalid-event`, `conflict`, …
        self.kind = kind
        self.detail = detail
        #: The attribute, parameter or member at fault.
        self.field = field
        #: Which event of the request, from 0.
        self.index = index
        super().__init__(f"{status} {kind}: {detail}" + (f". {hint}" if hint else ""))


class NotAllowed(Refused):
    """No token, or one that may not do this."""


class NotFound(Refused):
    """There is nothing of that name."""


class Conflict(Refused):
    """The state forbids it."""


class StillWaiting(GreenroomError, TimeoutError):
    """No worker came free in time. The actor stays in the queue: call `place` again, or `withdraw`."""

    def __init__(self, actor: str, pool: str, position: int, reason: str, detail: str):
        self.actor = actor
        self.pool = pool
        #: Its place in the pool's queue, from 1.
        self.position = position
        #: `pool_exhausted`, `node_locality`, `no_eligible_pool` or `quota`.
        self.reason = reason
        self.detail = detail
        super().__init__(
            f"{actor} still waits for a worker of {pool}, place {position} in its queue ({reason}): {detail}. "
            f"It stays in the queue until it is placed or withdrawn; greenroom explain actor {actor} says more"
        )


class StateTimeout(GreenroomError, TimeoutError):
    """An actor didn't come into a state in time."""


class WorkerLost(GreenroomError):
    """A worker can't go on: it couldn't reach the service for too long, or the log says that it is gone."""
