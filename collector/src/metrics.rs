//! Every metric of the collector: names, labels, units and what they mean.
//!
//! The one process-wide thing there is. Code elsewhere names a metric by a constant from here and
//! labels by the constants beside it, so that this file is the whole list, and a dashboard that
//! was made from it shows everything.

use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use protocol::reject::RejectReason;
use protocol::report::Lane;

use crate::lifecycle::Lifecycle;

/// Connections of agents that are open, sessions and enrolments alike.
pub const INGEST_CONNECTIONS: &str = "muster_ingest_connections";
/// Handshakes that succeeded, by [`LABEL_TRANSPORT`]: `quic`, `tcp`.
pub const INGEST_HANDSHAKES: &str = "muster_ingest_handshakes_total";
/// Connections that ended before a session began, by [`LABEL_REASON`]: `limit`, `rate`, `tls`,
/// `timeout`, `identity`.
pub const INGEST_HANDSHAKES_FAILED: &str = "muster_ingest_handshakes_failed_total";
/// Handshakes with a ticket of an earlier one.
pub const INGEST_RESUMED: &str = "muster_ingest_resumed_total";
/// Sessions whose connection is held, and not a visit.
pub const INGEST_HELD: &str = "muster_ingest_held";
/// Bytes of frames in reading.
pub const INGEST_BYTES_IN_READING: &str = "muster_ingest_bytes_in_reading";
/// Sessions that ended, by [`LABEL_REASON`]: `closed` by the agent, `replaced`, `expired`,
/// `timeout`, `error`, or a reject reason.
pub const INGEST_SESSIONS_ENDED: &str = "muster_ingest_sessions_ended_total";
/// Reports that came, by [`LABEL_OUTCOME`]: `accepted`, or a reject reason.
pub const INGEST_REPORTS: &str = "muster_ingest_reports_total";
/// Records of accepted reports.
pub const INGEST_RECORDS: &str = "muster_ingest_records_total";
/// Bytes of frames that came from agents, headers included.
pub const INGEST_BYTES: &str = "muster_ingest_bytes_total";
/// From the end of a report's frame to its acknowledgement, in seconds.
pub const INGEST_ACK_SECONDS: &str = "muster_ingest_ack_seconds";
/// Bytes of reports that wait for the queue's disk.
pub const INGEST_BYTES_IN_FLIGHT: &str = "muster_ingest_bytes_in_flight";
/// Heartbeats that came, by [`LABEL_OUTCOME`]: `accepted`, `rate_limited` or `overflow`.
pub const INGEST_HEARTBEATS: &str = "muster_ingest_heartbeats_total";
/// Enrolments, by [`LABEL_OUTCOME`]: `granted`, or a reject reason.
pub const INGEST_ENROLMENTS: &str = "muster_ingest_enrolments_total";
/// Certificates that were renewed over a session, by [`LABEL_OUTCOME`]: `granted`, or a reject
/// reason.
pub const INGEST_RENEWALS: &str = "muster_ingest_renewals_total";
/// Agents that became others because several machines were they, by [`LABEL_OUTCOME`]: `granted`, or a
/// reject reason.
pub const INGEST_REKEYS: &str = "muster_ingest_rekeys_total";
/// Agents that were found to be on several machines.
pub const INGEST_CLONES: &str = "muster_ingest_clones_total";

/// Reports in the queue, by [`LABEL_LANE`].
pub const QUEUE_REPORTS: &str = "muster_queue_reports";
/// Bytes of the queue's files.
pub const QUEUE_BYTES: &str = "muster_queue_bytes";
/// Age of the oldest report in the queue, in seconds.
pub const QUEUE_OLDEST_SECONDS: &str = "muster_queue_oldest_seconds";
/// Appends, by [`LABEL_OUTCOME`]: `durable`, `full` or `failed`.
pub const QUEUE_APPENDS: &str = "muster_queue_appends_total";
/// Reports that one sync of the disk made durable.
pub const QUEUE_COMMIT_REPORTS: &str = "muster_queue_commit_reports";
/// One sync of the queue's disk, in seconds.
pub const QUEUE_COMMIT_SECONDS: &str = "muster_queue_commit_seconds";
/// Damaged entries that opening the queue left out.
pub const QUEUE_DAMAGED: &str = "muster_queue_damaged_total";

