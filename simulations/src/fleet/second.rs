//! The agents beside the fleet, in scenarios that compare two kinds: a small company, or hosts with
//! slow lines. They have figures of their own.

use anyhow::Context as _;
use protocol::token::EnrolmentToken;

use super::crew::Crew;
use super::link::Line;
use crate::api::Api;
use crate::cli::{FleetArgs, Scenario};

/// The arguments of the fleet itself: without those beside it.
pub(super) fn first(args: &FleetArgs) -> FleetArgs {
    FleetArgs { agents: args.agents - slow(args), ..args.clone() }
}

/// Those beside the fleet; `None` in scenarios without.
pub(super) async fn open(
    args: &FleetArgs,
    tokens: &[EnrolmentToken],
    api: Option<&Api>,
) -> anyhow::Result<Option<Crew>> {
    // A folder of their own, for their numbers begin at zero as well.
    let beside = FleetArgs {
        state: args.state.as_ref().map(|folder| folder.join("second")),
        // Other hosts than the fleet's, whose numbers are the same.
        seed: args.seed ^ (1 << 63),
        ..args.clone()
    };
    match args.scenario {
        Scenario::NoisyNeighbour => {
            let path = args.neighbour_token_file.as_deref();
            let path = path.context("noisy-neighbour needs --neighbour-token-file")?;
            let args = FleetArgs {
                agents: args.neighbour_agents,
                // Whatever the fleet does: a small company that hardly changed would have no
                // percentiles.
                change_every_s: 1,
                speed: 1,
                ..beside
            };
            let token = super::read_token(path)?;
            Crew::open(args, vec![token], api).await.map(Some)
        }
        Scenario::SlowLink => {
            let args = FleetArgs { agents: slow(args), ..beside };
            let line = Line {
                // A kilobit of a line is 1,000 bits.
                bytes_per_second: u64::from(args.link_kbit_s) * 1_000 / 8,
                loss_percent: args.link_loss_percent,
            };
            let crew = Crew::open(args, tokens.to_vec(), api).await?;
            crew.slow_down(line).await?;
            Ok(Some(crew))
        }
        Scenario::Steady
        | Scenario::Herd
        | Scenario::Churn
        | Scenario::UpgradeDay
        | Scenario::Clone => Ok(None),
    }
}

/// How many of the fleet have a slow line.
fn slow(args: &FleetArgs) -> u32 {
    match args.scenario {
        // At least one of each kind, or nothing would be compared.
        Scenario::SlowLink => {
            (args.agents * args.share_percent / 100).max(1).min(args.agents.saturating_sub(1))
        }
        Scenario::Steady
        | Scenario::Herd
        | Scenario::Churn
        | Scenario::UpgradeDay
        | Scenario::Clone
        | Scenario::NoisyNeighbour => 0,
    }
}

#[cfg(test)]
mod tests;
