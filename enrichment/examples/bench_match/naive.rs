//! The rival: a matcher as one would write it first. It keeps what feeds say as parsed, passes over
//! everything that is said of a package or a product, and writes what it finds with its reasons.
//!
//! It decides as the index's matcher does where that takes no more than looking: a denial and the
//! record of the very CVE before bulletins, a fix on a line of updates, what a package holds of a
//! kernel. It knows no modules, no withdrawn CVEs and no releases without records. It must never be made slow: it is what the figures are held against.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use enrichment::advisory::{
    Advisory, Affected, DENIED, End, NOT_AFFECTED_FROM, Place, Span, UNIMPORTANT, Verdict,
};
use enrichment::cpe::{Attribute, Cpe};
use enrichment::cve::CveRecord;
use enrichment::evaluation::{self, Confidence, Finding, Why};
use enrichment::feeds::{FeedSink, SinkError};
use enrichment::version::{self, Scheme};
use kernels::{Package, Part};
use smol_str::{SmolStr, format_smolstr};

use super::distributions::RELEASES;
use super::products::{Row, product};

/// What is said of a package: by distribution and name.
pub(super) type Packages = BTreeMap<(&'static str, String), Vec<Statement>>;

/// What one advisory says of one package.
pub(super) struct Statement {
    id: String,
    publisher: &'static str,
    severity: String,
    cves: Vec<String>,
    channel: String,
    pub(super) affected: Affected,
}

/// Rows of products and of packages as anyone would parse them.
#[derive(Default)]
pub(super) struct Naive {
    pub(super) products: HashMap<String, Vec<Row>>,
    pub(super) packages: Packages,
}

impl FeedSink for Naive {
    fn cve(&mut self, record: CveRecord) -> Result<(), SinkError> {
        let nodes = record.configurations.iter().flat_map(|all| &all.nodes);
        for cpe in nodes.flat_map(|node| &node.matches) {
            let Ok(name) = Cpe::parse(&cpe.criteria) else {
                continue;
            };
            if cpe.vulnerable {
                let row = Row {
                    cve: record.id.to_string(),
                    criteria: cpe.criteria.clone(),
                    version: name.get(Attribute::Version).as_value().map(str::to_owned),
                    range: cpe.range.clone(),
                };
                self.products.entry(product(&name)).or_default().push(row);
            }
        }
        Ok(())
    }

    fn advisory(&mut self, advisory: Advisory) -> Result<(), SinkError> {
        // One without any stands for itself.
        let mut cves: Vec<String> = advisory.cves.iter().map(ToString::to_string).collect();
        if cves.is_empty() {
            cves.push(advisory.id.clone());
        }
        for affected in &advisory.affected {
            let Place::Distribution { id, release, channel } = &affected.place else {
                continue;
            };
            let asked = RELEASES.iter().find(|(its, of, _)| its == id && of == release);
            if let Some((id, ..)) = asked {
                let key = (*id, affected.package.clone());
                self.packages.entry(key).or_default().push(Statement {
                    id: advisory.id.clone(),
                    publisher: advisory.publisher.as_str(),
                    severity: advisory.severity.clone(),
                    cves: cves.clone(),
                    channel: channel.clone(),
                    affected: affected.clone(),
                });
            }
        }
        Ok(())
    }
}

/// An installed package and all that is said of it.
pub(super) struct Asked<'a> {
    pub(super) statements: &'a [Statement],
    pub(super) manager: &'a str,
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) place: String,
}

/// How a statement stands to the installed version.
enum Outcome<'a> {
    Within(Option<&'a Span>),
    Fixed,
    Outside,
}

/// A statement about a CVE with how it stands.
type Said<'a> = (&'a Statement, Outcome<'a>);

impl<'a> Asked<'a> {
    /// What is found, in the order of ids.
    pub(super) fn findings(&self) -> Vec<Finding> {
        if self.part() == Part::Beside {
            return Vec::new();
        }
        let mut open: BTreeMap<&str, Vec<Said<'a>>> = BTreeMap::new();
        for statement in self.statements.iter().filter(|one| !one.is_denial()) {
            if matches!(self.outcome(statement), Outcome::Within(_)) {
                open.extend(statement.cves.iter().map(|cve| (cve.as_str(), Vec::new())));
            }
        }
        // The shortest way out that there is without an index: what the figures of updated packages
        // are held against.
        if open.is_empty() {
            return Vec::new();
        }
        for statement in self.statements {
            for cve in &statement.cves {
                if let Some(said) = open.get_mut(cve.as_str()) {
                    said.push((statement, self.outcome(statement)));
                }
            }
        }
        open.into_iter().filter_map(|(cve, said)| self.decide(cve, &said)).collect()
    }