/// Reports that left the queue, by [`LABEL_OUTCOME`]: `stored`, `duplicate`, `rejected` or
/// `dead_lettered`, and [`LABEL_REASON`].
pub const PIPELINE_OUTCOMES: &str = "muster_pipeline_outcomes_total";
/// Reports that were dropped without an outcome: a bug, or a hard stop. They stay in the queue.
pub const PIPELINE_UNENDED: &str = "muster_pipeline_unended_total";
/// Records of stored reports.
pub const PIPELINE_RECORDS: &str = "muster_pipeline_records_total";
/// Records of one transaction.
pub const PIPELINE_BATCH_RECORDS: &str = "muster_pipeline_batch_records";
/// One transaction, from its first report's decoding to its commit, in seconds.
pub const PIPELINE_BATCH_SECONDS: &str = "muster_pipeline_batch_seconds";
/// From a report's arrival to its commit, in seconds, by [`LABEL_LANE`].
pub const PIPELINE_LAG_SECONDS: &str = "muster_pipeline_lag_seconds";
/// Transactions that were tried again, by [`LABEL_REASON`].
pub const PIPELINE_RETRIES: &str = "muster_pipeline_retries_total";
/// Snapshots that were asked for, by [`LABEL_REASON`]: `gap` or `digest`.
pub const PIPELINE_SNAPSHOTS_ASKED: &str = "muster_pipeline_snapshots_asked_total";
/// Matches, by [`LABEL_OUTCOME`]: `memory`, `disk` or `computed`.
pub const MATCH_RESULTS: &str = "muster_match_results_total";
/// Pieces of software that were judged again because the match index changed.
pub const MATCH_JUDGED_AGAIN: &str = "muster_match_judged_again_total";
/// Findings that were opened.
pub const MATCH_FINDINGS: &str = "muster_match_findings_total";

/// Jobs that ended, by [`LABEL_JOB`] and [`LABEL_OUTCOME`]: `done`, `retried` or `failed`.
pub const JOBS: &str = "muster_jobs_total";
/// One job, in seconds, by [`LABEL_JOB`].
pub const JOB_SECONDS: &str = "muster_job_seconds";

/// Attempts to deliver a webhook's message, by [`LABEL_OUTCOME`]: `delivered`, `retried` or `dead`.
pub const WEBHOOK_DELIVERIES: &str = "muster_webhook_deliveries_total";
/// Since when the oldest message waits that was not delivered yet, in seconds; 0 when none does.
pub const WEBHOOK_OLDEST_SECONDS: &str = "muster_webhook_oldest_seconds";

/// Syncs of feeds, by [`LABEL_SOURCE`] and [`LABEL_OUTCOME`]: `changed`, `unchanged` or `failed`.
pub const FEED_SYNCS: &str = "muster_feed_syncs_total";
/// Records of feeds that came by syncs, by [`LABEL_SOURCE`].
pub const FEED_RECORDS: &str = "muster_feed_fetched_records_total";
/// Seconds since a feed was last fetched or imported well, by [`LABEL_SOURCE`].
pub const FEED_AGE_SECONDS: &str = "muster_feed_age_seconds";

/// Requests, by [`LABEL_ROUTE`], [`LABEL_METHOD`] and [`LABEL_STATUS`].
pub const HTTP_REQUESTS: &str = "muster_http_requests_total";
/// One request, in seconds, by [`LABEL_ROUTE`] and [`LABEL_METHOD`].
pub const HTTP_SECONDS: &str = "muster_http_request_seconds";

/// Seconds since this node last looked for revocations and commands; it looks every two.
pub const DIRECTORY_AGE_SECONDS: &str = "muster_directory_age_seconds";
/// 1, with the program's [`LABEL_VERSION`].
pub const BUILD_INFO: &str = "muster_build_info";

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
/// A job's name.
pub const LABEL_JOB: &str = "job";
/// A route as it is declared, never as it was asked for.
pub const LABEL_ROUTE: &str = "route";
/// A method of HTTP.
pub const LABEL_METHOD: &str = "method";
/// A status of HTTP.
pub const LABEL_STATUS: &str = "status";
/// A version of the program.
pub const LABEL_VERSION: &str = "version";

// From a sync of a good disk to a report that waited out a restart of the database.
const SECONDS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
const SIZES: [f64; 10] =
    [1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];

/// How often the recorder is tidied up.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Installs the process' recorder and gives the handle that renders `/metrics`.
///
/// # Errors
///
/// When a recorder is installed already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_reports".to_owned()), &SIZES)?
        .set_buckets_for_metric(Matcher::Suffix("_records".to_owned()), &SIZES)?
        .install_recorder()?;
    describe();
    start_at_zero();
    Ok(handle)
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
    counter!(INGEST_RESUMED).absolute(0);
    counter!(INGEST_REPORTS, LABEL_OUTCOME => "accepted").absolute(0);
    counter!(INGEST_ENROLMENTS, LABEL_OUTCOME => "granted").absolute(0);
    counter!(INGEST_RENEWALS, LABEL_OUTCOME => "granted").absolute(0);
    counter!(INGEST_REKEYS, LABEL_OUTCOME => "granted").absolute(0);
    counter!(INGEST_CLONES).absolute(0);
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
    for outcome in ["durable", "full", "failed"] {
        counter!(QUEUE_APPENDS, LABEL_OUTCOME => outcome).absolute(0);
    }
}

