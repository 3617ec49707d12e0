//! What is passed over for speed would not have been found.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::advisory::{Advisory, Affected, End, PackageKind, Place, Publisher, Span};
use crate::cve::Timestamp;
use crate::index::Builder;
use crate::matching::advisories::names::Names;
use crate::matching::advisories::question::{self, Asked};
use crate::subject::{Platform, Subject};
use crate::version::Scheme;

/// Builds of the release, of two modules by two builders, and of a line of updates beside it.
const VERSIONS: [&str; 8] = [
    "0:1.0-1.el8",
    "0:1.0-2.el8",
    "0:2.0-1.el8_4",
    "1:1.0-1.el8",
    "0:1.0-1.module+el8.1.0+1+aaaa",
    "0:2.0-1.module+el8.1.0+2+bbbb",
    "0:2.0-2.module_el8.1.0+3+cccc",
    "0:2.1-1.module+el8.1.0+4+dddd",
];

/// Words for one statement: of which advisory, verdict, end, stream, line.
type Words = (u8, u8, (u8, usize), u8, bool);

fn advisory((number, verdict, (end, version), stream, is_line): Words) -> Advisory {
    let version = VERSIONS[version].to_owned();
    let affected = Affected {
        place: Place::Distribution {
            id: "rhel".to_owned(),
            release: "8".to_owned(),
            channel: if is_line { "eus" } else { "" }.to_owned(),
        },
        package: "p".to_owned(),
        kind: PackageKind::Binary,
        module: ["", "m:1", "m:2", "m:rhel"][usize::from(stream)].to_owned(),
        verdict: match verdict {
            0 => Verdict::NotAffected,
            1 => Verdict::WontFix,
            2 => Verdict::UnderInvestigation,
            _ => Verdict::Affected,
        },
        spans: match end {
            0 => Vec::new(),
            1 => vec![Span::default()],
            2 => vec![Span { introduced: Some(version), end: None }],
            _ => vec![Span { introduced: None, end: Some(End::Fixed(version)) }],
        },
        versions: Vec::new(),
        scheme: Scheme::Rpm,
        note: String::new(),
    };
    // One in three is the record of one CVE, one a bulletin of two, and one has none.
    let cve = |number: u8| format!("CVE-2024-000{number}");
    let (id, cves) = match number % 3 {
        0 => (format!("RH-{}", cve(number)), vec![cve(number)]),
        1 => (format!("RHSA-{number}"), vec![cve(number - 1), cve(number)]),
        _ => (format!("RHBA-{number}"), Vec::new()),
    };
    Advisory {
        id,
        publisher: Publisher::RedHat,
        cves: cves.iter().map(|cve| cve.parse().unwrap()).collect(),
        modified: Some(Timestamp(i64::from(verdict))),
        is_withdrawn: false,
        severity: String::new(),
        affected: vec![affected],
    }
}

/// What is found when every statement is looked at from all sides.
fn without_passing_over(index: &Index, package: &Named<'_>) -> Vec<String> {
    let judged = judge::statements(index, package);
    let of = |judged: &Judged<'_>| subjects(index, judged.statement.advisory);
    let all: BTreeSet<About> = judged.iter().flat_map(of).collect();
    all.into_iter()
        .filter_map(|about| {
            let own = judged.iter().filter(|judged| of(judged).any(|its| its == about));
            let own: Vec<&Judged<'_>> = own.collect();
            match decide(index, about, &own) {
                Decision::Found(found) => Some(format!("{found:?}")),
                Decision::NotAffected(_) | Decision::Nothing => None,
            }
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_passed_over_would_not_have_been_found(
        all in proptest::collection::vec(
            (0..9_u8, 0..5_u8, (0..6_u8, 0..VERSIONS.len()), 0..4_u8, any::<bool>()),
            1..12,
        ),
        installed in 0..VERSIONS.len(),
        is_bare in any::<bool>(),
    ) {
        let mut builder = Builder::new();
        for words in all {
            builder.add_advisory(&advisory(words)).unwrap();
        }
        let index = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
        let (epoch, version) = VERSIONS[installed].split_once(':').unwrap();
        let subject = Subject {
            source: "rpm",
            name: "p",
            version,
            epoch: epoch.parse().ok().filter(|_| !is_bare),
            vendor: if is_bare { "" } else { "Red Hat, Inc." },
            platform: Platform {
                family: "linux",
                id: "rhel",
                version: "8.4",
            },
            ..Subject::default()
        };
        let Some(Asked::Question(question)) = question::ask(&index, &subject, &Names::of(&subject))
        else {
            return Err(TestCaseError::fail("it is a package of Red Hat's"));
        };
        for package in &question.packages {
            let mut found = Vec::new();
            affected(&index, package, |one| found.push(format!("{one:?}")));
            prop_assert_eq!(found, without_passing_over(&index, package));
        }
    }
}
