-- A node told to fetch a snapshot before its actor comes.
INSERT INTO kinds VALUES (24, 'prefetch.suggested', 1, 0);