fn describe() {
    describe_ingest();
    describe_gauge!(QUEUE_REPORTS, "Reports in the queue");
    describe_gauge!(QUEUE_BYTES, Unit::Bytes, "Bytes of the queue's files");
    describe_gauge!(QUEUE_OLDEST_SECONDS, Unit::Seconds, "Age of the oldest report in the queue");
    describe_counter!(QUEUE_APPENDS, "Appends to the queue by outcome");
    describe_histogram!(QUEUE_COMMIT_REPORTS, "Reports that one sync made durable");
    describe_histogram!(QUEUE_COMMIT_SECONDS, Unit::Seconds, "One sync of the queue's disk");
    describe_counter!(QUEUE_DAMAGED, "Damaged entries that opening the queue left out");
    describe_counter!(PIPELINE_OUTCOMES, "Reports that left the queue by outcome and reason");
    describe_counter!(PIPELINE_UNENDED, "Reports that were dropped without an outcome");
    describe_counter!(PIPELINE_RECORDS, "Records of stored reports");
    describe_histogram!(PIPELINE_BATCH_RECORDS, "Records of one transaction");
    describe_histogram!(PIPELINE_BATCH_SECONDS, Unit::Seconds, "One transaction");
    describe_histogram!(
        PIPELINE_LAG_SECONDS,
        Unit::Seconds,
        "From a report's arrival to its commit"
    );
    describe_counter!(PIPELINE_RETRIES, "Transactions that were tried again by reason");
    describe_counter!(PIPELINE_SNAPSHOTS_ASKED, "Snapshots that were asked for by reason");
    describe_counter!(MATCH_RESULTS, "Matches by where the result came from");
    describe_counter!(
        MATCH_JUDGED_AGAIN,
        "Software that was judged again because the match index changed"
    );
    describe_counter!(MATCH_FINDINGS, "Findings that were opened");
    describe_jobs();
    describe_counter!(HTTP_REQUESTS, "Requests by route, method and status");
    describe_histogram!(HTTP_SECONDS, Unit::Seconds, "One request");
    describe_gauge!(DIRECTORY_AGE_SECONDS, Unit::Seconds, "Since this node looked for revocations");
    describe_gauge!(BUILD_INFO, "1, with the program's version");
}

fn describe_jobs() {
    describe_counter!(JOBS, "Jobs that ended by job and outcome");
    describe_histogram!(JOB_SECONDS, Unit::Seconds, "One job");
    describe_counter!(WEBHOOK_DELIVERIES, "Attempts to deliver a webhook's message by outcome");
    describe_gauge!(
        WEBHOOK_OLDEST_SECONDS,
        Unit::Seconds,
        "Age of the oldest webhook message that was not delivered yet"
    );
    describe_counter!(FEED_SYNCS, "Syncs of feeds by source and outcome");
    describe_counter!(FEED_RECORDS, "Records of feeds that came by syncs");
    describe_gauge!(FEED_AGE_SECONDS, Unit::Seconds, "Since a feed was fetched or imported well");
}

fn describe_ingest() {
    describe_gauge!(INGEST_CONNECTIONS, "Open connections of agents");
    describe_counter!(INGEST_HANDSHAKES, "Handshakes that succeeded by transport");
    describe_counter!(
        INGEST_HANDSHAKES_FAILED,
        "Connections that ended before a session by reason"
    );
    describe_counter!(INGEST_RESUMED, "Handshakes with a ticket of an earlier one");
    describe_gauge!(INGEST_HELD, "Sessions whose connection is held, and not a visit");
    describe_gauge!(INGEST_BYTES_IN_READING, Unit::Bytes, "Bytes of frames that are in reading");
    describe_counter!(INGEST_SESSIONS_ENDED, "Sessions that ended by reason");
    describe_counter!(INGEST_REPORTS, "Reports that came by outcome");
    describe_counter!(INGEST_RECORDS, "Records of accepted reports");
    describe_counter!(INGEST_BYTES, Unit::Bytes, "Bytes of frames that came from agents");
    describe_histogram!(INGEST_ACK_SECONDS, Unit::Seconds, "From a report to its acknowledgement");
    describe_gauge!(INGEST_BYTES_IN_FLIGHT, Unit::Bytes, "Bytes that wait for the queue's disk");
    describe_counter!(INGEST_HEARTBEATS, "Heartbeats that came by outcome");
    describe_counter!(INGEST_ENROLMENTS, "Enrolments by outcome");
    describe_counter!(INGEST_RENEWALS, "Renewed certificates by outcome");
    describe_counter!(INGEST_REKEYS, "Agents that became others, by outcome");
    describe_counter!(INGEST_CLONES, "Agents found to be on several machines");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reject_reason_is_there_before_it_happens() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            start_at_zero();
        });
        let text = handle.render();
        for reason in RejectReason::ALL {
            let line = format!("{INGEST_REPORTS}{{outcome=\"{reason}\"}} 0");
            assert!(text.contains(&line), "{line} is missing in\n{text}");
        }
    }
}