    fn part(&self) -> Part {
        // Only debs tell of what they were built.
        let source_name = if self.manager == "deb" { self.name } else { "" };
        let Self { manager, name, version, .. } = *self;
        Package { manager, name, version, release: "", source_name }.part()
    }

    fn decide(&self, cve: &str, said: &[Said<'a>]) -> Option<Finding> {
        let (base, lines): (Vec<_>, Vec<_>) =
            said.iter().partition(|(one, _)| one.channel.is_empty());
        let (base, lines) = (records_of(cve, base), records_of(cve, lines));
        let is_within = |(_, outcome): &&&Said<'_>| matches!(outcome, Outcome::Within(_));
        let is_fixed = |(_, outcome): &&Said<'_>| matches!(outcome, Outcome::Fixed);
        let denying = if base.is_empty() { &lines } else { &base };
        if denying.iter().filter(is_within).any(|(one, _)| one.is_denial())
            || lines.iter().any(is_fixed)
        {
            return None;
        }
        let worst = |from: &[&'_ Said<'a>]| {
            let hits = from.iter().filter(|one| is_within(one));
            let order = |a: &&Said<'_>, b: &&Said<'_>| a.0.verdict().cmp(&b.0.verdict());
            let last = hits.copied().max_by(|a, b| order(a, b).then_with(|| last_fix(a, b)))?;
            let (Outcome::Within(span), statement) = (&last.1, last.0) else {
                return None;
            };
            Some((statement, *span))
        };
        let (cited, span) = match worst(&base) {
            Some(found) => found,
            None if base.is_empty() => worst(&lines)?,
            None => return None,
        };
        let elsewhere = worst(&lines).filter(|_| fix_of(span).is_none());
        let is_disputed = base.iter().any(is_fixed);
        let fixed_in = match (fix_of(span), elsewhere) {
            (Some(fix), _) if cited.channel.is_empty() => Some(fix.into()),
            (Some(fix), _) => Some(format_smolstr!("{fix} ({})", cited.channel)),
            (None, Some((line, span))) => {
                fix_of(span).map(|fix| format_smolstr!("{fix} ({})", line.channel))
            }
            (None, None) => None,
        };
        Some(self.finding(cve, (cited, span), fixed_in, is_disputed))
    }

    fn finding(
        &self,
        cve: &str,
        (cited, span): (&Statement, Option<&Span>),
        fixed_in: Option<SmolStr>,
        is_disputed: bool,
    ) -> Finding {
        let affected = &cited.affected;
        let is_unimportant = affected.note == UNIMPORTANT;
        let mut notes: Vec<SmolStr> = Vec::new();
        if affected.verdict == Verdict::UnderInvestigation {
            notes.push("the publisher has not said yet whether it is affected".into());
        }
        if self.part() == Part::Image {
            notes.push("whether this installed kernel is the one that runs is not known".into());
        }
        if is_disputed {
            notes.push("an earlier advisory calls this version repaired".into());
        }
        if is_unimportant {
            notes.push("the publisher does not treat it as a vulnerability".into());
        }
        if affected.note == NOT_AFFECTED_FROM {
            notes
                .push("the publisher names the version that is not affected, and no repair".into());
        }
        Finding {
            cve: cve.into(),
            source: cited.publisher.into(),
            confidence: match (is_unimportant, notes.is_empty()) {
                (true, _) => Confidence::Low,
                (false, true) => Confidence::High,
                (false, false) => Confidence::Medium,
            },
            fixed_in,
            why: Why {
                criteria: format_smolstr!("{}: {}", self.place, self.name),
                range: span.and_then(range),
                version: self.version.into(),
                scheme: affected.scheme.as_str().into(),
                rule: "".into(),
                conditions: Vec::new(),
                notes,
                advisory: Some(Box::new(evaluation::Statement {
                    id: cited.id.as_str().into(),
                    publisher: cited.publisher.into(),
                    place: self.place.as_str().into(),
                    package: self.name.into(),
                    package_kind: "source".into(),
                    verdict: "affected".into(),
                    module: affected.module.as_str().into(),
                    channel: cited.channel.as_str().into(),
                    severity: cited.severity.as_str().into(),
                    note: affected.note.as_str().into(),
                })),
            },
        }
    }

    fn outcome(&self, statement: &'a Statement) -> Outcome<'a> {
        let Affected { spans, scheme, .. } = &statement.affected;
        if spans.is_empty() {
            return Outcome::Within(None);
        }
        let mut outcome = Outcome::Outside;
        for span in spans {
            match covers(span, *scheme, self.version) {
                Outcome::Within(_) => return Outcome::Within(Some(span)),
                Outcome::Fixed => outcome = Outcome::Fixed,
                Outcome::Outside => {}
            }
        }
        outcome
    }
}

impl Statement {
    fn is_denial(&self) -> bool {
        self.affected.verdict == Verdict::NotAffected || self.affected.note == DENIED
    }

    const fn verdict(&self) -> u8 {
        match self.affected.verdict {
            Verdict::Affected => 2,
            Verdict::WontFix => 1,
            Verdict::UnderInvestigation | Verdict::NotAffected => 0,
        }
    }
}

/// The records of the very CVE, where there are some.
fn records_of<'s, 'a>(cve: &str, said: Vec<&'s Said<'a>>) -> Vec<&'s Said<'a>> {
    if said.iter().any(|(one, _)| one.id.ends_with(cve)) {
        said.into_iter().filter(|(one, _)| one.id.ends_with(cve)).collect()
    } else {
        said
    }
}

fn fix_of(span: Option<&Span>) -> Option<&str> {
    match &span?.end {
        Some(End::Fixed(fix)) => Some(fix),
        Some(End::LastAffected(_)) | None => None,
    }
}

fn last_fix((a, of_a): &Said<'_>, (_, of_b): &Said<'_>) -> Ordering {
    let fix = |outcome: &Outcome<'_>| match outcome {
        Outcome::Within(span) => fix_of(*span).map(str::to_owned),
        Outcome::Fixed | Outcome::Outside => None,
    };
    match (fix(of_a), fix(of_b)) {
        (Some(a_fix), Some(b_fix)) => {
            version::compare(a.affected.scheme, &a_fix, &b_fix).unwrap_or(Ordering::Equal)
        }
        (a_fix, b_fix) => a_fix.is_some().cmp(&b_fix.is_some()),
    }
}

fn covers(span: &Span, scheme: Scheme, installed: &str) -> Outcome<'static> {
    let order = |bound: &str| version::compare(scheme, installed, bound).ok();
    let begins = match span.introduced.as_deref() {
        None | Some("" | "0") => true,
        Some(version) => order(version).is_some_and(Ordering::is_ge),
    };
    let is_before_end = match &span.end {
        _ if !begins => false,
        None => true,
        Some(End::Fixed(version)) => match order(version) {
            Some(order) if order.is_ge() => return Outcome::Fixed,
            order => order.is_some(),
        },
        Some(End::LastAffected(version)) => order(version).is_some_and(Ordering::is_le),
    };
    if is_before_end { Outcome::Within(None) } else { Outcome::Outside }
}

