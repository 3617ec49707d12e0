//! A summary as text for people: what was not measured is not said.

use std::fmt;

use super::Summary;
use crate::fleet::commits::Commits;
use crate::fleet::scenario::Played;
use crate::fleet::stats::Percentiles;
use crate::fleet::verify::Verdict;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = &self.measured;
        writeln!(
            f,
            "{} of {} agents enrolled in {:.1} s, {} inventories of {} records acknowledged in {:.1} s ({:.0} records/s)",
            self.enrolled,
            self.agents,
            self.enrol_seconds,
            self.first_snapshots,
            self.apps,
            measured.snapshot_seconds,
            self.snapshot_records_per_second,
        )?;
        writeln!(
            f,
            "{} records in {} reports acknowledged in {:.1} s ({:.0} records/s), {:.1} bytes a record",
            self.records_acked,
            self.reports_acked,
            measured.seconds,
            self.records_per_second,
            self.bytes_per_record,
        )?;
        writeln!(
            f,
            "{} changes ({} skipped), {} reports sent again, {} without an answer",
            self.changes, self.changes_skipped, self.reports_resent, self.reports_unanswered
        )?;
        writeln!(
            f,
            "{} sessions, {} of them visits, {} lost, {} snapshots asked for",
            self.sessions, self.visits, self.sessions_lost, self.snapshots_asked
        )?;
        latency(f, "welcome", &measured.welcome_ms)?;
        latency(f, "ack", &measured.ack_ms)?;
        latency(f, "end to end", &measured.end_to_end_ms)?;
        if measured.unseen > 0 {
            writeln!(f, "{} changes did not become visible", measured.unseen)?;
        }
        for (reason, count) in &measured.rejects {
            writeln!(f, "rejected {count} times: {reason}")?;
        }
        for (error, count) in &measured.errors {
            writeln!(f, "error, {count} times: {error}")?;
        }
        if let Some(played) = &self.played {
            write_played(f, self.scenario, played)?;
        }
        if let Some(second) = &self.second {
            latency(f, "ack, beside the fleet", &second.ack_ms)?;
            latency(f, "end to end, beside the fleet", &second.end_to_end_ms)?;
        }
        write_collector(f, self)?;
        if let Some(commits) = &self.commits {
            write_commits(f, commits)?;
        }
        match &self.verify {
            None => Ok(()),
            Some(verdict) => write_verdict(f, verdict),
        }
    }
}

fn latency(f: &mut fmt::Formatter<'_>, name: &str, ms: &Percentiles) -> fmt::Result {
    // Percentiles of nothing are zero, which nobody measured.
    if ms.count == 0 {
        return Ok(());
    }
    writeln!(
        f,
        "{name}: p50 {:.1} ms, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, longest {:.1} ({} measured)",
        ms.p50, ms.p90, ms.p99, ms.p999, ms.max, ms.count
    )
}

fn write_collector(f: &mut fmt::Formatter<'_>, summary: &Summary) -> fmt::Result {
    if let Some(usage) = &summary.collector {
        writeln!(
            f,
            "collector: {:.0} MiB at its peak, {:.1} s of processor time, {} processes",
            usage.peak_mib, usage.cpu_seconds, usage.processes
        )?;
    }
    for part in &summary.parts {
        writeln!(
            f,
            "collector, {}: {:.1} s of processor time in {:.1} s, {:.0} MiB until then",
            part.name, part.cpu_seconds, part.seconds, part.peak_mib
        )?;
    }
    Ok(())
}

fn write_played(f: &mut fmt::Formatter<'_>, name: &str, played: &Played) -> fmt::Result {
    for (figure, value) in &played.figures {
        writeln!(f, "{name}: {figure} {value}")?;
    }
    for failure in &played.failures {
        writeln!(f, "{name}: FAILED: {failure}")?;
    }
    Ok(())
}

fn write_commits(f: &mut fmt::Formatter<'_>, commits: &Commits) -> fmt::Result {
    writeln!(
        f,
        "{} records in rows after {:.1} s ({:.0} records/s), {} missing",
        commits.records, commits.seconds, commits.records_per_second, commits.missing
    )?;
    match &commits.error {
        None => Ok(()),
        Some(error) => writeln!(f, "error while looking at the rows: {error}"),
    }
}

fn write_verdict(f: &mut fmt::Formatter<'_>, verdict: &Verdict) -> fmt::Result {
    let (hosts, records) = (verdict.hosts, verdict.records);
    if verdict.is_good() {
        return writeln!(f, "{hosts} hosts, {records} records: nothing lost, nothing twice");
    }
    let difference = &verdict.difference;
    writeln!(
        f,
        "{} of {hosts} hosts differ: {} records lost, {} unexpected, {} twice, of {records}",
        verdict.differing, difference.lost, difference.unexpected, difference.twice
    )?;
    match &verdict.error {
        None => Ok(()),
        Some(error) => writeln!(f, "not compared: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::summary;
    use super::*;
    use crate::fleet::process::Usage;
    use crate::fleet::verify::Difference;

    #[test]
    fn what_was_not_measured_is_not_said() {
        let text = summary().to_string();
        assert!(text.contains("ack: p50 1.0 ms"), "{text}");
        for absent in ["end to end", "visible", "rejected", "error", "in rows", "lost, "] {
            let lines = text.lines().filter(|line| !line.contains("sessions"));
            assert!(!lines.collect::<String>().contains(absent), "{text}");
        }
        let json = serde_json::to_value(summary()).unwrap();
        assert!(json.get("verify").is_none());
        assert_eq!(json["ack_ms"]["count"], 2);
    }

    #[test]
    fn whatever_went_wrong_is_said() {
        let mut summary = summary();
        summary.measured.unseen = 3;
        summary.measured.rejects.insert("limit", 4);
        summary.measured.errors.insert("reset".to_owned(), 5);
        summary.commits = Some(Commits {
            records: 500,
            missing: 100,
            error: Some("503".to_owned()),
            ..Commits::default()
        });
        summary.verify = Some(Verdict {
            hosts: 2,
            records: 600,
            differing: 1,
            difference: Difference { lost: 6, unexpected: 7, twice: 8 },
            error: Some("404".to_owned()),
            ..Verdict::default()
        });
        let mut played = Played::default();
        played.figures.insert("back_all_seconds", 4.5);
        played.failures.push("2 agents did not come back".to_owned());
        (summary.scenario, summary.played) = ("herd", Some(played));
        summary.collector = Some(Usage { processes: 2, peak_mib: 300.0, cpu_seconds: 12.5 });
        let text = summary.to_string();
        for line in [
            "herd: back_all_seconds 4.5",
            "herd: FAILED: 2 agents did not come back",
            "collector: 300 MiB at its peak, 12.5 s of processor time, 2 processes",
            "3 changes did not become visible",
            "rejected 4 times: limit",
            "error, 5 times: reset",
            "100 missing",
            "error while looking at the rows: 503",
            "1 of 2 hosts differ: 6 records lost, 7 unexpected, 8 twice, of 600",
            "not compared: 404",
        ] {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
    }
}
