-- What a company's agents are told reaches them in mid-session: a signal to the nodes that hold their
-- connections, and whether they hold them at all.

-- Whether the company's agents visit (true) or hold their connection (false); the node decides where it
-- is not set.
ALTER TABLE companies ADD COLUMN visits boolean;

-- One row a company whose settings were ever set: a signal for the nodes' polls, with opaque ids. The
-- truth stays with `companies`.
CREATE TABLE company_changes (
    company    uuid PRIMARY KEY,
    revision   bigint NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX company_changes_changed ON company_changes (changed_at);
SELECT muster_grant('company_changes');

-- Time between two signs of life as the agent was last told, in seconds; 0 when it was told nothing yet. A
-- host that visits every hour is not silent after a quarter of one.
ALTER TABLE agents ADD COLUMN seen_every_s bigint NOT NULL DEFAULT 0;
