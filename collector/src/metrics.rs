//! Every metric of the collector: names, labels, units and what they mean.
//!
//! The one process-wide thing there is. Code elsewhere names a metric by a constant from here and
//! labels by the constants beside it, so that this file is the whole list: help texts, the document
//! and a test of the dashboards are made from it (`table`).

pub(crate) mod table;

use std::time::Duration;

use metrics::{counter, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use protocol::reject::RejectReason;
use protocol::report::Lane;

use self::table::families;
use crate::lifecycle::Lifecycle;

families! {
    "Agents' connections" {
        /// Connections of agents that are open, sessions and enrolments alike.
        Gauge INGEST_CONNECTIONS = "muster_ingest_connections";
        /// Connections of agents that may be open, by configuration.
        Gauge INGEST_CONNECTIONS_MAX = "muster_ingest_connections_max";
        /// Handshakes that succeeded: `quic`, `tcp`.
        Counter INGEST_HANDSHAKES = "muster_ingest_handshakes_total" by LABEL_TRANSPORT;
        /// Connections that ended before a session began: `limit`, `rate`, `tls`, `timeout`, `identity`.
        Counter INGEST_HANDSHAKES_FAILED = "muster_ingest_handshakes_failed_total" by LABEL_REASON;
        /// Handshakes with a ticket of an earlier one.
        Counter INGEST_RESUMED = "muster_ingest_resumed_total";
        /// Sessions whose connection is held, and not a visit.
        Gauge INGEST_HELD = "muster_ingest_held";
        /// Bytes of frames in reading.
        Gauge INGEST_BYTES_IN_READING = "muster_ingest_bytes_in_reading";
        /// Sessions that ended: `closed` by the agent, `replaced`, `expired`, `timeout`, `error`, or a
        /// reject reason.
        Counter INGEST_SESSIONS_ENDED = "muster_ingest_sessions_ended_total" by LABEL_REASON;
        /// Reports that came: `accepted`, or a reject reason.
        Counter INGEST_REPORTS = "muster_ingest_reports_total" by LABEL_OUTCOME;
        /// Records of accepted reports.
        Counter INGEST_RECORDS = "muster_ingest_records_total";
        /// Bytes of frames that came from agents, headers included.
        Counter INGEST_BYTES = "muster_ingest_bytes_total";
        /// From the end of a report's frame to its acknowledgement.
        Histogram INGEST_ACK_SECONDS = "muster_ingest_ack_seconds";
        /// Bytes of reports that wait for the queue's disk.
        Gauge INGEST_BYTES_IN_FLIGHT = "muster_ingest_bytes_in_flight";
        /// Heartbeats that came: `accepted`, `rate_limited` or `overflow`.
        Counter INGEST_HEARTBEATS = "muster_ingest_heartbeats_total" by LABEL_OUTCOME;
        /// Enrolments: `granted`, or a reject reason.
        Counter INGEST_ENROLMENTS = "muster_ingest_enrolments_total" by LABEL_OUTCOME;
        /// Certificates that were renewed over a session: `granted`, or a reject reason.
        Counter INGEST_RENEWALS = "muster_ingest_renewals_total" by LABEL_OUTCOME;
        /// Agents that became others because several machines were they: `granted`, or a reject reason.
        Counter INGEST_REKEYS = "muster_ingest_rekeys_total" by LABEL_OUTCOME;
        /// Agents that were found to be on several machines.
        Counter INGEST_CLONES = "muster_ingest_clones_total";
    }
    "The queue" {
        /// Reports in the queue: `delta` or `snapshot`.
        Gauge QUEUE_REPORTS = "muster_queue_reports" by LABEL_LANE;
        /// Bytes of the queue's files.
        Gauge QUEUE_BYTES = "muster_queue_bytes";
        /// Bytes that the queue's files may have, by configuration.
        Gauge QUEUE_MAX_BYTES = "muster_queue_max_bytes";
        /// Reports that the queue may hold, by configuration.
        Gauge QUEUE_MAX_REPORTS = "muster_queue_max_reports";
        /// Age of the oldest report in the queue; 0 when none waits.
        Gauge QUEUE_OLDEST_SECONDS = "muster_queue_oldest_seconds";
        /// Appends: `durable`, `full` or `failed`.
        Counter QUEUE_APPENDS = "muster_queue_appends_total" by LABEL_OUTCOME;
        /// Reports that one sync of the disk made durable.
        Histogram QUEUE_COMMIT_REPORTS = "muster_queue_commit_reports";
        /// One sync of the queue's disk.
        Histogram QUEUE_COMMIT_SECONDS = "muster_queue_commit_seconds";
        /// Damaged entries that opening the queue left out.
        Counter QUEUE_DAMAGED = "muster_queue_damaged_total";
    }
    "The pipeline" {
        /// Reports that left the queue: `stored`, `duplicate`, `rejected`, `dead_lettered`, or
        /// `dropped` because their company was erased, and why.
        Counter PIPELINE_OUTCOMES = "muster_pipeline_outcomes_total" by LABEL_OUTCOME LABEL_REASON;
        /// Reports that were dropped without an outcome: a bug, or a hard stop. They stay in the queue.
        Counter PIPELINE_UNENDED = "muster_pipeline_unended_total";
        /// Records of stored reports.
        Counter PIPELINE_RECORDS = "muster_pipeline_records_total";
        /// Records of one transaction.
        Histogram PIPELINE_BATCH_RECORDS = "muster_pipeline_batch_records";
        /// One transaction, from its first report's decoding to its commit.
        Histogram PIPELINE_BATCH_SECONDS = "muster_pipeline_batch_seconds";
        /// From a report's arrival to its commit.
        Histogram PIPELINE_LAG_SECONDS = "muster_pipeline_lag_seconds" by LABEL_LANE;
        /// Transactions that were tried again: `away` when the database was, `late` when it was not done in time, otherwise
        /// `failed`.
        Counter PIPELINE_RETRIES = "muster_pipeline_retries_total" by LABEL_REASON;
        /// Snapshots that were asked for: `gap` or `digest`.
        Counter PIPELINE_SNAPSHOTS_ASKED = "muster_pipeline_snapshots_asked_total" by LABEL_REASON;
    }
    "Matching" {
        /// Matches, by where the result came from: `memory`, `disk` or `computed`.
        Counter MATCH_RESULTS = "muster_match_results_total" by LABEL_OUTCOME;
        /// What went wrong with enrichment: an index that cannot be used (`index`), the cache on disk
        /// (`cache`), a report whose software could not be judged without a panic (`software`).
        Counter MATCH_FAILURES = "muster_match_failures_total" by LABEL_REASON;
        /// Bytes that results kept in memory take, about; at most 1,024 for each of `enrichment.cache_entries`.
        Gauge MATCH_CACHE_BYTES = "muster_match_cache_bytes";
        /// Pieces of software that were judged again because the match index changed.
        Counter MATCH_JUDGED_AGAIN = "muster_match_judged_again_total";
        /// Findings that were opened.
        Counter MATCH_FINDINGS = "muster_match_findings_total";
        /// CVEs in the match index that this node judges with.
        Gauge MATCH_INDEX_CVES = "muster_match_index_cves";
        /// Bytes of that index; 0 when the node has none, and judges nothing.
        Gauge MATCH_INDEX_BYTES = "muster_match_index_bytes";
        /// When that index was made; absent when there is none or it does not say.
        Gauge MATCH_INDEX_MADE = "muster_match_index_made_timestamp_seconds";
    }
    "Feeds" {
        /// Syncs of feeds: `changed`, `unchanged` or `failed`.
        Counter FEED_SYNCS = "muster_feed_syncs_total" by LABEL_SOURCE LABEL_OUTCOME;
        /// Records of feeds that came by syncs.
        Counter FEED_RECORDS = "muster_feed_fetched_records_total" by LABEL_SOURCE;
        /// Since a feed was last fetched or imported well. The site's.
        Gauge FEED_AGE_SECONDS = "muster_feed_age_seconds" by LABEL_SOURCE;
        /// How often a feed is fetched, by configuration; absent for what nobody fetches. The site's.
        Gauge FEED_EVERY_SECONDS = "muster_feed_every_seconds" by LABEL_SOURCE;
    }
    "Jobs and webhooks" {
        /// Jobs that ended: `done`, `retried`, `postponed`, `failed`, or `lost` to another node or to who cancelled it.
        Counter JOBS = "muster_jobs_total" by LABEL_JOB LABEL_OUTCOME;
        /// One job.
        Histogram JOB_SECONDS = "muster_job_seconds" by LABEL_JOB;
        /// Attempts to deliver a webhook's message: `delivered`, `retried` or `dead`, which is given up.
        Counter WEBHOOK_DELIVERIES = "muster_webhook_deliveries_total" by LABEL_OUTCOME;
        /// Since when the oldest message waits that was not delivered yet; 0 when none does. The site's.
        Gauge WEBHOOK_OLDEST_SECONDS = "muster_webhook_oldest_seconds";
    }
    "Mail" {
        /// Attempts to send a message: `sent`, `retried`, `dead`.
        Counter MAIL_MESSAGES = "muster_mail_messages_total" by LABEL_OUTCOME;
        /// Since when the oldest message waits that was not sent yet; 0 when none does. The site's.
        Gauge MAIL_OLDEST_SECONDS = "muster_mail_oldest_seconds";
    }
    "The API" {
        /// Requests, by the route as it is declared.
        Counter HTTP_REQUESTS = "muster_http_requests_total" by LABEL_ROUTE LABEL_METHOD LABEL_STATUS;
        /// One request.
        Histogram HTTP_SECONDS = "muster_http_request_seconds" by LABEL_ROUTE LABEL_METHOD;
        /// Sign-ins that were refused: `password`; `code`, of the second factor; `wait`, because too many codes were
        /// tried before; `rate`, because it was tried too often from an address or for an account.
        Counter HTTP_SIGN_INS_REFUSED = "muster_http_sign_ins_refused_total" by LABEL_REASON;
    }
    "Traces" {
        /// Spans of traces: `sent`; `dropped`, because too many waited; `failed`, because whoever takes them did
        /// not.
        Counter TRACE_SPANS = "muster_trace_spans_total" by LABEL_OUTCOME;
    }
    "The database" {
        /// Whether the database answers this node and takes writes, through its pooler as well where there
        /// is one: 1 or 0.
        Gauge DATABASE_UP = "muster_database_up";
        /// This node's connections to the database: `used` or `idle`.
        Gauge DATABASE_CONNECTIONS = "muster_database_connections" by LABEL_STATE;
        /// One transaction from its beginning to its end, by its name in the code.
        Histogram DATABASE_TRANSACTION_SECONDS = "muster_database_transaction_seconds" by LABEL_TRANSACTION;
        /// Transactions that ended without a commit: by an error, or because nobody waited any more.
        Counter DATABASE_ROLLBACKS = "muster_database_rollbacks_total" by LABEL_TRANSACTION;
        /// Reads that a standby may do, by who did them: `replica`, or `primary` while the standby was away or behind.
        Counter DATABASE_READS = "muster_database_reads_total" by LABEL_SERVER;
        /// How far this node's clock is ahead of the database's; negative when it is behind.
        Gauge CLOCK_OFFSET_SECONDS = "muster_clock_offset_seconds";
        /// Since this node last looked for revocations and commands; it looks every two seconds.
        Gauge DIRECTORY_AGE_SECONDS = "muster_directory_age_seconds";
    }
    "The node" {
        /// 1, with the program's version.
        Gauge BUILD_INFO = "muster_build_info" by LABEL_VERSION;
        /// Bytes that are free on the disk of the data directory.
        Gauge DISK_FREE_BYTES = "muster_disk_free_bytes";
        /// Bytes of that disk.
        Gauge DISK_SIZE_BYTES = "muster_disk_size_bytes";
        /// When a certificate of the node ends: `authority`, which all agents trust; `web`, which the API is reached
        /// with, if it has one of its own.
        Gauge CERTIFICATE_EXPIRES = "muster_certificate_expires_timestamp_seconds" by LABEL_CERTIFICATE;
        /// Memory of the process that is in use.
        Gauge PROCESS_MEMORY_BYTES = "muster_process_resident_bytes";
        /// Files and connections that the process has open.
        Gauge PROCESS_OPEN_FILES = "muster_process_open_files";
        /// Files and connections that it may have open.
        Gauge PROCESS_OPEN_FILES_MAX = "muster_process_open_files_max";
        /// When the process began to measure.
        Gauge PROCESS_STARTED = "muster_process_started_timestamp_seconds";
    }
    "The site" {
        /// Nodes that told of themselves lately: `alive`, or `gone`. The site's.
        Gauge NODES = "muster_nodes" by LABEL_STATE;
        /// When the measures below were last taken; each round costs at most a twentieth of the time. The
        /// site's.
        Gauge SITE_MEASURED = "muster_site_measured_timestamp_seconds";
        /// When the newest backup was begun; where none was ever made, from when on there was something to keep.
        /// The site's.
        Gauge BACKUP_MADE = "muster_backup_made_timestamp_seconds";
        /// Companies that are not suspended. The site's.
        Gauge COMPANIES = "muster_companies";
        /// Companies with agents of which none was heard of for four heartbeats and two visits, and for a
        /// quarter of an hour. The site's.
        Gauge COMPANIES_SILENT = "muster_companies_silent";
        /// Agents by when they were last heard of: `hour`, `day`, `week`, `older` or `never`; the first that
        /// holds. The site's.
        Gauge AGENTS = "muster_agents" by LABEL_SEEN;
        /// Agents by their version; the rarest are `other`. The site's.
        Gauge AGENTS_BY_VERSION = "muster_agents_by_version" by LABEL_VERSION;
        /// Agents whose certificate has ended (`expired`), and agents that were heard of within a day and
        /// whose certificate ends within a week although it is renewed ten days before (`expiring`). The
        /// site's.
        Gauge AGENTS_CERTIFICATES = "muster_agents_certificates" by LABEL_STATE;
        /// Agents whose certificate has not ended, while one authority takes the place of another: those that have
        /// come over (`present`), and those that have not (`former`). The site's.
        Gauge AGENTS_AUTHORITY = "muster_agents_authority" by LABEL_STATE;
        /// Agents that have an acknowledgement for something that is not in the rows. The site's.
        Gauge AGENTS_BEHIND = "muster_agents_behind";
        /// Dead letters that nobody has looked after. The site's.
        Gauge DEAD_LETTERS = "muster_dead_letters";
        /// Agents of a company, for the 200 companies with most. The site's.
        Gauge COMPANY_AGENTS = "muster_company_agents" by LABEL_COMPANY;
        /// Since any agent of a company was heard of, for the same companies. The site's.
        Gauge COMPANY_SILENT_SECONDS = "muster_company_silent_seconds" by LABEL_COMPANY;
        /// Whether a company is silent: 1 or 0, for the same companies. The site's.
        Gauge COMPANY_SILENT = "muster_company_silent" by LABEL_COMPANY;
        /// Records of a company's applied reports, ever, for the same companies: its rate is the company's.
        /// The site's.
        Gauge COMPANY_RECORDS = "muster_company_records" by LABEL_COMPANY;
        /// Reports of a company that were applied, ever, for the same companies. The site's.
        Gauge COMPANY_REPORTS = "muster_company_reports" by LABEL_COMPANY;
    }
}

/// How something ended.
pub const LABEL_OUTCOME: &str = "outcome";
/// Why something happened.
pub const LABEL_REASON: &str = "reason";
/// How an agent is connected.
pub const LABEL_TRANSPORT: &str = "transport";
/// The queue's lane: `delta` or `snapshot`.
pub const LABEL_LANE: &str = "lane";
/// A feed's name.
pub const LABEL_SOURCE: &str = "source";
/// What kind of job. Not `job`, which whoever scrapes puts its own word under.
pub const LABEL_JOB: &str = "kind";
/// A route as it is declared, never as it was asked for.
pub const LABEL_ROUTE: &str = "route";
/// A method of HTTP.
pub const LABEL_METHOD: &str = "method";
/// A status of HTTP.
pub const LABEL_STATUS: &str = "status";
/// A version of the program.
pub const LABEL_VERSION: &str = "version";
/// A state of what is counted.
pub const LABEL_STATE: &str = "state";
/// When something was last heard of.
pub const LABEL_SEEN: &str = "seen";
/// A company's id. Names are not here: `/metrics` asks nobody who they are.
pub const LABEL_COMPANY: &str = "company";
/// A transaction's name in the code.
pub const LABEL_TRANSACTION: &str = "transaction";
/// Which of the database's servers.
pub const LABEL_SERVER: &str = "server";
/// Which certificate.
pub const LABEL_CERTIFICATE: &str = "certificate";

// From a sync of a good disk to a report that waited out a restart of the database.
const SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
const SIZES: [f64; 10] =
    [1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];

/// How often the recorder is tidied up.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

// Of a transaction there are a hundred names, so each gets fewer.
const TRANSACTION_SECONDS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];

