-- How an agent reaches its collector, whether it left for good, and whether several machines are it.

-- The words of the protocol: the way of the last connection, and why it is not QUIC.
ALTER TABLE agents ADD COLUMN transport text;
ALTER TABLE agents ADD COLUMN not_quic text;
-- The process of the agent that was heard last: a random number of its own.
ALTER TABLE agents ADD COLUMN process bigint;
-- Since when the host is an agent no longer, by its own word.
ALTER TABLE agents ADD COLUMN uninstalled_at timestamptz;
-- Since when it is known that several machines have this identity, and for an agent that took the place of
-- one of them, whose place that was.
ALTER TABLE agents ADD COLUMN cloned_at timestamptz;
ALTER TABLE agents ADD COLUMN rekeyed_from uuid;

-- Processes that were heard of before, written when another one is.
ALTER TABLE agent_facts ADD COLUMN lineage jsonb;

ALTER TABLE agent_commands DROP CONSTRAINT agent_commands_kind_check;
ALTER TABLE agent_commands ADD CONSTRAINT agent_commands_kind_check
    CHECK (kind IN ('scan_now', 'send_snapshot', 'rekey'));
