-- Names in small letters, which lists by name are ordered by (decision 60): `lower()` is not leak-proof, so under
-- row-level security no condition with it is an index's, and a page would read all that comes before it. In the order of
-- bytes, which is the same on every server. NULL in rows that a release before this one wrote, until they are filled.
ALTER TABLE agents ADD COLUMN hostname_low text COLLATE "C";
