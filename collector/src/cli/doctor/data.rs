//! The match index: is it there, can it be opened, how old is it?

use enrichment::index::Index;
use time::{Duration, OffsetDateTime};

use super::finding::Finding;
use crate::config::{Config, Role};

/// From which age on an index says too little of the present.
const OLD: Duration = Duration::days(7);

/// Looks at the index of a node that judges software.
pub(super) fn index(config: &Config, now: OffsetDateTime) -> Option<Finding> {
    let roles = config.node.roles;
    if !roles.has(Role::Ingest) && !roles.has(Role::Jobs) {
        return None;
    }
    let path = &config.enrichment.index;
    let place = path.display();
    if matches!(path.try_exists(), Ok(false)) {
        return Some(
            Finding::remark("index", place, "there is none: inventories are stored and not judged")
                .todo("`muster-collector feed sync`, or `feed import` of what you bring"),
        );
    }
    Some(match Index::open(path) {
        Ok(index) => judge(&index, place, now),
        Err(error) => Finding::problem("index", place, error.to_string())
            .todo("build it anew: `muster-collector feed sync`, or `feed import` of any feed"),
    })
}

fn judge(index: &Index, place: impl std::fmt::Display, now: OffsetDateTime) -> Finding {
    let stats = index.stats();
    let what = format!("{} CVEs, {} advisories", stats.cves, stats.advisories);
    let made_at = index.made_at().and_then(|at| {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok()
    });
    let Some(age) = made_at.map(|at| now - at) else {
        return Finding::good("index", place, what);
    };
    let what = format!("{what}, {} hours old", age.whole_hours());
    if age > OLD {
        return Finding::remark("index", place, what)
            .todo("see whether feeds come: `muster-collector feed status`");
    }
    Finding::good("index", place, what)
}
