//! The authority that agents trust: is it here, whole, closed to others, and the one that all nodes share?

use time::{Duration, OffsetDateTime};

use super::finding::Finding;
use crate::authority::{Authority, Home};
use crate::config::Config;

/// How long before its end somebody has to plan for a new one.
const PLAN_BEFORE: Duration = Duration::days(90);

/// Looks at the node's authority; `shared` is the one that the database knows.
pub(super) fn look(config: &Config, shared: Option<[u8; 32]>, now: OffsetDateTime) -> Finding {
    let node = &config.node;
    let place = node.authority_dir.clone().unwrap_or_else(|| node.data_dir.join("ca"));
    let place = place.display();
    let home = Home { shared, ..Home::of_node(node) };
    match Authority::look(&home, &config.ingest.trust_domain, now) {
        Ok(None) => Finding::remark("authority", place, "there is none yet").todo(
            "nothing on the first node, whose `serve` makes it; docs/OPERATIONS.md for others",
        ),
        Ok(Some(authority)) => judge(&authority, place, now),
        Err(error) => Finding::problem("authority", place, error.to_string())
            .todo("what the message says: without this authority no agent is let in"),
    }
}

fn judge(authority: &Authority, place: impl std::fmt::Display, now: OffsetDateTime) -> Finding {
    let ends = authority.not_after();
    let days = (ends - now).whole_days();
    if ends - now < PLAN_BEFORE {
        return Finding::remark("authority", place, format!("its certificate ends in {days} days"))
            .todo("plan a new one: every agent trusts it, and none is let in once it has ended");
    }
    let what = format!("whole, closed to others, and good for {days} days");
    Finding::good("authority", place, what)
}
