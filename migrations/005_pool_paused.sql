-- A pool's scaling held, or let go, by an operator.
INSERT INTO kinds VALUES (26, 'pool.paused', 1, 0);
