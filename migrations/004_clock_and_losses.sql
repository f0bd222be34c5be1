-- The machine's clock jumped: what it says, against a clock that only measures.
INSERT INTO kinds VALUES (25, 'clock.stepped', 0, 0);
-- In place of an acknowledged event that the file no longer has, so that its position is not given out again.
INSERT INTO kinds VALUES (27, 'position.lost', 0, 0);
