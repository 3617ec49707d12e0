//! The least and the greatest value of every number.

use super::super::section::Field;
use super::*;

/// Every number with bounds, and its least and its greatest value.
const BOUNDS: [(&str, &str, u64, u64); 52] = [
    ("node", "stop_timeout_s", 1, 3_600),
    ("ingest", "certificate_days", 1, 366),
    ("ingest", "connections_max", 1, 1_000_000),
    ("ingest", "held_max", 0, 1_000_000),
    ("ingest", "visit_every_s", 60, 86_400),
    ("ingest", "handshakes_max", 1, 100_000),
    ("ingest", "handshakes_per_second", 1, 1_000_000),
    ("ingest", "idle_timeout_s", 30, 86_400),
    ("ingest", "agent_requests_per_minute", 1, 10_000_000),
    ("ingest", "company_requests_per_minute", 1, 10_000_000),
    ("ingest", "enrolments_per_minute", 1, 10_000_000),
    ("ingest", "bytes_in_flight_max", 1_048_576, 17_179_869_184),
    ("telemetry", "traces_per_million", 0, 1_000_000),
    ("telemetry", "traces_slow_after_ms", 1, 3_600_000),
    ("ingest", "renew_within_s", 0, 604_800),
    ("ingest", "bytes_in_reading_max", 1_048_576, 17_179_869_184),
    ("queue", "entries_max", 1_000, 100_000_000),
    ("queue", "segment_bytes", 1_048_576, 1_073_741_824),
    ("pipeline", "workers", 1, 256),
    ("pipeline", "batch_records", 1, 10_000),
    ("pipeline", "batch_after_ms", 1, 60_000),
    ("pipeline", "transaction_batches_max", 1, 1_000),
    ("pipeline", "attempts_max", 1, 100),
    ("pipeline", "gap_wait_ms", 10, 600_000),
    ("database", "connections_max", 5, 1_000),
    ("database", "shared_buffers_mib", 16, 65_536),
    ("enrichment", "cache_entries", 0, 100_000_000),
    ("enrichment", "disk_cache_bytes", 1_048_576, 17_179_869_184),
    ("feeds", "nvd_every_s", 900, 2_592_000),
    ("feeds", "nvd_feeds_every_s", 900, 2_592_000),
    ("feeds", "kev_every_s", 900, 2_592_000),
    ("feeds", "epss_every_s", 900, 2_592_000),
    ("feeds", "anchore_every_s", 900, 2_592_000),
    ("feeds", "vulnrichment_every_s", 900, 2_592_000),
    ("feeds", "msrc_every_s", 900, 2_592_000),
    ("feeds", "redhat_vex_every_s", 900, 2_592_000),
    ("feeds", "osv_every_s", 900, 2_592_000),
    ("jobs", "workers", 1, 64),
    ("jobs", "retention_days", 1, 3_650),
    ("jobs", "dead_letters_days", 1, 3_650),
    ("jobs", "deletion_wait_days", 0, 365),
    ("http", "request_timeout_s", 1, 3_600),
    ("http", "body_bytes_max", 1_024, 1_073_741_824),
    ("http", "document_bytes_max", 1_024, 268_435_456),
    ("http", "requests_max", 1, 100_000),
    ("http", "connections_max", 1, 1_000_000),
    ("http", "head_timeout_s", 1, 3_600),
    ("http", "session_idle_s", 60, 31_536_000),
    ("http", "session_s", 60, 31_536_000),
    ("webhooks", "requests_max", 1, 10_000),
    ("mail", "port", 1, 65_535),
    ("mail", "answer_within_s", 1, 300),
];

/// Rates of the API: as the rows above, but in a range that no other number has.
const RATES: [&str; 2] = ["principal_requests_per_minute", "company_requests_per_minute"];

/// Numbers that may be anything, and the one whose least value hangs on another setting.
const UNBOUNDED: [(&str, &str); 3] =
    [("ingest", "memory_bytes_max"), ("queue", "bytes_max"), ("queue", "disk_free_bytes_min")];

fn with(section: &str, field: &str, value: impl std::fmt::Display) -> Layers {
    file(&format!("[{section}]\n{field} = {value}"))
}

#[test]
fn a_number_is_taken_up_to_its_bounds_and_refused_with_its_name_beyond() {
    let rates = RATES.map(|field| ("http", field, 1, 100_000_000));
    for (section, field, least, greatest) in BOUNDS.into_iter().chain(rates) {
        // Both ends are allowed; an error by one would show at the next line.
        for good in [least, greatest] {
            Config::from_layers(with(section, field, good)).unwrap();
        }
        for wrong in least.checked_sub(1).into_iter().chain([greatest + 1]) {
            let expected =
                format!("{section}.{field}: {wrong} is not between {least} and {greatest}");
            assert_eq!(error(with(section, field, wrong)), expected);
        }
        // What no number of this kind can be is refused with the setting's name, too.
        for wrong in ["-1", "1.5", "\"many\"", "true", "[1]", "99999999999"] {
            let text = error(with(section, field, wrong));
            assert!(text.contains(field), "{text}");
        }
    }
}

#[test]
fn every_number_of_the_default_file_has_its_bounds_here() {
    let is_number = |field: &&Field| {
        let default = field.default.unwrap_or("\"\"");
        default.starts_with(|c: char| c.is_ascii_digit())
    };
    let mut without = Vec::new();
    for section in SECTIONS {
        for field in section.fields.iter().filter(is_number) {
            let name = (section.name, field.name);
            let is_here = BOUNDS.iter().any(|row| (row.0, row.1) == name)
                || UNBOUNDED.contains(&name)
                || (section.name == "http" && RATES.contains(&field.name));
            if !is_here {
                without.push(name);
            }
        }
    }
    assert_eq!(without, []);
}

#[test]
fn the_queue_holds_at_least_two_of_its_files_whatever_their_size() {
    let with = |segment: u64, all: u64| {
        file(&format!("[queue]\nsegment_bytes = {segment}\nbytes_max = {all}"))
    };
    for segment in [1_048_576, 33_554_432, 1_073_741_824] {
        let config = Config::from_layers(with(segment, 2 * segment)).unwrap();
        assert_eq!(config.queue.bytes_max, 2 * segment);
        let text = error(with(segment, 2 * segment - 1));
        let least = 2 * segment;
        assert!(text.starts_with("queue.bytes_max: "), "{text}");
        assert!(text.contains(&format!("not between {least} and ")), "{text}");
    }
}

#[test]
fn numbers_without_bounds_may_be_nothing_and_very_much() {
    for (section, field) in [("ingest", "memory_bytes_max"), ("queue", "disk_free_bytes_min")] {
        // TOML's own greatest number.
        for good in [0, i64::MAX] {
            Config::from_layers(with(section, field, good)).unwrap();
        }
        assert!(error(with(section, field, -1)).contains(field));
    }
}
