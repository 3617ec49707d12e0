-- Which version of it a company's retention is: it grows with every change, so that of two people who change it at
-- once one is told to look again. A release before this one changes it without that.
ALTER TABLE companies ADD COLUMN retention_revision bigint NOT NULL DEFAULT 0;
