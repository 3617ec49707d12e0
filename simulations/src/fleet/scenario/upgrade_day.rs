//! Every host gets the same new version of the same package within minutes: the store is told one
//! thing by everyone, and the rows of all of them have to be right soon after the last one said so.

use super::{Played, Stage};
use crate::fleet::catalogue::Pool;
use crate::fleet::orders::Order;
use crate::fleet::stats::float;

/// The number in the new version: above what hosts that change by themselves come to.
const VERSION: u64 = 1 << 62;

pub(super) async fn play(stage: &Stage<'_>, played: &mut Played) {
    let began_at = stage.now();
    let stats = &stage.crew.context.stats;
    let Some(package) = stage.crew.context.stock.pool(Pool::Debian).first() else {
        return played.fail("there is no package to upgrade");
    };
    let agents = stage.crew.agents();
    // Another version in each run, or hosts of an earlier one would have it.
    let epoch = agents.first().map_or(0, |agent| agent.identity.epoch.0);
    let order = Order::Upgrade { package: *package, number: VERSION + u64::from(epoch) };
    // No host changes by itself in this scenario: all that is counted from here on is the order.
    let before = stats.changes.get();
    stage.spread(stage.seconds(), &agents, |agent| agent.orders.give(order)).await;
    let last_at = stage.now();
    let until = last_at + stage.patience();
    // An order is obeyed when its agent comes to it, which a busy fleet does later.
    let mut upgraded = stats.changes.get() - before;
    while upgraded < agents.len() as u64 && stage.now() < until && !stage.interrupted.is_cancelled()
    {
        tokio::time::sleep(crate::fleet::crew::LOOK_EVERY).await;
        upgraded = stats.changes.get() - before;
    }
    let open = stage.crew.settle(until, stage.interrupted).await;
    played.figure("upgraded", float(upgraded));
    let since = |at: tokio::time::Instant| (stage.now() - at).as_secs_f64();
    played.figure("acknowledged_after_the_last_seconds", since(last_at));
    if let Some(looker) = stage.looker {
        let contexts = stage.contexts();
        let committed = looker.wait(&contexts, (until, stage.interrupted));
        let missing = committed.await.missing;
        played.figure("in_rows_after_the_last_seconds", since(last_at));
        played.figure("in_rows_after_the_first_seconds", since(began_at));
        if missing > 0 {
            played.fail(format!("{missing} records are not in rows"));
        }
    }
    if upgraded < agents.len() as u64 || open > 0 {
        played.fail(format!(
            "{upgraded} of {} hosts were upgraded, {open} reports are open",
            agents.len()
        ));
    }
}
