-- As of hosts.
ALTER TABLE software ADD COLUMN name_low text COLLATE "C";
