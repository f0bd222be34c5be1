"""What does one server hold of the stream? Read from its block files, after it has stopped.

A record: length (4 bytes, highest bit: it has headers), sequence (8; highest bit: erased), time in ns (8), length of the subject (2), subject,
length of the headers (4) and headers where there are some, the message, a checksum (8). Everything is little-endian.
"""

import hashlib
import os
import struct

from bounds import Finding

HEADERS_BIT = 1 << 31
ERASED_BIT = 1 << 63
TOMBSTONE_BIT = 1 << 62
HEAD = struct.Struct("<IQqH")
CHECKSUM_BYTES = 8


def records(data):
    """Yields (sequence, time in ns, subject, headers, message) of one block file."""
    at = 0
    while at + HEAD.size <= len(data):
        length, sequence, moment, subject_bytes = HEAD.unpack_from(data, at)
        has_headers = bool(length & HEADERS_BIT)
        length &= HEADERS_BIT - 1
        if length < HEAD.size + CHECKSUM_BYTES or at + length > len(data):
            raise Finding(f"a block file has a record of {length} bytes at {at} of {len(data)}")
        body = at + HEAD.size
        subject = data[body:body + subject_bytes]
        body += subject_bytes
        headers = b""
        if has_headers:
            count, = struct.unpack_from("<I", data, body)
            headers = data[body + 4:body + 4 + count]
            body += 4 + count
        if not sequence & (ERASED_BIT | TOMBSTONE_BIT):
            yield sequence, moment, subject, headers, data[body:at + length - CHECKSUM_BYTES]
        at += length


def stream_folder(store, stream):
    return os.path.join(store, "jetstream", "$G", "streams", stream, "msgs")


def read(folder):
    """Every message in a folder of blocks, by sequence: its time, and a digest of subject, headers and bytes."""
    found = {}
    names = [name for name in os.listdir(folder) if name.endswith(".blk")]
    for name in sorted(names, key=lambda name: int(name[:-4])):
        with open(os.path.join(folder, name), "rb") as file:
            for sequence, moment, subject, headers, message in records(file.read()):
                digest = hashlib.sha256()
                for part in (subject, headers, message):
                    digest.update(struct.pack("<I", len(part)) + part)
                found[sequence] = (moment, digest.digest())
    return found


def check_alike(by_server):
    """Every server has the same messages at the same sequences with the same times."""
    names = sorted(by_server)
    first = by_server[names[0]]
    for name in names[1:]:
        other = by_server[name]
        for sequence in sorted(first.keys() | other.keys()):
            if first.get(sequence) != other.get(sequence):
                what = "lacks it" if sequence not in other else "has another" if sequence in first else "alone has it"
                raise Finding(f"the servers' replicas differ at message {sequence}: {name} {what} (beside {names[0]})")
    return len(first)
