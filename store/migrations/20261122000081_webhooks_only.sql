-- What of its kinds a webhook is told of: CVEs at least as severe, those known to be exploited alone, what hosts with a label
-- have. Nodes of a release before tell it of all of its kinds.
ALTER TABLE webhooks
    ADD COLUMN severity_min text
        CHECK (severity_min IN ('unknown', 'none', 'low', 'medium', 'high', 'critical')),
    ADD COLUMN kev_only boolean NOT NULL DEFAULT false,
    ADD COLUMN label uuid;
