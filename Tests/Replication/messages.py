"""What do the stream's messages say, and does each continue what stands before it?

The bytes are described in docs/replication.md. This reader shares no code with the one that is tested.
"""

from bounds import Finding

COMMIT, ELECTION, HEARTBEAT, RESIGNATION = 1, 2, 3, 4
HEAD_BYTES = 5 + 16 + 32


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def raw(self, count):
        if self.at + count > len(self.data):
            raise Finding(f"a message of {len(self.data)} bytes ends early, at {self.at} + {count}")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self):
        value = shift = 0
        while True:
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


class Message:
    """The parts of a message that order and leadership depend on."""

    def __init__(self, data):
        reader = Reader(data)
        if reader.raw(3) != b"GRM":
            raise Finding(f"the stream holds what is no message of a log: {data[:40]!r}")
        version, self.kind = reader.raw(2)
        if version != 1:
            raise Finding(f"the stream holds a message of version {version}")
        self.log = reader.raw(16)
        self.previous = reader.raw(32)
        self.fence = self.link = self.first = self.count = self.instance = self.session = None
        if self.kind == COMMIT:
            self.fence = reader.number()
            self.link = reader.raw(32)
            reader.number()
            self.first = reader.number()
            reader.number()
            for _ in range(reader.number()):
                reader.raw(reader.number())
            self.count = reader.number()
        elif self.kind == ELECTION:
            self.session = reader.raw(8)
            self.instance = reader.raw(reader.number()).decode()
        elif self.kind in (HEARTBEAT, RESIGNATION):
            self.fence = reader.number()
        else:
            raise Finding(f"the stream holds a message of kind {self.kind}")


class Leadership:
    """One election, and when the stream took its leader's messages."""

    def __init__(self, sequence, at, instance):
        self.fence = sequence
        self.instance = instance
        self.accepted = [at]
        # When it resigned: nothing of it may come after that.
        self.resigned_at = None

    @property
    def elected_at(self):
        return self.accepted[0]


class StreamBook:
    """The whole stream, checked message by message as it grows."""

    def __init__(self):
        self.last = 0
        self.log = None
        self.link = None
        self.position = 0
        self.at = 0.0
        self.leaderships = []
        # (first position, last position, link) of each commit, in order.
        self.commits = []
        self.elections = self.heartbeats = 0

    def add(self, sequence, at, data):
        if sequence != self.last + 1:
            raise Finding(f"message {self.last + 1} isn't in the stream: it goes on with {sequence}")
        if data is None:
            raise Finding(f"message {sequence} isn't in the stream, though its last is beyond it")
        message = Message(data)
        where = f"message {sequence}"
        if self.log is None:
            self.log, self.link = message.log, message.previous
        if message.log != self.log:
            raise Finding(f"{where} belongs to another log")
        if message.previous != self.link:
            raise Finding(f"{where} stands on the link {message.previous.hex()[:16]}, and the one before it ends with {self.link.hex()[:16]}")
        if message.kind == ELECTION:
            self.leaderships.append(Leadership(sequence, at, message.instance))
            self.elections += 1
        else:
            if not self.leaderships:
                raise Finding(f"{where} was written before anybody was elected")
            leader = self.leaderships[-1]
            if message.fence != leader.fence:
                raise Finding(
                    f"{where} was written by the leader of fence {message.fence}, after {leader.instance} had won the election {leader.fence}")
            if leader.resigned_at is not None:
                raise Finding(f"{where} was written by {leader.instance} after it had resigned from the lead of fence {leader.fence}")
            if message.kind == RESIGNATION:
                leader.resigned_at = at
            else:
                leader.accepted.append(at)
            if message.kind == HEARTBEAT:
                self.heartbeats += 1
            elif message.kind == COMMIT:
                if message.first != self.position + 1:
                    raise Finding(f"{where} begins at position {message.first}, and the commit before ends at {self.position}")
                if message.count == 0:
                    raise Finding(f"{where} is a commit without events")
                self.position = message.first + message.count - 1
                self.link = message.link
                self.commits.append((message.first, self.position, message.link))
        self.last = sequence
        self.at = at

    def leadership_at(self, moment, slack):
        """Those who led at that moment, or may have within the slack of the clocks."""
        found = []
        for index, one in enumerate(self.leaderships):
            end = self.leaderships[index + 1].elected_at if index + 1 < len(self.leaderships) else float("inf")
            if one.resigned_at is not None:
                end = one.resigned_at
            if one.elected_at - slack <= moment <= end + slack:
                found.append(one)
        return found
