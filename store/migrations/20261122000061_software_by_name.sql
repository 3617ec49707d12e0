-- Software by name; in place of `software_name`, which goes once no release uses it.
CREATE INDEX software_name_low ON software (company_key, name_low, software_key) WHERE source <> '';
