"""Can each oracle of the campaign fail? What holds passes, and each thing that must not be is found."""

import hashlib
import os
import socket
import sqlite3
import struct
import tempfile
import threading
import unittest

import bounds
import blocks
import oracles
from bounds import LEASE_SECONDS, Finding
from events import Request
from links import BROKEN, FROZEN, OPEN, Proxy
from messages import StreamBook

LOG = b"l" * 16
START = b"0" * 32


def number(value):
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def head(kind, previous, log=LOG):
    return b"GRM" + bytes([1, kind]) + log + previous


def election(previous, instance="g1"):
    return head(2, previous) + b"\0" * 8 + number(len(instance)) + instance.encode()


def heartbeat(previous, fence):
    return head(3, previous) + number(fence)


def resignation(previous, fence):
    return head(4, previous) + number(fence)


def link(label):
    return hashlib.sha256(label.encode()).digest()


def commit(previous, fence, after, first, count, names=(b"a-name",)):
    parts = [head(1, previous), number(fence), after, number(123456 << 1), number(first), number(7), number(len(names))]
    parts += [number(len(name)) + name for name in names]
    return b"".join(parts) + number(count) + b"rows"


def book(*messages):
    made = StreamBook()
    for index, data in enumerate(messages):
        made.add(index + 1, 100.0 + index, data)
    return made


class Streams(unittest.TestCase):
    GOOD = [
        election(START), commit(START, 1, link("a"), 1, 300), heartbeat(link("a"), 1), election(link("a"), "g2"),
        commit(link("a"), 4, link("b"), 301, 2)]

    def test_what_continues_is_taken(self):
        made = book(*self.GOOD)
        self.assertEqual(made.commits, [(1, 300, link("a")), (301, 302, link("b"))])
        self.assertEqual([(one.fence, one.instance, one.accepted) for one in made.leaderships], [(1, "g1", [100.0, 101.0, 102.0]), (4, "g2", [103.0, 104.0])])

    def found(self, words, *messages):
        with self.assertRaises(Finding) as caught:
            book(*messages)
        self.assertIn(words, str(caught.exception))

    def test_a_deposed_leaders_commit_is_found(self):
        self.found("fence 1", *self.GOOD[:4], commit(link("a"), 1, link("b"), 301, 2))

    def test_a_deposed_leaders_heartbeat_is_found(self):
        self.found("fence 1", *self.GOOD[:4], heartbeat(link("a"), 1))

    def test_a_fence_that_nobody_won_is_found(self):
        self.found("fence 9", election(START), heartbeat(START, 9))

    def test_a_commit_before_any_election_is_found(self):
        self.found("before anybody", commit(START, 1, link("a"), 1, 1))

    def test_what_comes_after_a_resignation_is_found(self):
        book(*self.GOOD[:3], resignation(link("a"), 1), election(link("a"), "g2"))
        for late in (heartbeat(link("a"), 1), commit(link("a"), 1, link("b"), 301, 2), resignation(link("a"), 1)):
            self.found("after it had resigned", *self.GOOD[:3], resignation(link("a"), 1), late)
        self.found("fence 1", *self.GOOD[:4], resignation(link("a"), 1))

    def test_another_link_is_found(self):
        self.found("stands on the link", *self.GOOD[:4], commit(link("x"), 4, link("b"), 301, 2))

    def test_a_gap_in_the_positions_is_found(self):
        self.found("begins at position 302", *self.GOOD[:4], commit(link("a"), 4, link("b"), 302, 2))

    def test_positions_that_come_again_are_found(self):
        self.found("begins at position 300", *self.GOOD[:4], commit(link("a"), 4, link("b"), 300, 2))

    def test_a_missing_message_is_found(self):
        made = book(*self.GOOD[:3])
        with self.assertRaises(Finding):
            made.add(5, 104.0, self.GOOD[4])
        with self.assertRaises(Finding):
            made.add(4, 104.0, None)

    def test_another_log_and_other_bytes_are_found(self):
        self.found("another log", election(START), head(3, START, b"m" * 16) + number(1))
        self.found("no message of a log", b"hello")
        self.found("ends early", election(START)[:-1])
        self.found("kind 7", head(7, START))


def instance_log(name="g1", positions=None, commits=None, kinds=None):
    return oracles.InstanceLog(
        name, {("/s", "1"): 1, ("/s", "2"): 2} if positions is None else positions,
        [(1, 2, link("a"))] if commits is None else commits, {1: ("actor.requested", "crash/anna"), 2: ("actor.placed", "crash/anna")} if kinds is None else kinds)


def request(*ids, positions=None):
    made = Request([{"source": "/s", "id": ident} for ident in ids])
    made.positions = positions
    return made


