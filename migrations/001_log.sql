-- The log: one row an event, one row a commit, every name once. Rows of these three are never changed and never removed.
--
-- Times are microseconds since 1970-01-01T00:00:00Z. Names (subjects, sources, pools, workers) are numbers of `names`.
-- Whoever reads with the sqlite3 shell wants the view `event_log`.

-- Who this log is. `id` is drawn when the log is made; the hash chain begins with it.
CREATE TABLE log_info (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    id BLOB NOT NULL
);

-- What the numbers in events.kind mean.
CREATE TABLE kinds (
    kind INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    carries_pool INTEGER NOT NULL,   -- data.pool is a field of this kind and kept as events.pool
    carries_worker INTEGER NOT NULL  -- data.worker likewise
);
INSERT INTO kinds VALUES
    (1, 'actor.created', 1, 0),
    (2, 'actor.requested', 1, 0),
    (3, 'actor.withdrawn', 0, 0),
    (4, 'actor.placed', 0, 1),
    (5, 'actor.running', 0, 1),
    (6, 'actor.idle', 0, 0),
    (7, 'actor.paused', 0, 1),
    (8, 'actor.suspended', 0, 1),
    (9, 'actor.crashed', 0, 1),
    (10, 'actor.deleted', 0, 0),
    (11, 'worker.ready', 1, 0),
    (12, 'worker.draining', 0, 0),
    (13, 'worker.gone', 0, 0),
    (14, 'snapshot.cached', 0, 0),
    (15, 'snapshot.evicted', 0, 0),
    (16, 'queue.observed', 1, 0),
    (17, 'pool.observed', 1, 0),
    (18, 'policy.applied', 1, 0),
    (19, 'scale.decided', 1, 0),
    (20, 'scale.applied', 1, 0),
    (21, 'scale.failed', 1, 0),
    (22, 'timer.fired', 1, 0);

-- The dictionary: numbers from 1 in order of first use, written by the commit that first uses them.
CREATE TABLE names (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    pool INTEGER,              -- the event's own, or the one its subject was last known in
    subject INTEGER NOT NULL,
    worker INTEGER,
    source INTEGER NOT NULL,
    id,                        -- INTEGER: decimal digits; BLOB: a UUID's 16 bytes; TEXT: anything else
    lag INTEGER,               -- the commit's `at` minus the producer's time; NULL where it gave none
    prev INTEGER,              -- seq minus the seq of the subject's event before; NULL for its first
    body TEXT,                 -- members of data that are no column, as a JSON object
    ext TEXT                   -- context attributes that are no column, as a JSON object
);

-- One row a commit. hash = SHA-256 of the commit before's hash and all that this one wrote.
CREATE TABLE commits (
    first_seq INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    at INTEGER NOT NULL,       -- the log's time, never going back
    last_name INTEGER NOT NULL,
    hash BLOB NOT NULL
);

CREATE TRIGGER events_keep_rows BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the log is append-only: events are never deleted'); END;
CREATE TRIGGER events_keep_values BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the log is append-only: events are never changed'); END;
CREATE TRIGGER commits_keep_rows BEFORE DELETE ON commits BEGIN SELECT RAISE(ABORT, 'the log is append-only: commits are never deleted'); END;
CREATE TRIGGER commits_keep_values BEFORE UPDATE ON commits BEGIN SELECT RAISE(ABORT, 'the log is append-only: commits are never changed'); END;
CREATE TRIGGER names_keep_rows BEFORE DELETE ON names BEGIN SELECT RAISE(ABORT, 'the log is append-only: names are never deleted'); END;
CREATE TRIGGER names_keep_values BEFORE UPDATE ON names BEGIN SELECT RAISE(ABORT, 'the log is append-only: names are never changed'); END;
CREATE TRIGGER log_info_keep_rows BEFORE DELETE ON log_info BEGIN SELECT RAISE(ABORT, 'a log keeps its id'); END;
CREATE TRIGGER log_info_keep_values BEFORE UPDATE ON log_info BEGIN SELECT RAISE(ABORT, 'a log keeps its id'); END;

