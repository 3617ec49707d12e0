-- One job of a company runs at a time, and companies take turns: nobody's fifty reports keep another's waiting.

-- When it was taken last: what a company's next job stands behind.
ALTER TABLE jobs ADD COLUMN began_at timestamptz;

-- Of two that run already one goes back, as after a lease that ran out: its node finds that it is not its any more.
UPDATE jobs j SET state = 'queued', leased_until = NULL
WHERE j.state = 'running' AND j.company IS NOT NULL
  AND EXISTS (SELECT FROM jobs o
              WHERE o.company = j.company AND o.state = 'running' AND o.key < j.key);
CREATE UNIQUE INDEX jobs_company_running ON jobs (company) WHERE state = 'running' AND company IS NOT NULL;
CREATE INDEX jobs_company_began ON jobs (company, began_at) WHERE company IS NOT NULL;
