-- From when on a digest's message tells, so that one which waits can be written again when a host that it names is
-- erased. NULL in messages that a release before this one wrote.
ALTER TABLE digest_messages ADD COLUMN told_from timestamptz;
