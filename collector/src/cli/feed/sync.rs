//! `muster-collector feed sync` and `status`.

use time::OffsetDateTime;
use time::macros::format_description;

use super::super::database::{self, Database};
use super::super::output;
use super::super::settings::Settings;
use super::print_index;
use crate::feeds::{FeedPaths, FeedStatus, FeedSyncer, Outcome, Sleeper, SourceReport, Wanted};

/// Arguments of `sync`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Sync {
    /// Fetch what did not change, too, and take what is suspiciously small
    #[arg(long)]
    force: bool,
    /// Which feeds, as `status` names them [default: all]
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
}

impl Sync {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<()> {
        // Boxed, because a sync's future is large, and it is handed on by value.
        database::with(settings, |db| Box::pin(self.sync(db)))
    }

    async fn sync(self, db: Database) -> anyhow::Result<()> {
        let syncer = FeedSyncer::new(
            db.store.clone(),
            db.clock.clone(),
            Sleeper::system(),
            db.config.feeds.clone(),
            FeedPaths::of(&db.config),
        )?;
        let wanted =
            if self.sources.is_empty() { Wanted::All } else { Wanted::Named(self.sources) };
        let report = syncer.sync(&wanted, self.force).await?;
        if db.json {
            output::json(&report)?;
        } else {
            report.sources.iter().for_each(print_source);
            if let Some(index) = &report.index {
                print_index(index);
            }
        }
        // One feed that is away takes nothing from the others: all are tried and said, and the exit
        // code says that a timer should try again.
        let is_failed = |source: &&SourceReport| source.outcome == Outcome::Failed;
        let failed = report.sources.iter().filter(is_failed).count();
        if failed > 0 {
            let all = report.sources.len();
            anyhow::bail!("{failed} of {all} feeds are not up to date");
        }
        Ok(())
    }
}

fn print_source(report: &SourceReport) {
    let name = &report.source;
    match (&report.error, report.outcome) {
        (Some(error), _) => output::line(format_args!("{name}: {error}")),
        (None, Outcome::Unchanged | Outcome::Failed) => {
            output::line(format_args!("{name}: nothing new"));
        }
        (None, Outcome::Changed) => output::line(format_args!(
            "{name}: {} records, {} CVEs changed, {} skipped",
            report.records, report.changed, report.skipped
        )),
    }
}

/// Says how up to date each feed is.
pub(super) async fn status(db: Database) -> anyhow::Result<()> {
    let now = db.clock.now();
    let feeds = FeedStatus::list(&db.store, &db.config.feeds, now).await?;
    if db.json {
        // A line each, as all lists are printed.
        return feeds.iter().try_for_each(output::json);
    }
    output::line(format_args!(
        "{:<20} {:>16} {:>9} {:>9} {:>8} {:>8} {:>16}",
        "feed", "last attempt", "age", "records", "changed", "skipped", "next"
    ));
    for feed in feeds {
        output::line(format_args!(
            "{:<20} {:>16} {:>9} {:>9} {:>8} {:>8} {:>16}",
            feed.source,
            minute(feed.last_attempt_at),
            age(feed.age_s),
            feed.records,
            feed.changed,
            feed.skipped,
            minute(feed.next_sync_at),
        ));
        if let Some(error) = feed.error {
            let times = feed.failures;
            output::line(format_args!("  not up to date ({times} tries in a row): {error}"));
        }
    }
    Ok(())
}

/// An instant to the minute, in UTC.
fn minute(at: Option<OffsetDateTime>) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]");
    at.and_then(|at| at.format(format).ok()).unwrap_or_else(|| "-".to_owned())
}

/// A length of time in its largest fitting unit.
fn age(seconds: Option<i64>) -> String {
    match seconds {
        None => "never".to_owned(),
        // Each unit up to two of the next, so that nothing between one and two is rounded down to
        // one.
        Some(s) if s < 120 => format!("{s} s"),
        Some(s) if s < 7_200 => format!("{} min", s / 60),
        Some(s) if s < 172_800 => format!("{} h", s / 3_600),
        Some(s) => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_units_that_a_person_reads() {
        let cases = [(59, "59 s"), (600, "10 min"), (7_200, "2 h"), (864_000, "10 d")];
        for (seconds, text) in cases {
            assert_eq!(age(Some(seconds)), text);
        }
        assert_eq!(age(None), "never");
    }

    #[test]
    fn an_instant_is_shown_to_the_minute() {
        let at = time::macros::datetime!(2026-11-21 09:07:59 UTC);
        assert_eq!(minute(Some(at)), "2026-11-21 09:07");
        assert_eq!(minute(None), "-");
    }
}
