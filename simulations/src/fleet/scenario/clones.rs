//! Machines that were copied with their keys. Both are one agent to a collector that believes the
//! certificate, and that agent's rows are now the one's and now the other's. Everyone else's have to
//! be right all the same.

use super::{Played, Stage};
use crate::fleet::orders::Span;
use crate::fleet::stats::float;

pub(super) async fn play(stage: &Stage<'_>, played: &mut Played) {
    let began_at = stage.now();
    let until = began_at + stage.seconds();
    stage.change(stage.crew, until);
    let stats = &stage.crew.context.stats;
    // What the fleet lost while it came up is not the clones' doing.
    let before = (stats.sessions_lost.get(), stats.snapshots_asked.get());
    let share = stage.share();
    for agent in &share {
        let copy = stage.crew.copy(agent);
        let from = stage.now();
        // The copy is shared as well, or its set would be compared with rows that are the
        // original's too.
        stage.crew.launch(copy, Span { from, until }).share();
    }
    stage.sleep_until(until).await;
    let minutes = (stage.now() - began_at).as_secs_f64() / 60.0;
    let a_minute = |count: u64| float(count) / minutes / float(share.len().max(1) as u64);
    played.figure("clones", float(share.len() as u64));
    let lost = stats.sessions_lost.get() - before.0;
    played.figure("sessions_lost_per_clone_and_minute", a_minute(lost));
    let asked = stats.snapshots_asked.get() - before.1;
    played.figure("snapshots_asked_per_clone_and_minute", a_minute(asked));
}
