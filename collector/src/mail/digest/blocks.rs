//! What a digest tells, block by block: a heading, a line, and the first of what there is.

use store::digests::{News, Section};

use super::{Content, counted, instant};

/// A block of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// What it is about.
    pub(super) title: &'static str,
    /// How it stands, in a line.
    pub(super) line: String,
    /// The first of what there is.
    pub(super) rows: Vec<Row>,
    /// The page of the console that has all of it.
    pub(super) link: String,
}

/// Something that is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What.
    pub(super) what: String,
    /// More of it.
    pub(super) more: String,
    /// Its page of the console.
    pub(super) link: String,
}

/// The blocks of a digest, in their order.
pub(super) fn of(content: &Content<'_>) -> Vec<Block> {
    let mut sections = content.sections.to_vec();
    sections.sort_unstable();
    sections.dedup();
    sections.into_iter().map(|section| block(content, section)).collect()
}

fn block(content: &Content<'_>, section: Section) -> Block {
    match section {
        Section::Findings => findings(content),
        Section::Exploited => exploited(content),
        Section::Exceptions => exceptions(content),
        Section::Silent => silent(content),
        Section::Policies => policies(content),
        Section::Agents => agents(content),
    }
}

fn findings(content: &Content<'_>) -> Block {
    let News { opened, worst, .. } = content.news;
    let mut line = counted(opened.all, "new finding");
    let severities = [
        ("critical", opened.critical),
        ("high", opened.high),
        ("medium", opened.medium),
        ("low", opened.low),
    ];
    let some: Vec<String> = severities
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(name, number)| format!("{number} {name}"))
        .collect();
    if !some.is_empty() {
        line = format!("{line}: {}", some.join(", "));
    }
    let rows = worst.iter().map(|cve| {
        let exploited = if cve.is_kev { ", known to be exploited" } else { "" };
        let severity = if cve.severity.is_empty() { "not scored" } else { &cve.severity };
        let hosts = counted(cve.hosts, "host");
        Row {
            what: cve.id.clone(),
            more: format!("{severity}{exploited}, {} on {hosts}", cve.software),
            link: content.page(&format!("/cves/{}", cve.id)),
        }
    });
    Block { title: "New findings", line, rows: rows.collect(), link: content.page("/findings") }
}

fn exploited(content: &Content<'_>) -> Block {
    let new = content.news.opened.kev;
    let line = if content.standing.exploited.is_empty() {
        "No host has a CVE that is known to be exploited.".to_owned()
    } else {
        format!("{} came; on hosts now, the newest first:", counted(new, "new finding"))
    };
    let rows = content.standing.exploited.iter().map(|(cve, hosts)| Row {
        what: cve.clone(),
        more: format!("on {}", counted(*hosts, "host")),
        link: content.page(&format!("/cves/{cve}")),
    });
    let link = content.page("/cves?kev=true");
    Block { title: "Known to be exploited", line, rows: rows.collect(), link }
}

fn exceptions(content: &Content<'_>) -> Block {
    let (all, new) = content.news.expiring_count;
    let line = format!("{} within seven days, {new} of them new here", ends(all));
    let rows = content.news.expiring.iter().map(|exception| Row {
        what: exception.about.clone(),
        more: format!("until {}", instant(exception.expires_at)),
        link: content.page("/exceptions"),
    });
    let link = content.page("/exceptions");
    Block { title: "Exceptions that are about to end", line, rows: rows.collect(), link }
}

fn ends(number: u64) -> String {
    let verb = if number == 1 { "ends" } else { "end" };
    format!("{} {verb}", counted(number, "exception"))
}

fn silent(content: &Content<'_>) -> Block {
    let line = format!("{} went silent", counted(content.news.silent_count, "host"));
    let rows = content.news.silent.iter().map(|host| Row {
        what: host.hostname.clone(),
        more: format!("heard last {}", instant(host.heard_at)),
        link: content.page(&format!("/hosts/{}", host.id)),
    });
    Block { title: "Silent hosts", line, rows: rows.collect(), link: content.page("/hosts") }
}

fn policies(content: &Content<'_>) -> Block {
    let policies = &content.news.policies;
    let line = if policies.is_empty() {
        "Every policy holds wherever it is known.".to_owned()
    } else {
        "Policies that hosts fail:".to_owned()
    };
    let rows = policies.iter().map(|policy| Row {
        what: policy.name.clone(),
        more: format!("{}, {} of them new", counted(policy.hosts, "host"), policy.newly),
        link: content.page(&format!("/policies/{}", policy.id)),
    });
    Block { title: "Policies", line, rows: rows.collect(), link: content.page("/policies") }
}

fn agents(content: &Content<'_>) -> Block {
    let standing = content.standing;
    let number = counted(standing.behind_count, "host");
    let line = format!("{number} with an agent of an earlier release than the collector's");
    let rows = standing.behind.iter().map(|(id, hostname)| Row {
        what: hostname.clone(),
        more: String::new(),
        link: content.page(&format!("/hosts/{id}")),
    });
    Block { title: "Agents behind", line, rows: rows.collect(), link: content.page("/deploy") }
}
