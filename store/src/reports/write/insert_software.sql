INSERT INTO software (
    company_key, software_key, source, name, version, epoch, release, arch, vendor,
    source_name, source_version, origin, bundle_id, platform_family, platform_id,
    platform_version, status, reason, rule, cpes, purl, running, generation, first_seen_at,
    evaluated_at, name_low
)
SELECT $1, software_key, source, name, version, epoch, release, arch, vendor, source_name,
       source_version, origin, bundle_id, platform_family, platform_id, platform_version,
       status, reason, rule, string_to_array(cpes, E'\n'), purl, running, $23, $24, $24, lower(name)
FROM UNNEST(
    $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
    $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::boolean[]
) AS r (
    software_key, source, name, version, epoch, release, arch, vendor, source_name,
    source_version, origin, bundle_id, platform_family, platform_id, platform_version, status,
    reason, rule, cpes, purl, running
)
ON CONFLICT (company_key, software_key) DO NOTHING
RETURNING software_key
