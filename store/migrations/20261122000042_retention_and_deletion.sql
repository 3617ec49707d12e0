-- How long a company keeps what is over; NULL is what the collector does without.
ALTER TABLE companies
    ADD COLUMN history_days int CHECK (history_days BETWEEN 1 AND 3650),
    ADD COLUMN silent_hosts_days int CHECK (silent_hosts_days BETWEEN 7 AND 3650);

-- Since when it is known that a host has been silent for too long: it gets a day from then. After an outage
-- of the collector all of them have been, and nobody is let go for that.
ALTER TABLE agents ADD COLUMN silent_noted_at timestamptz;
