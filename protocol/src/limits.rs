//! Every limit of the wire, in one place, with the relations between them asserted.
//!
//! A sender keeps within them; a receiver refuses what does not, before it allocates.

/// Bytes of one frame on the wire, header excluded.
// A full report of real packages takes less than 2 KiB (docs/PROTOCOL.md); the rest is for records
// with long names and many places, of which a hundred have to fit even where packing gains nothing.
pub const FRAME_WIRE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one frame's message after decompression.
// Four times a frame: reports of real packages shrink to a fifth, so a higher factor helps bombs
// alone.
pub const FRAME_RAW_BYTES_MAX: usize = 1024 * 1024;
/// Records of one report: upserts and removes together.
pub const REPORT_RECORDS_MAX: usize = 100;
/// Distinct strings of one report's string table.
// Three strings a record (vendor, architecture, origin), with room: asserted below.
pub const REPORT_STRINGS_MAX: usize = 512;
/// Statuses of sources in one report.
pub const REPORT_SOURCES_MAX: usize = 64;

/// Bytes of a software name.
pub const NAME_BYTES_MAX: usize = 512;
/// Bytes of a version, of a release and of a source version.
pub const VERSION_BYTES_MAX: usize = 256;
/// Bytes of a vendor, an origin, an architecture or another interned string.
pub const LABEL_BYTES_MAX: usize = 512;
/// Places where one record was seen.
pub const LOCATIONS_MAX: usize = 4;
/// Bytes of one location.
pub const LOCATION_BYTES_MAX: usize = 1024;
/// Bytes of the reason in a source's status, and of any free text from a peer.
pub const REASON_BYTES_MAX: usize = 256;
/// Bytes of one host fact.
pub const FACT_BYTES_MAX: usize = 256;

/// Records that one host may hold; more are cut by the agent and said in the source's status.
// Twenty times a large desktop. It bounds what one host can cost an agent's memory and a company's
// partition.
pub const INVENTORY_RECORDS_MAX: usize = 50_000;

/// Bytes of the part of a hello or a welcome that is for later versions.
pub const EXTENSION_BYTES_MAX: usize = 4 * 1024;

/// Bytes of an enrolment token as text.
pub const TOKEN_BYTES_MAX: usize = 2 * 1024;
/// Addresses of collectors in one enrolment token.
pub const TOKEN_ADDRESSES_MAX: usize = 8;
/// Labels that a host may bring to its enrolment.
pub const HOST_LABELS_MAX: usize = 16;
/// Characters of the name and of the value of such a label.
pub const HOST_LABEL_CHARS_MAX: usize = 100;
/// Bytes of the same.
pub const HOST_LABEL_BYTES_MAX: usize = 4 * HOST_LABEL_CHARS_MAX;
/// Bytes of a certificate signing request, DER.
pub const CSR_BYTES_MAX: usize = 4 * 1024;
/// Bytes of one certificate, DER.
pub const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;
/// Certificates of a chain.
pub const CHAIN_CERTIFICATES_MAX: usize = 4;

/// Reports that an agent may have sent without an answer.
pub const REPORTS_IN_FLIGHT_MAX: usize = 32;

/// Shortest and longest time between two heartbeats that a collector may set, in seconds.
// Not below ten seconds, so that no collector, however it was set up, wakes a laptop all day.
pub const HEARTBEAT_EVERY_S: std::ops::RangeInclusive<u32> = 10..=86_400;
/// Shortest and longest time between two scans that a collector may set, in seconds.
pub const SCAN_EVERY_S: std::ops::RangeInclusive<u32> = 60..=604_800;
/// Shortest and longest time between two visits that a collector may set, in seconds.
// Not above a day, like heartbeats: a host that is not heard of for longer cannot be told from one that
// is gone.
pub const VISIT_EVERY_S: std::ops::RangeInclusive<u32> = 60..=86_400;
/// How long a visit goes on after the last word of either side, in seconds.
// What a heartbeat leads to, such as the wish for a snapshot, is said within three seconds: heartbeats
// are noted together every two.
pub const VISIT_QUIET_S: u32 = 5;
/// Longest time over which a fleet comes back to a collector that it has lost, in seconds.
pub const RETURN_WITHIN_S_MAX: u32 = 600;
/// Longest time over which a fleet renews its certificates because it is asked to, in seconds.
pub const RENEW_WITHIN_S_MAX: u32 = 604_800;
/// Longest wait that a reject or a refusal may ask of an agent, in milliseconds.
// A collector that answers nonsense must not be able to send its fleet away for good.
pub const RETRY_AFTER_MS_MAX: u32 = 3_600_000;

// What goes unpacked must fit as well as what is unpacked.
const _: () = assert!(FRAME_WIRE_BYTES_MAX <= FRAME_RAW_BYTES_MAX);
// A record names three strings of the table.
const _: () = assert!(3 * REPORT_RECORDS_MAX <= REPORT_STRINGS_MAX);
// A full report whose records are each as long as they may be is a message that a frame may unpack
// to. Whether it is also short enough on the wire is for its sender, which splits by bytes as well
// as by records. The last summands are for numbers and lengths, and for everything beside the
// records.
const _: () = assert!(
    REPORT_RECORDS_MAX
        * (3 * NAME_BYTES_MAX
            + 3 * VERSION_BYTES_MAX
            + 3 * LABEL_BYTES_MAX
            + LOCATIONS_MAX * LOCATION_BYTES_MAX
            + 256)
        + REPORT_SOURCES_MAX * (REASON_BYTES_MAX + 64)
        + 16 * 1024
        < FRAME_RAW_BYTES_MAX
);