class Logs(unittest.TestCase):
    def acknowledged(self, *requests):
        made = oracles.Acknowledged()
        for one in requests:
            made.add(one)
        return made

    def test_what_is_there_passes(self):
        oracles.check_acknowledged(instance_log(), self.acknowledged(request("1", "2", positions=[1, 2])), [request("3", "4")])
        oracles.check_same_commits([instance_log(), instance_log("g2")])
        oracles.check_stream_has(instance_log(), book(election(START), commit(START, 1, link("a"), 1, 2)))
        oracles.check_placements(instance_log(), [("anna", {"seq": 2})])

    def test_a_lost_event_is_found(self):
        with self.assertRaisesRegex(Finding, "is not in the log"):
            oracles.check_acknowledged(instance_log(), self.acknowledged(request("3", positions=[3])), [])

    def test_another_position_is_found(self):
        with self.assertRaisesRegex(Finding, "in the log at 2"):
            oracles.check_acknowledged(instance_log(), self.acknowledged(request("2", positions=[1])), [])

    def test_two_answers_that_differ_are_found(self):
        with self.assertRaisesRegex(Finding, "again at 5"):
            self.acknowledged(request("1", positions=[1]), request("1", positions=[5]))

    def test_half_a_request_is_found(self):
        with self.assertRaisesRegex(Finding, "in part: 1 of 2"):
            oracles.check_acknowledged(instance_log(), self.acknowledged(), [request("2", "3")])

    def test_other_commits_are_found(self):
        for commits in ([(1, 2, link("b"))], [], [(1, 2, link("a")), (3, 3, link("c"))], [(1, 1, link("a"))]):
            with self.assertRaisesRegex(Finding, "differs"):
                oracles.check_same_commits([instance_log(), instance_log("g2", commits=commits)])
            with self.assertRaisesRegex(Finding, "differs"):
                oracles.check_stream_has(instance_log(commits=commits), book(election(START), commit(START, 1, link("a"), 1, 2)))

    def test_other_events_under_equal_commits_are_found(self):
        with self.assertRaisesRegex(Finding, "other events"):
            oracles.check_same_commits([instance_log(), instance_log("g2", positions={("/s", "1"): 1, ("/s", "9"): 2})])

    def test_a_placement_that_isnt_there_is_found(self):
        for placement in (("anna", {"seq": 1}), ("bert", {"seq": 2})):
            with self.assertRaisesRegex(Finding, "was told of its placement"):
                oracles.check_placements(instance_log(), [placement])

    def test_a_file_with_a_gap_or_a_double_is_found(self):
        for rows, words in (([(1, "1"), (3, "3")], "position 2 is missing"), ([(1, "1"), (2, "1")], "twice")):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "log.db")
                connection = sqlite3.connect(path)
                connection.execute("CREATE TABLE event_log (seq, source, id, kind, subject)")
                connection.execute("CREATE TABLE commits (first_seq, last_seq, hash)")
                connection.executemany("INSERT INTO event_log VALUES (?, '/s', ?, 'actor.created', 'a')", rows)
                connection.commit()
                connection.close()
                with self.assertRaisesRegex(Finding, words):
                    oracles.read_log("g1", path)


class ServersAndStates(unittest.TestCase):
    def test_servers_that_differ_are_found(self):
        same = ({"messages": 5, "last_seq": 5}, "n1")
        self.assertIsNone(oracles.states_differ({"n1": same, "n2": same, "n3": same}))
        self.assertIn("n3 holds", oracles.states_differ({"n1": same, "n2": same, "n3": ({"messages": 4, "last_seq": 5}, "n1")}))
        self.assertIn("n2 doesn't", oracles.states_differ({"n1": same, "n2": None, "n3": same}))
        self.assertIn("as the stream's leader", oracles.states_differ({"n1": same, "n2": (same[0], "n2"), "n3": same}))
        self.assertIn("as the stream's leader", oracles.states_differ({"n1": (same[0], None), "n2": (same[0], None), "n3": (same[0], None)}))

    def test_a_state_is_compared_without_what_the_moment_says(self):
        one = oracles.without_moments({"pools": [{"desired": 2, "ageSeconds": 1.5}]})
        self.assertEqual(one, oracles.without_moments({"pools": [{"desired": 2, "ageSeconds": 9}]}))
        other = oracles.without_moments({"pools": [{"desired": 3, "ageSeconds": 1.5}]})
        self.assertNotEqual(one, other)
        self.assertEqual(oracles.first_difference(one, other), ".pools[0].desired: 2 and 3")


