"""What bounds the campaign? Every wait has its limit here, in seconds."""

import os
import sys

# Events, requests and processes are those of the crash test.
sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Crash"))

from limits import CannotRun, Finding  # noqa: E402, F401

SERVERS = 3
INSTANCES = 3
STREAM = "greenroom"
# The least version whose replicas stay alike.
NATS_VERSION = (2, 14)

# The shortest lease that is recommended.
LEASE_SECONDS = 3.0
START_SECONDS = 60
# Servers elect a leader of their own in up to 12 s after a kill, and an instance's lease ends after that.
CONVERGE_SECONDS = 90
STATE_SECONDS = 30
REQUEST_SECONDS = 10
STOP_SECONDS = 60
COMMAND_SECONDS = 300
EXIT_AFTER_KILL_SECONDS = 10
JOIN_SECONDS = 60
ROUND_SECONDS = 240
WIRE_SECONDS = 10

# What the load is like.
LOAD_THREADS = 3
BATCH_EVENTS_MOST = 40
PAUSE_SECONDS_MOST = 0.04
PLACED_ACTORS = 6
POOL = "crash/pool"

# A fault lasts so many leases.
FAULT_LEASES = (0.2, 2.0)
# Load before the first fault, and after the last one has been mended.
BEFORE_FAULT_SECONDS = (0.3, 1.5)
# How far a process's start, which is known to 10 ms, and a message's time may be off on a loaded machine.
CLOCK_SLACK_SECONDS = 0.25
