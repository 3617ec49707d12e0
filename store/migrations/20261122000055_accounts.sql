-- An address may have several accounts: at most one that a company opened, and one of the operators'. Nobody
-- proves addresses here, so none is any company's to keep from another.

-- The company that opened it; 0 for the operators', and for what was opened before this and is nobody's. It outlives
-- the company: keys are given once.
ALTER TABLE users ADD COLUMN home_key bigint NOT NULL DEFAULT 0;
-- Row-level security holds for the owner too.
SET LOCAL muster.operator = 'on';
UPDATE users u SET home_key = m.company_key
FROM (SELECT user_id, min(company_key) AS company_key FROM memberships GROUP BY user_id) m
WHERE m.user_id = u.id AND NOT u.is_operator;
SET LOCAL muster.operator = '';
DROP INDEX users_email_key;
CREATE UNIQUE INDEX users_email_key ON users (email, home_key);
-- Whose people are of a domain: what decides whom an address is sent to (decision 40).
CREATE INDEX users_domain ON users (split_part(email, '@', 2));
