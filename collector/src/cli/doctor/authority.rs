//! The authority that agents trust: is it here, whole, closed to others, and the one that all nodes share?

use store::cluster::{self, Authorities};
use store::database::Store;
use store::{agents, fleet};
use time::{Duration, OffsetDateTime};

use super::finding::Finding;
use crate::authority::{Authority, Home, hex};
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

/// How far another authority is in the place of the one before; nothing where none ever was.
pub(super) async fn rotation(
    store: &Store,
    config: &Config,
    now: OffsetDateTime,
) -> Option<Finding> {
    // A database that cannot be asked has a finding of its own.
    let noted = cluster::authorities(store).await.ok().flatten()?;
    let home = |sha256: [u8; 32]| Home { shared: Some(sha256), ..Home::of_node(&config.node) };
    let is_here = |sha256: [u8; 32]| {
        let certificate = home(sha256).certificate_of_shared();
        crate::authority::fingerprint_of(&certificate).ok() == Some(sha256)
    };
    let directory = |sha256| home(sha256).directory_of_shared();
    if let Some(next) = noted.next {
        let place = directory(next);
        let what = format!("{} is prepared", hex(&next));
        return Some(match is_here(next) {
            true => Finding::remark("authority", place.display(), what)
                .todo("once every node has it: `muster-collector authority rotate activate`"),
            false => {
                Finding::problem("authority", place.display(), what + ", and not on this node")
                    .todo("copy its folder here from where it was prepared")
            }
        });
    }
    let previous = noted.previous?;
    let (place, name) = (directory(previous), hex(&previous));
    if noted.retired_at.is_none() {
        let left = left(store, &noted, now).await?;
        let what = format!("{left} agents have not come over from {name}");
        return Some(Finding::remark("authority", place.display(), what).todo(
            "when none is left: `muster-collector authority rotate retire`; agents of before are upgraded first",
        ));
    }
    let has_key = is_here(previous) && home(previous).key_of_shared().exists();
    has_key.then(|| {
        Finding::remark("authority", place.display(), format!("the key of {name} is still there"))
            .todo("delete its ca.key: it was retired, and nothing needs it")
    })
}

/// Agents of all companies that have not come over.
async fn left(store: &Store, noted: &Authorities, now: OffsetDateTime) -> Option<u64> {
    let operator = store.local_operator();
    let mut left = 0;
    for company in fleet::all_companies(&operator).await.ok()? {
        if let Some(scope) = operator.scope(company).await.ok()? {
            left += agents::by_authority(&scope, noted.active, now).await.ok()?.1;
        }
    }
    Some(left)
}
