//! `muster-collector migrate`.

use serde_json::json;

use super::database::Database;
use super::output;

/// Arguments of `migrate`.
#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// Spread companies over the servers of a Citus cluster as well; collectors are stopped meanwhile
    #[arg(long)]
    distribute: bool,
}

impl Migrate {
    // Opening the database is what brings it up to date.
    pub(super) async fn run(self, db: Database) -> anyhow::Result<()> {
        if !self.distribute {
            return Ok(());
        }
        let done = db.store.distribute().await?;
        if db.json {
            return output::json(&json!({
                "united": done.united,
                "referenced": done.referenced,
                "distributed": done.distributed,
            }));
        }
        for (what, tables) in [
            ("made one of its partitions", &done.united),
            ("copied to every node", &done.referenced),
            ("distributed by company", &done.distributed),
        ] {
            for table in tables {
                output::line(format!("{table}: {what}"));
            }
        }
        if done.distributed.is_empty() {
            output::line("everything was distributed already");
        }
        Ok(())
    }
}
