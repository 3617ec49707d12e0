//! Reports of a session: what is taken, and the answers.

use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use protocol::frame::Frame;
use protocol::message::CollectorMessage;
use protocol::reject::RejectReason;
use protocol::report::{InvalidReport, Report};
use tokio::io::AsyncWrite;

use super::{Parting, Session};
use crate::ingest::in_flight::{Append, Due, Moments, Outcome};
use crate::ingest::limits::BytePermit;
use crate::ingest::line::Refusal;
use crate::metrics::{INGEST_ACK_SECONDS, INGEST_RECORDS, INGEST_REPORTS, LABEL_OUTCOME};
use crate::queue::{AppendError, Entry};
use crate::traces::context::TraceId;

/// How long an agent waits when too many bytes wait for the disk.
const BUSY_FOR: Duration = Duration::from_secs(2);

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    /// Takes a report, or refuses it; either way its answer comes in its turn.
    pub(super) fn report(&mut self, report: &Report, frame: Frame, came_at: Instant) {
        let position = report.position;
        let decoded_at = self.shared.clock.instant();
        let mut due = Due {
            position,
            before: self.line.last(),
            moments: Moments {
                read_from: self.read_from.unwrap_or(came_at),
                came_at,
                decoded_at,
                admitted_at: decoded_at,
                received_at_ms: self.shared.clock.now_ms(),
            },
            lane: report.body.lane(),
            // A report with more is refused below; its answer counts no records.
            records: u16::try_from(report.body.record_count()).unwrap_or(u16::MAX),
            permit: None,
        };
        if let Err(refusal) = self.line.judge(position) {
            self.in_flight.push_refused(due, refusal);
            return;
        }
        let admitted = self.admit(report, &frame, came_at);
        due.moments.admitted_at = self.shared.clock.instant();
        match admitted {
            Ok(permit) => {
                due.permit = Some(permit);
                // Before the queue has answered: the next report is judged by what is under way, or
                // every burst would be one gap after another. A late "no" takes it back.
                self.line.took(position);
                let append = self.append(&due, frame);
                self.in_flight.push(due, append);
            }
            Err(refusal) => {
                self.line.refuse_behind(due.before, refusal.clone());
                self.in_flight.push_refused(due, refusal);
            }
        }
    }

    fn admit(&self, report: &Report, frame: &Frame, now: Instant) -> Result<BytePermit, Refusal> {
        // The rate before the validation, which is the dearer of the two.
        self.take_request(now).map_err(|wait| {
            Refusal::new(RejectReason::RateLimited, "too many requests").after(wait)
        })?;
        report.validate().map_err(|error| {
            let reason = if matches!(error, InvalidReport::TooManyRecords(_)) {
                RejectReason::TooManyRecords
            } else {
                RejectReason::InvalidRecord
            };
            Refusal::new(reason, error.to_string())
        })?;
        let (company, lane) = (self.peer.company, report.body.lane());
        if let Some(wait) = self.shared.queue.refuses(company, lane) {
            let detail = "the queue is nearly full";
            return Err(Refusal::new(RejectReason::QueueFull, detail).after(self.spread(wait)));
        }
        // Last, because it is held: a report that is refused for another reason must not have taken
        // of the budget for a moment.
        self.shared.bytes.take(frame.payload.len()).ok_or_else(|| {
            Refusal::new(RejectReason::RateLimited, "the collector is busy").after(BUSY_FOR)
        })
    }

    /// The same wait, up to a quarter longer: agents that were refused in one second do not come back in one.
    fn spread(&self, wait: Duration) -> Duration {
        // Agents' ids end at random.
        let part = u32::from(self.peer.agent.0.as_bytes()[15]);
        wait + wait / 1_024 * part
    }

    fn append(&self, due: &Due, frame: Frame) -> Append {
        let appending = self.shared.queue.append(Entry {
            company: self.peer.company,
            agent: self.peer.agent,
            position: due.position,
            lane: due.lane,
            records: due.records,
            received_at_ms: due.moments.received_at_ms,
            frame,
        });
        Box::pin(async { appending.await.map_err(refusal_of) })
    }

    /// Sends the answers that are there. One acknowledgement speaks for all before it.
    pub(super) async fn answer(&mut self) -> Result<(), Parting> {
        let mut durable = None;
        while let Some((due, outcome)) = self.in_flight.try_next() {
            let refusal = match outcome {
                Outcome::Durable => {
                    self.count_durable(&due);
                    durable = Some(due.position);
                    continue;
                }
                Outcome::Failed(refusal) => {
                    self.line.refuse_behind(due.before, refusal.clone());
                    self.in_flight.refuse_rest(&refusal);
                    refusal
                }
                Outcome::Refused(refusal) => refusal,
            };
            // What is durable is said before the "no" that stands behind it, in the order in which
            // the reports came.
            if let Some(position) = durable.take() {
                self.send(&CollectorMessage::Ack { position }).await?;
            }
            counter!(INGEST_REPORTS, LABEL_OUTCOME => refusal.reason.as_str()).increment(1);
            self.trace(&due, Some(refusal.reason));
            tracing::debug!(
                trace_id = %TraceId::of_report(self.peer.agent, due.position),
                position = %due.position,
                reason = %refusal.reason,
                detail = refusal.detail,
                "refused a report"
            );
            self.send(&refusal.to_reject(due.position)).await?;
        }
        if let Some(position) = durable {
            self.send(&CollectorMessage::Ack { position }).await?;
        }
        Ok(())
    }

    fn count_durable(&self, due: &Due) {
        counter!(INGEST_REPORTS, LABEL_OUTCOME => "accepted").increment(1);
        counter!(INGEST_RECORDS).increment(due.records.into());
        self.trace(due, None);
        let took = self.shared.clock.instant().saturating_duration_since(due.moments.came_at);
        histogram!(INGEST_ACK_SECONDS).record(took);
    }
}

/// What an agent is told when the queue does not take its report.
fn refusal_of(error: AppendError) -> Refusal {
    match error {
        AppendError::Full => Refusal::new(RejectReason::QueueFull, "the queue is full"),
        AppendError::Storage(source) => {
            tracing::error!(error = %source, "the queue cannot write");
            Refusal::new(RejectReason::StorageUnavailable, "the collector cannot write to its disk")
        }
        AppendError::Closed => {
            Refusal::new(RejectReason::ShuttingDown, "the collector is going down")
        }
    }
}
