-- Another instance of a replicated log leads.
INSERT INTO kinds VALUES (30, 'leader.elected', 0, 0);
