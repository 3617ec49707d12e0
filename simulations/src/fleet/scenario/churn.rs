//! Hosts come and go: some are switched off for good, some are installed anew and enrol again, and
//! some are new. What one said before it went has to stay, and nothing of it may mix with another.

use super::{Played, Stage};
use crate::fleet::orders::{Order, Span};
use crate::fleet::stats::float;

pub(super) async fn play(stage: &Stage<'_>, played: &mut Played) {
    let began_at = stage.now();
    let until = began_at + stage.seconds();
    stage.change(stage.crew, until);
    let share = stage.share();
    let (mut left, mut reinstalled, mut joined) = (0, 0, 0);
    let pause = stage.seconds() / u32::try_from(share.len()).unwrap_or(u32::MAX).max(1);
    // Above all that there are, so that no new host has the inventory of another.
    let mut number = stage.crew.args.agents;
    for (place, agent) in share.iter().enumerate() {
        let span = Span { from: stage.now(), until };
        // In turn, so that each kind comes as often.
        let recruit = match place % 3 {
            0 => {
                agent.orders.give(Order::Leave);
                left += 1;
                None
            }
            1 => {
                agent.orders.give(Order::Leave);
                reinstalled += 1;
                Some(stage.crew.reinstall(agent).await)
            }
            _ => {
                joined += 1;
                number += 1;
                let recruit = stage.crew.recruit(number - 1).await;
                Some(recruit.ok_or_else(|| anyhow::anyhow!("a new host is not enrolled")))
            }
        };
        match recruit {
            None => {}
            Some(Ok(recruit)) => {
                stage.crew.launch(recruit, span);
            }
            Some(Err(error)) => played.fail(format!("{error:#}")),
        }
        // Behind the launch: one that was enrolled has to report, or it would be missed in the end.
        if stage.interrupted.is_cancelled() {
            break;
        }
        let due = u32::try_from(place + 1).unwrap_or(u32::MAX);
        // From the beginning and not from the one before: enrolment takes its time as well.
        stage.sleep_until((began_at + pause * due).min(until)).await;
    }
    played.figure("left", float(left));
    played.figure("reinstalled", float(reinstalled));
    played.figure("joined", float(joined));
    stage.sleep_until(until).await;
}
