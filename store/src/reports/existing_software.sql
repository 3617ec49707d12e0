SELECT software_key FROM software WHERE company_key = $1 AND software_key = ANY($2)
