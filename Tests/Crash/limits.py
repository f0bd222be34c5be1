"""What bounds the test, and how does it end when a claim fails?"""

# Every wait has its bound here, in seconds.
READY_SECONDS = 60
REQUEST_SECONDS = 20
COMMAND_SECONDS = 300
STOP_SECONDS = 60
EXIT_AFTER_KILL_SECONDS = 10
ORPHANS_SECONDS = 20
STATE_SECONDS = 30
JOIN_SECONDS = REQUEST_SECONDS + 10
TEN_RUNS_SECONDS = 900
# Another process may take a port between our look and the service's.
PORT_TRIES = 5

# What the load is like.
KILL_AFTER_SECONDS = (0.2, 2.0)
KILL_WHILE_STARTING_CHANCE = 0.2
LOAD_THREADS = 4
BATCH_EVENTS_MOST = 60
PAUSE_SECONDS_MOST = 0.03
ACTORS = 12
EXPECTED_MILLIS = 200
EARLIER_REQUESTS = 10
POOL = "crash/pool"


class Finding(Exception):
    """A claim that doesn't hold."""


class CannotRun(Exception):
    """The test itself could not be carried out."""