-- From here on: derived. What is lost here is worked out again from events.

-- Events that did not fit their subject's state when they were folded, and changed nothing.
CREATE TABLE superseded (seq INTEGER PRIMARY KEY);

-- Exactly once: every (source, id) as 64 bits, in sorted runs. A run covers events first_seq...last_seq without a gap.
CREATE TABLE dedupe_runs (
    run INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    offset_bits INTEGER NOT NULL,  -- an entry is the hash's upper 64 - n bits, then seq - first_seq in n bits
    buckets INTEGER NOT NULL,
    filter_parts INTEGER NOT NULL,
    filter_bytes INTEGER NOT NULL,
    state INTEGER NOT NULL         -- 0 being written, 1 live, 2 being removed
);
CREATE TABLE dedupe_chunks (chunk INTEGER PRIMARY KEY, entries BLOB NOT NULL);    -- run << 24 | bucket
CREATE TABLE dedupe_filters (part INTEGER PRIMARY KEY, bits BLOB NOT NULL);       -- run << 24 | part

-- States at a position, so that opening costs the tail alone. Bodies lie in parts: no commit waits for a large one.
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,           -- 'loop': the folded state; 'log': what the log itself keeps in memory
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    digest BLOB NOT NULL           -- SHA-256 of the body
);
CREATE TABLE checkpoint_parts (part INTEGER PRIMARY KEY, body BLOB NOT NULL);     -- id << 20 | part

-- Written and emptied while the disk is suspected of being full, to learn when it no longer is.
CREATE TABLE disk_probe (only INTEGER PRIMARY KEY, filler BLOB NOT NULL);

CREATE VIEW event_log AS
SELECT
    events.seq AS seq,
    strftime('%Y-%m-%dT%H:%M:%S', commits.at / 1000000, 'unixepoch') || printf('.%06dZ', commits.at % 1000000) AS at,
    kinds.name AS kind,
    pool.text AS pool,
    subject.text AS subject,
    worker.text AS worker,
    source.text AS source,
    CASE typeof(events.id)
        WHEN 'blob' THEN lower(
            substr(hex(events.id), 1, 8) || '-' || substr(hex(events.id), 9, 4) || '-' || substr(hex(events.id), 13, 4) || '-' ||
            substr(hex(events.id), 17, 4) || '-' || substr(hex(events.id), 21))
        ELSE CAST(events.id AS TEXT)
    END AS id,
    CASE WHEN events.lag IS NOT NULL THEN
        strftime('%Y-%m-%dT%H:%M:%S', ((commits.at - events.lag) - (((commits.at - events.lag) % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (((commits.at - events.lag) % 1000000) + 1000000) % 1000000)
    END AS time,
    superseded.seq IS NOT NULL AS superseded,
    '{' || substr(
        coalesce(CASE WHEN kinds.carries_pool AND pool.text IS NOT NULL THEN ',"pool":' || json_quote(pool.text) END, '')
        || coalesce(CASE WHEN kinds.carries_worker AND worker.text IS NOT NULL THEN ',"worker":' || json_quote(worker.text) END, '')
        || coalesce(',' || substr(events.body, 2, length(events.body) - 2), ''), 2) || '}' AS data,
    events.ext AS attributes
FROM events
JOIN commits ON commits.first_seq = (SELECT max(first_seq) FROM commits WHERE first_seq <= events.seq)
LEFT JOIN kinds ON kinds.kind = events.kind
LEFT JOIN names AS pool ON pool.id = events.pool
LEFT JOIN names AS subject ON subject.id = events.subject
LEFT JOIN names AS worker ON worker.id = events.worker
LEFT JOIN names AS source ON source.id = events.source
LEFT JOIN superseded ON superseded.seq = events.seq;
