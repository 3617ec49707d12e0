//! Packages of whole releases, asked of the index and of the naive matcher alike.

use std::hint::black_box;

use enrichment::advisory::End;
use enrichment::index::Index;
use enrichment::matching;
use enrichment::subject::{Platform, Subject};
use enrichment::version;

use super::figures::{as_f64, figure, figure_against, rate};
use super::naive;
use super::questions::Owned;

/// Releases of which packages are asked about, with how their packages are packed.
pub(super) const RELEASES: [(&str, &str, &str); 3] =
    [("debian", "12", "deb"), ("ubuntu", "22.04", "deb"), ("rhel", "9", "rpm")];

/// Each package once in the version of its last fix, as on a host that takes its updates, and once in
/// that of its first, which almost all of its advisories are about.
pub(super) fn of_distributions(index: &Index, packages: &naive::Packages) {
    for (id, release, source) in RELEASES {
        for (class, is_last) in [("updated", true), ("behind", false)] {
            let subjects: Vec<Owned> = packages
                .iter()
                .filter(|((its, _), _)| *its == id)
                .filter_map(|((_, name), statements)| {
                    let version = fix(statements, is_last)?;
                    Some(Owned {
                        source,
                        name: name.clone(),
                        version: version.to_owned(),
                        vendor: String::new(),
                        origin: "",
                        platform: Platform { family: "linux", id, version: release },
                    })
                })
                .collect();
            if !subjects.is_empty() {
                of_distribution(index, packages, &format!("{id}_{release}_{class}"), &subjects);
            }
        }
    }
}

/// The last fix of a package, or the first.
fn fix(statements: &[naive::Statement], is_last: bool) -> Option<&str> {
    let fixes = statements.iter().flat_map(|statement| {
        let scheme = statement.affected.scheme;
        let ends = statement.affected.spans.iter().filter_map(|span| span.end.as_ref());
        ends.filter_map(move |end| match end {
            End::Fixed(version) => Some((version::key(scheme, version)?, version.as_str())),
            End::LastAffected(_) => None,
        })
    });
    let order = |a: &(version::SortKey, &str), b: &(version::SortKey, &str)| {
        a.0.as_bytes().cmp(b.0.as_bytes())
    };
    let chosen = if is_last { fixes.max_by(order) } else { fixes.min_by(order) };
    chosen.map(|(_, version)| version)
}

fn of_distribution(index: &Index, packages: &naive::Packages, name: &str, all: &[Owned]) {
    let subjects: Vec<Subject<'_>> = all.iter().map(Owned::package).collect();
    let naive: Vec<naive::Asked<'_>> = all
        .iter()
        .filter_map(|owned| packages.get(&(owned.platform.id, owned.name.clone())))
        .zip(all)
        .map(|(statements, owned)| naive::Asked {
            statements,
            manager: owned.source,
            name: &owned.name,
            version: &owned.version,
            place: format!("{} {}", owned.platform.id, owned.platform.version),
        })
        .collect();
    // The rival first: what it leaves in the caches is of no use to the index.
    let slow = rate(naive.len(), |at| {
        black_box(naive[at].findings());
    });
    let fast = rate(subjects.len(), |at| {
        black_box(matching::evaluate(index, &subjects[at]));
    });
    figure(&format!("naive_evaluations_{name}"), slow, "1/s/core");
    let against = format!("naive_evaluations_{name}");
    figure_against(&format!("cold_evaluations_{name}"), fast, "1/s/core", slow, &against);
    let evaluations = subjects.iter().map(|one| matching::evaluate(index, one));
    let (mut found, mut alike) = (0_u64, 0_u64);
    for (evaluation, asked) in evaluations.zip(&naive) {
        found += evaluation.findings.len() as u64;
        alike += naive::alike(&evaluation.findings, &asked.findings());
    }
    if found > 0 {
        let share = as_f64(alike) / as_f64(found);
        figure(&format!("naive_findings_alike_{name}"), share, "of 1");
    }
    let each = as_f64(found) / as_f64(subjects.len() as u64);
    figure(&format!("findings_{name}"), each, "findings each");
    figure(&format!("findings_written_{name}"), each * fast, "1/s/core");
}