class WhoActed(unittest.TestCase):
    def led(self):
        # g1 is elected at 100 and last accepted at 102; g2 at 110.
        made = book(election(START), heartbeat(START, 1), heartbeat(START, 1))
        made.add(4, 110.0, election(START, "g2"))
        made.add(5, 120.0, heartbeat(START, 4))
        return made

    def test_the_leader_within_its_lease_passes(self):
        oracles.check_only_the_leader_acted([("g1", 100.1), ("g1", 102 + LEASE_SECONDS), ("g2", 110.0)], self.led())

    def found(self, *start, pauses=()):
        with self.assertRaises(Finding):
            oracles.check_only_the_leader_acted([start], self.led(), pauses)

    def test_one_who_isnt_elected_is_found(self):
        self.found("g3", 105.0)
        self.found("g2", 105.0)
        self.found("g1", 99.0)

    def test_a_deposed_leader_is_found(self):
        self.found("g1", 111.0)

    def test_one_that_resigned_is_found(self):
        made = book(election(START), heartbeat(START, 1), resignation(START, 1))
        made.add(4, 103.0, election(START, "g2"))
        made.add(5, 120.0, heartbeat(START, 4))
        oracles.check_only_the_leader_acted([("g1", 102.0)], made)
        with self.assertRaises(Finding):
            oracles.check_only_the_leader_acted([("g1", 102.5)], made)

    def test_a_lease_that_is_over_is_found(self):
        self.found("g1", 102.0 + LEASE_SECONDS + 2 * bounds.CLOCK_SLACK_SECONDS)

    def test_what_was_begun_before_a_pause_passes_and_nothing_later(self):
        oracles.check_only_the_leader_acted([("g1", 115.0)], self.led(), [("g1", 104.0, 115.0)])
        self.found("g1", 116.0, pauses=[("g1", 104.0, 115.0)])


def record(sequence, message, moment=7, subject=b"greenroom", headers=b""):
    body = subject + (struct.pack("<I", len(headers)) + headers if headers else b"") + message
    length = blocks.HEAD.size + len(body) + blocks.CHECKSUM_BYTES
    return blocks.HEAD.pack(length | (blocks.HEADERS_BIT if headers else 0), sequence, moment, len(subject)) + body + b"\0" * 8


class Replicas(unittest.TestCase):
    def read(self, *records):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "1.blk"), "wb") as file:
                file.write(b"".join(records))
            return blocks.read(folder)

    def test_equal_replicas_pass_whatever_is_erased(self):
        one = self.read(record(1, b"a", headers=b"NATS/1.0\r\n\r\n"), record(2, b"b"))
        other = self.read(record(1, b"a", headers=b"NATS/1.0\r\n\r\n"), record(9 | blocks.ERASED_BIT, b"x"), record(2, b"b"))
        self.assertEqual(blocks.check_alike({"n1": one, "n2": other, "n3": one}), 2)

    def test_replicas_that_differ_are_found(self):
        one = self.read(record(1, b"a"), record(2, b"b"))
        for other in ([record(1, b"a")], [record(1, b"a"), record(2, b"c")], [record(1, b"a", 8), record(2, b"b")], [record(1, b"a"), record(2, b"b"), record(3, b"c")]):
            with self.assertRaisesRegex(Finding, "replicas differ"):
                blocks.check_alike({"n1": one, "n2": self.read(*other)})

    def test_a_torn_block_is_found(self):
        with self.assertRaisesRegex(Finding, "a record of"):
            self.read(record(1, b"a"), record(2, b"b" * 40)[:-9])


class Links(unittest.TestCase):
    """A link passes, holds back and breaks what goes through it."""

    def setUp(self):
        self.proxy = Proxy()
        self.listener = socket.create_server(("127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.link = self.proxy.link("test", port, self.listener.getsockname()[1])
        self.accepted = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                connection, _ = self.listener.accept()
                self.accepted.append(connection)
                threading.Thread(target=self.echo, args=(connection,), daemon=True).start()
        except OSError:
            pass

    @staticmethod
    def echo(connection):
        try:
            while data := connection.recv(100):
                connection.sendall(data)
        except OSError:
            pass

    def tearDown(self):
        self.proxy.close()
        self.listener.close()
        for connection in self.accepted:
            connection.close()

    def test_open_frozen_and_broken(self):
        with socket.create_connection(("127.0.0.1", self.link.port), timeout=10) as client:
            client.sendall(b"one")
            self.assertEqual(client.recv(100), b"one")
            self.link.set(FROZEN)
            client.sendall(b"two")
            client.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                client.recv(100)
            client.settimeout(10)
            # What was held back arrives when the link is mended: nothing of it is lost.
            self.link.set(OPEN)
            self.assertEqual(client.recv(100), b"two")
            self.link.set(BROKEN)
            with self.assertRaises(ConnectionError):
                if client.recv(100) == b"":
                    raise ConnectionResetError
        with socket.create_connection(("127.0.0.1", self.link.port), timeout=10) as refused:
            try:
                refused.sendall(b"three")
                self.assertEqual(refused.recv(100), b"")
            except ConnectionError:
                pass


if __name__ == "__main__":
    unittest.main()
