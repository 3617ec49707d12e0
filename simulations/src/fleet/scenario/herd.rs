//! All agents come back at once, after the collector or the network was away.

use std::sync::Arc;

use tokio::process::Command;
use tokio::time::sleep;

use super::{Played, Stage};
use crate::fleet::agent::Agent;
use crate::fleet::crew::LOOK_EVERY;
use crate::fleet::orders::Order;
use crate::fleet::stats::float;

/// What is told of how they come back: after how long this many in a hundred were there.
const SHARES: [(usize, &str); 4] = [
    (50, "back_50_percent_seconds"),
    (90, "back_90_percent_seconds"),
    (99, "back_99_percent_seconds"),
    (100, "back_all_seconds"),
];

pub(super) async fn play(stage: &Stage<'_>, played: &mut Played) {
    let began_at = stage.now();
    stage.change(stage.crew, began_at + stage.seconds());
    // In the middle, so that hosts change before and after it.
    stage.sleep_until(began_at + stage.seconds() / 2).await;
    let agents = stage.crew.agents();
    let lost_before = stage.crew.context.stats.sessions_lost.get();
    let away_at = stage.now();
    if let Some(command) = &stage.crew.args.restart_command {
        if let Err(error) = restart(command).await {
            played.fail(format!("{error:#}"));
            return;
        }
        played.figure("restart_seconds", (stage.now() - away_at).as_secs_f64());
    }
    // Behind the restart: who came back during it is cut off now, and has to come back once more.
    let before: Vec<_> = agents.iter().map(|agent| agent.welcomes.get()).collect();
    // With a collector that was restarted as well: those that rest would not notice.
    agents.iter().for_each(|agent| agent.orders.give(Order::Cut));
    let back_at = stage.now();
    let mut away: Vec<(&Arc<Agent>, u64)> = agents.iter().zip(before).collect();
    // In growing order: a share is told once, as soon as it is reached.
    let mut shares = SHARES.iter().peekable();
    let until = back_at + stage.seconds() + stage.patience();
    loop {
        away.retain(|(agent, before)| agent.welcomes.get() <= *before);
        let now = stage.now();
        let back = agents.len() - away.len();
        // Several at once, in a small fleet.
        while let Some((_, name)) = shares.next_if(|(share, _)| back * 100 >= agents.len() * share)
        {
            played.figure(name, (now - back_at).as_secs_f64());
        }
        if away.is_empty() || now >= until || stage.interrupted.is_cancelled() {
            break;
        }
        sleep(LOOK_EVERY).await;
    }
    if !away.is_empty() {
        played.fail(format!("{} agents did not come back", away.len()));
    }
    let lost = stage.crew.context.stats.sessions_lost.get() - lost_before;
    played.figure("tries_in_vain", float(lost));
    stage.sleep_until(began_at + stage.seconds()).await;
}

async fn restart(command: &str) -> anyhow::Result<()> {
    let status = Command::new("sh").arg("-c").arg(command).status().await?;
    anyhow::ensure!(status.success(), "the restart command ended with {status}");
    Ok(())
}
