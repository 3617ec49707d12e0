//! `muster-collector match`, `cpe-match` and `version-compare`: JSON Lines in and out, so that
//! anyone can measure matching against any table. No database, no configuration.

use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use enrichment::index::Index;
use enrichment::lines;

/// Arguments of `match`.
#[derive(Debug, clap::Args)]
pub(super) struct Match {
    /// The index to match with, from `feed build`
    #[arg(long, value_name = "FILE")]
    index: PathBuf,
    /// Say for each line why it does not have this CVE
    #[arg(long, value_name = "CVE")]
    why_not: Option<String>,
}

impl Match {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let index = Index::open(&self.index)?;
        answer(&mut |line| lines::match_line(&index, line, self.why_not.as_deref()))
    }
}

pub(super) fn cpe_match() -> anyhow::Result<()> {
    answer(&mut lines::cpe_match_line)
}

pub(super) fn version_compare() -> anyhow::Result<()> {
    answer(&mut lines::version_compare_line)
}

fn answer(one: &mut dyn FnMut(&str) -> String) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let outcome =
        lines::answer_all(&mut io::stdin().lock(), &mut output, one).and_then(|()| output.flush());
    match outcome {
        // Whoever reads has had enough, as in `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("answer standard input"),
    }
}
