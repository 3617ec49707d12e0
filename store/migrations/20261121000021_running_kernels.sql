-- Whether a kernel is the one that runs on the hosts that have this row. The same kernel waiting for
-- a boot is another row with another key, and judged otherwise. NULL for everything that is no
-- kernel; without a default no row is rewritten.
ALTER TABLE software ADD COLUMN running boolean;
