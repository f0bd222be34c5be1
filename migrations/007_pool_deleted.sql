-- Somebody deleted a pool that had nothing in it any more.
INSERT INTO kinds VALUES (29, 'pool.deleted', 1, 0);
