-- Assets without an agent, whose software documents (SBOMs) list, and the documents on their way into the
-- rows.

-- An asset without an agent is a host like any other, with one kind of row more in this column. It has no
-- certificate, so nobody can be it.
ALTER TABLE agents
    ADD COLUMN kind text NOT NULL DEFAULT 'agent' CHECK (kind IN ('agent', 'sbom'));
-- A document is for the asset of its name. Of hosts with an agent, which may share a name, no row is here.
CREATE UNIQUE INDEX agents_asset_name_key ON agents (company_key, lower(hostname))
    WHERE kind = 'sbom' AND revoked_at IS NULL;

CREATE TABLE imports (
    company_key   bigint NOT NULL,
    id            uuid NOT NULL,
    -- The asset, and the epoch in its line under which the document is applied.
    agent_key     bigint NOT NULL,
    epoch         bigint NOT NULL,
    format        text NOT NULL CHECK (format IN ('cyclonedx', 'spdx')),
    version       text NOT NULL,
    sha256        bytea NOT NULL CHECK (length(sha256) = 32),
    bytes         bigint NOT NULL,
    -- Until it is over; then nobody needs it any more.
    document      bytea,
    state         text NOT NULL DEFAULT 'queued'
                  CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    attempts      int NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL,
    created_by    text NOT NULL,
    started_at    timestamptz,
    ended_at      timestamptz,
    -- What it lists, the software that this comes to, and how much of that was judged.
    components    bigint NOT NULL,
    software      bigint NOT NULL,
    judged        bigint NOT NULL DEFAULT 0,
    -- What came of it.
    opened        bigint NOT NULL DEFAULT 0,
    closed        bigint NOT NULL DEFAULT 0,
    unchanged     bigint NOT NULL DEFAULT 0,
    findings      bigint NOT NULL DEFAULT 0,
    warnings      jsonb NOT NULL DEFAULT '[]',
    log           jsonb NOT NULL DEFAULT '[]',
    error         text,
    -- Grows with every change.
    revision      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (company_key, id)
) PARTITION BY HASH (company_key);
SELECT muster_company_table('imports', muster_partitions());
CREATE INDEX imports_asset ON imports (company_key, agent_key, id);
