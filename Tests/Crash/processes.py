"""Which processes descend from a service of this test? Linux only: read from /proc."""

import os

# In the environment of every service of this test, and so of whatever it starts.
MARKER = "GREENROOM_CRASH_TEST"


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name before may hold anything, parentheses too.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except (OSError, IndexError):
        return True


def environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
            return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in pairs}
    except OSError:
        return {}


def marked_processes(mark):
    """Living processes that descend from a service of this test, by pid: their GREENROOM_OWNER."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        environment = environment_of(int(name))
        if environment.get(MARKER) == mark and not is_zombie(int(name)):
            found[int(name)] = environment.get("GREENROOM_OWNER")
    return found


def descends_from(pid, ancestor):
    for _ in range(64):
        if pid == ancestor:
            return True
        if pid <= 1:
            return False
        pid = parent_of(pid)
    return False


def arguments_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def is_worker(pid):
    return arguments_of(pid)[1:2] == ["worker"]


def is_unowned_worker(pid):
    """A child shows its parent's environment until it is another program, so it is asked in this order: a worker's arguments
    come with a worker's environment. A process that ended has neither."""
    return is_worker(pid) and "GREENROOM_OWNER" not in environment_of(pid) and is_worker(pid) and not is_zombie(pid)


def describe(pid):
    return f"{pid} ({' '.join(arguments_of(pid))[:200]})"
