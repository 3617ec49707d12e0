-- A name that an exception goes by where its content may change: in files that say what is to be. What has
-- ended keeps its name and leaves it free.
ALTER TABLE exceptions ADD COLUMN name text;
CREATE UNIQUE INDEX exceptions_name_key ON exceptions (company_key, lower(name))
    WHERE name IS NOT NULL AND state IN ('requested', 'active');
