-- Software by name, and what is asked for a word in it: the vendor as well, so that nothing but this index is read for
-- words. In place of `software_name_low`, which goes with the next migration. Vendors have 512 bytes at most, as names do.
CREATE INDEX software_names ON software (company_key, name_low, software_key) INCLUDE (vendor)
    WHERE source <> '';
