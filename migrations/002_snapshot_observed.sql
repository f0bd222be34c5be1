-- What a look into object storage found.
INSERT INTO kinds VALUES (23, 'snapshot.observed', 0, 0);
