-- What a worker's pod says of itself: that it is busy, idle, or nothing.
INSERT INTO kinds VALUES (28, 'worker.observed', 0, 0);
