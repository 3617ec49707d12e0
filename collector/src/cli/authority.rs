//! `muster-collector authority`.

use serde_json::json;
use store::cluster;

use super::database::Database;
use super::output;
use crate::authority::hex;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Prints the fingerprint of the authority that all nodes of the database share.
    Show,
    /// Forgets which authority the nodes share: the next node to start brings a new one, and every
    /// agent has to be enrolled again.
    Forget,
}

impl Command {
    pub(super) async fn run(self, db: Database) -> anyhow::Result<()> {
        match self {
            Self::Show => {
                let sha256 = cluster::authority(&db.store).await?.map(|sha256| hex(&sha256));
                if db.json {
                    return output::json(&json!({ "sha256": sha256 }));
                }
                output::line(sha256.as_deref().unwrap_or("none yet: the first node makes it"));
                Ok(())
            }
            Self::Forget => {
                // The fingerprint alone. The files of the nodes stay, and each says at its next
                // start what to do.
                let was_there = cluster::forget_authority(&db.store).await?;
                if db.json {
                    return output::json(&json!({ "forgotten": was_there }));
                }
                output::line(if was_there { "forgotten" } else { "there was none" });
                Ok(())
            }
        }
    }
}
