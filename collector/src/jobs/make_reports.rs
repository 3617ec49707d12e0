//! Makes the reports that somebody asked for, and asks for those whose schedule says so.
//!
//! A report is read from one snapshot and written in parts as it is read, so that a company with a million
//! findings takes no more memory than one with a thousand. One company whose schedules cannot be looked at keeps
//! no other from its reports. What cannot be made for a reason of its own
//! (it is too large, its label is gone) is given up and says so; what the database refuses is tried again.

mod csv;
mod cyclonedx;
mod head;
mod html;
mod json;
mod record;
mod sarif;
mod sink;
mod summary;

use anyhow::Context as _;
use store::error::StoreError;
use store::export::Columns;
use store::findings::{self, Finding, FindingFilter, FindingSort};
use store::jobs::Job;
use store::report_files::{self, Finished, Making, Payload, ReportFormat, ReportKind, Spec};
use store::tenant::TenantScope;
use store::{companies, report_schedules};
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use self::head::Head;
use self::sink::Sink;
use super::Jobs;
use super::runner::ATTEMPTS_MAX;
use crate::causes::Causes;

/// Why a report is not made.
#[derive(Debug, thiserror::Error)]
enum MakeError {
    /// It would be larger than a file may be.
    #[error("it is larger than {} MiB: filter it by severity, label or exploitation", report_files::FILE_BYTES_MAX >> 20)]
    TooLarge,
    /// The company's files are as large as they may be.
    #[error("the company's reports have {} GiB, which is all they may have: delete some", report_files::BYTES_MAX >> 30)]
    NoRoom,
    /// The label of its filter was deleted.
    #[error("the label that it is for is gone")]
    NoLabel,
    /// Somebody deleted it, or another node makes it.
    #[error("it is not this node's to make any more")]
    NotOurs,
    /// The database gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A document that findings are written into, one after the other.
trait Document: Send {
    /// Writes a finding; whether it stands in the document.
    fn finding(&mut self, finding: &Finding, out: &mut Vec<u8>) -> bool;

    /// Writes what stands behind the last one.
    fn end(&mut self, records: u64, out: &mut Vec<u8>);
}

/// Makes one report, or asks for those that are due.
pub(super) async fn run(jobs: &Jobs, job: &Job) -> anyhow::Result<()> {
    let payload: Payload = serde_json::from_value(job.payload.clone()).unwrap_or_default();
    let Some((company, report)) = payload.report else {
        return look_at_schedules(jobs).await;
    };
    let Some(scope) = jobs.store.pipeline_scope(company).await? else {
        return Ok(());
    };
    let Some(making) = report_files::begin(&scope, report).await.context("begin a report")? else {
        return Ok(());
    };
    match make(jobs, &scope, &making).await {
        Ok(finished) => {
            let now = jobs.clock.now();
            report_files::finish(&scope, &making, finished, now).await.context("end a report")?;
            tracing::info!(%company, %report, ?finished, "made a report");
            Ok(())
        }
        Err(error) => refuse(jobs, &scope, (&making, job.attempts), error).await,
    }
}

/// Gives a report up, unless trying again may help.
async fn refuse(
    jobs: &Jobs,
    scope: &TenantScope,
    (making, attempts): (&Making, u32),
    error: MakeError,
) -> anyhow::Result<()> {
    let now = jobs.clock.now();
    match error {
        MakeError::NotOurs => Ok(()),
        MakeError::TooLarge | MakeError::NoRoom | MakeError::NoLabel => {
            let why = error.to_string();
            report_files::fail(scope, making, &why, now).await.context("give a report up")
        }
        MakeError::Store(error) => {
            if attempts >= ATTEMPTS_MAX {
                // The job's last attempt: nobody comes again. What is wrong stands in the log.
                let why = "the database did not answer in time, however often it was asked";
                report_files::fail(scope, making, why, now).await.context("give a report up")?;
            }
            Err(error).context("make a report")
        }
    }
}

/// Asks for the reports of schedules whose time has come.
async fn look_at_schedules(jobs: &Jobs) -> anyhow::Result<()> {
    let operator = jobs.store.local_operator();
    let companies = companies::with_report_schedules(&operator).await.context("list companies")?;
    let mut failed = None;
    for company in companies {
        let Some(scope) = jobs.store.pipeline_scope(company).await? else {
            continue;
        };
        let now = jobs.clock.now();
        if let Err(error) = report_schedules::due(&scope, || new_id(now), now).await {
            let error = anyhow::Error::new(error);
            let error = error.context(format!("look at the schedules of company {company}"));
            tracing::warn!("{}", Causes(&error));
            failed = Some(error);
        }
    }
    // What was asked for is asked for once, also when the job is tried again.
    failed.map_or(Ok(()), Err)
}

/// An id that is ordered by the time of its making.
fn new_id(now: OffsetDateTime) -> Uuid {
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.nanosecond()))
}

async fn make(jobs: &Jobs, scope: &TenantScope, making: &Making) -> Result<Finished, MakeError> {
    let report = &making.report;
    if !making.has_room {
        return Err(MakeError::NoRoom);
    }
    let head = Head::read(scope, report, jobs.clock.now()).await?;
    let mut sink = Sink::new(scope, making);
    let records = match report.spec.kind {
        ReportKind::Summary => summary::write(scope, &head, sink.out()).await?,
        ReportKind::Findings => write_findings(scope, &head, &mut sink).await?,
    };
    let bytes = sink.end().await?;
    Ok(Finished { bytes, records })
}

/// Writes every finding that some host has.
async fn write_findings(
    scope: &TenantScope,
    head: &Head,
    sink: &mut Sink<'_>,
) -> Result<u64, MakeError> {
    let mut document = begin(scope, head, sink).await?;
    let mut all =
        findings::export(scope, &filter(&head.spec), FindingSort::Severity, Columns::All).await?;
    let mut records = 0;
    loop {
        let some = all.next().await?;
        if some.is_empty() {
            break;
        }
        for finding in &some {
            records += u64::from(document.finding(finding, sink.out()));
        }
        sink.settle().await?;
    }
    document.end(records, sink.out());
    Ok(records)
}

/// The document with all that stands before its findings.
async fn begin(
    scope: &TenantScope,
    head: &Head,
    sink: &mut Sink<'_>,
) -> Result<Box<dyn Document>, MakeError> {
    let document: Box<dyn Document> = match head.spec.format {
        ReportFormat::Html => Box::new(html::Page::begin(head, sink.out())),
        ReportFormat::Json => Box::new(json::Whole::begin(head, sink.out())),
        ReportFormat::Csv => Box::new(csv::Table::begin(sink.out())),
        ReportFormat::Sarif => Box::new(sarif::Log::begin(scope, head, sink).await?),
        ReportFormat::CycloneDx => Box::new(cyclonedx::Bom::begin(scope, head, sink).await?),
    };
    Ok(document)
}

fn filter(spec: &Spec) -> FindingFilter {
    FindingFilter {
        severity_min: spec.severity_min,
        kev: spec.kev,
        label: spec.label,
        // What every host has got rid of threatens nobody.
        on_hosts: Some(true),
        ..FindingFilter::default()
    }
}

#[cfg(test)]
mod tests;