fn range(span: &Span) -> Option<SmolStr> {
    let from = span.introduced.as_deref();
    let from = from.filter(|from| !matches!(*from, "" | "0"));
    let (sign, end) = match &span.end {
        Some(End::Fixed(fix)) => ("< ", fix.as_str()),
        Some(End::LastAffected(last)) => ("<= ", last.as_str()),
        None => ("", ""),
    };
    match (from, end) {
        (None, "") => None,
        (None, _) => Some(format_smolstr!("{sign}{end}")),
        (Some(from), "") => Some(format_smolstr!(">= {from}")),
        (Some(from), _) => Some(format_smolstr!(">= {from}, {sign}{end}")),
    }
}

/// How many findings say the same of the same CVE: confidence, fix, range and advisory.
pub(super) fn alike(findings: &[Finding], others: &[Finding]) -> u64 {
    let others: HashMap<&str, &Finding> =
        others.iter().map(|finding| (finding.cve.as_str(), finding)).collect();
    let is_alike = |finding: &&Finding| {
        let id = |one: &Finding| one.why.advisory.as_ref().map(|statement| statement.id.clone());
        others.get(finding.cve.as_str()).is_some_and(|other| {
            other.confidence == finding.confidence
                && other.fixed_in == finding.fixed_in
                && other.why.range == finding.why.range
                && id(other) == id(finding)
        })
    };
    findings.iter().filter(is_alike).count() as u64
}
