"""Does the wire say what the service reads, and read what it says? Without a service."""

from __future__ import annotations

import json

import pytest

from greenroom import GreenroomError, wire


@pytest.mark.parametrize("text", ["", "chat", "/", "a/", "/b", "a/b/c"])
def test_what_is_no_pool(text):
    with pytest.raises(GreenroomError, match="NAMESPACE/NAME"):
        wire.pool_name(text)


def test_an_event_is_a_cloudevent_without_empty_fields():
    event = wire.Event(
        "actor.requested",
        "team/a",
        {"pool": "team/p", "priority": 0, "template": None},
        source="/me",
        id="1",
        time="2026-11-30T00:00:00.000000Z",
    )
    assert event.json() == {
        "specversion": "1.0",
        "type": "dev.greenroom.actor.requested",
        "source": "/me",
        "id": "1",
        "subject": "team/a",
        "time": "2026-11-30T00:00:00.000000Z",
        "data": {"pool": "team/p", "priority": 0},
    }
    assert wire.Event("actor.idle", "a").id != wire.Event("actor.idle", "a").id


def test_names_are_escaped_in_paths():
    assert wire.actor("team/a?b/c").path == "/v1/actors/team/a%3Fb%2Fc"


@pytest.mark.parametrize("member", ["waited", "waitedSeconds"])
def test_a_placement_is_read_with_either_name_of_its_wait(member):
    call = wire.place("a", "team/p", lambda: 1.0, {}, "1")
    answer = {"worker": "w", "node": "n", "ip": None, "tier": "cold", "restoreFrom": None, "seq": 3, member: 0.5}
    assert call.parse(200, answer) == wire.Placement("w", "n", None, "cold", None, 0.5, 3)


def test_lines_of_the_log():
    line = '{"seq":9,"at":"2026-11-30T17:46:31.038321Z","namespace":"tour","specversion":"1.0","type":"dev.greenroom.actor.placed","source":"/greenroom","subject":"bob","id":"placed-3-7","data":{"worker":"w","tier":"cold","score":0,"waited":0.086,"request":3,"workerVersion":7,"asOf":7,"expectedMillis":20000}}'
    event = wire.logged(line)
    assert event and (event.seq, event.kind, event.namespace, event.subject, event.data["worker"]) == (
        9,
        "actor.placed",
        "tour",
        "bob",
        "w",
    )
    assert wire.logged("") is None


def test_more_events_than_a_request_takes():
    with pytest.raises(GreenroomError, match="10001 events"):
        wire.append([wire.Event("actor.idle", "a")] * 10_001)
    assert len(json.loads(wire.append([wire.Event("actor.idle", "a")] * 3).body or b"")) == 3


def test_an_acknowledgement_names_what_was_not_taken():
    answer = {"accepted": 1, "duplicates": 0, "firstSeq": 7, "lastSeq": 7, "conflicts": [{"index": 1, "seq": 3}]}
    got = wire.append([wire.Event("actor.idle", "a"), wire.Event("actor.idle", "b")]).parse(200, answer)
    assert (got.accepted, list(got.conflicts)) == (1, [(1, 3)])
