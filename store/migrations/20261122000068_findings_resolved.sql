-- Findings that hold no more, which are a few of all or most of them: lists of them, and which software has lost some since
-- an instant. Whoever opens a finding does not write it.
CREATE INDEX findings_resolved ON findings (company_key, resolved_at) WHERE resolved_at <> 'infinity';