/// Installs the process' recorder and gives the handle that renders `/metrics`.
///
/// # Errors
///
/// When a recorder is installed already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    describe();
    start_at_zero();
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let transaction = Matcher::Full(DATABASE_TRANSACTION_SECONDS.to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(transaction, &TRANSACTION_SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_reports".to_owned()), &SIZES)?
        .set_buckets_for_metric(Matcher::Suffix("_records".to_owned()), &SIZES)
}

/// Tidies the recorder up until the stop: sums of histograms are made whether anybody reads or not.
pub async fn upkeep(handle: PrometheusHandle, lifecycle: Lifecycle) {
    loop {
        tokio::select! {
            // Without it the samples of histograms pile up in memory until somebody scrapes.
            () = tokio::time::sleep(UPKEEP_EVERY) => handle.run_upkeep(),
            () = lifecycle.stopping() => return,
        }
    }
}

/// Counters that exist before they count, so that a rate of the first event is seen.
pub(crate) fn start_at_zero() {
    gauge!(BUILD_INFO, LABEL_VERSION => env!("CARGO_PKG_VERSION")).set(1.0);
    gauge!(INGEST_CONNECTIONS).set(0.0);
    gauge!(INGEST_HELD).set(0.0);
    gauge!(INGEST_BYTES_IN_READING).set(0.0);
    for counter in [
        INGEST_RESUMED,
        INGEST_CLONES,
        INGEST_RECORDS,
        INGEST_BYTES,
        QUEUE_DAMAGED,
        PIPELINE_UNENDED,
        PIPELINE_RECORDS,
        MATCH_JUDGED_AGAIN,
        MATCH_FINDINGS,
    ] {
        counter!(counter).absolute(0);
    }
    counter!(INGEST_REPORTS, LABEL_OUTCOME => "accepted").absolute(0);
    counter!(INGEST_ENROLMENTS, LABEL_OUTCOME => "granted").absolute(0);
    counter!(INGEST_RENEWALS, LABEL_OUTCOME => "granted").absolute(0);
    counter!(INGEST_REKEYS, LABEL_OUTCOME => "granted").absolute(0);
    counter!(INGEST_HANDSHAKES, LABEL_TRANSPORT => "quic").absolute(0);
    counter!(INGEST_HANDSHAKES, LABEL_TRANSPORT => "tcp").absolute(0);
    for reason in RejectReason::ALL {
        let reason = reason.as_str();
        counter!(INGEST_REPORTS, LABEL_OUTCOME => reason).absolute(0);
        counter!(INGEST_ENROLMENTS, LABEL_OUTCOME => reason).absolute(0);
    }
    for outcome in ["accepted", "rate_limited", "overflow"] {
        counter!(INGEST_HEARTBEATS, LABEL_OUTCOME => outcome).absolute(0);
    }
    for lane in [Lane::Delta, Lane::Snapshot] {
        gauge!(QUEUE_REPORTS, LABEL_LANE => lane.as_str()).set(0.0);
    }
    for outcome in ["delivered", "retried", "dead"] {
        counter!(WEBHOOK_DELIVERIES, LABEL_OUTCOME => outcome).absolute(0);
    }
    for outcome in ["sent", "retried", "dead"] {
        counter!(MAIL_MESSAGES, LABEL_OUTCOME => outcome).absolute(0);
    }
    for outcome in ["durable", "full", "failed"] {
        counter!(QUEUE_APPENDS, LABEL_OUTCOME => outcome).absolute(0);
    }
    start_reasons_at_zero();
}

fn start_reasons_at_zero() {
    for reason in ["limit", "rate", "tls", "timeout", "identity"] {
        counter!(INGEST_HANDSHAKES_FAILED, LABEL_REASON => reason).absolute(0);
    }
    for reason in ["away", "failed"] {
        counter!(PIPELINE_RETRIES, LABEL_REASON => reason).absolute(0);
    }
    for reason in ["gap", "digest"] {
        counter!(PIPELINE_SNAPSHOTS_ASKED, LABEL_REASON => reason).absolute(0);
    }
    for reason in ["index", "cache", "software"] {
        counter!(MATCH_FAILURES, LABEL_REASON => reason).absolute(0);
    }
}

fn describe() {
    FAMILIES.iter().flat_map(|family| family.metrics).for_each(table::Metric::describe);
}

/// The document of all metrics, which is `docs/METRICS.md`.
pub(crate) fn document() -> String {
    table::document(FAMILIES)
}

#[cfg(test)]
mod tests;
