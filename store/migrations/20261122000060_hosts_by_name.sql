-- Hosts by name; also those that have none yet, which are looked for here. The condition holds for every row, and only
-- this list names it, as with `agents_hostname`, which goes once no release uses it.
CREATE INDEX agents_hostname_low ON agents (company_key, hostname_low, id) WHERE key > 0;
