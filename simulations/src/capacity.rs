//! What a site of any size needs: from measured costs to nodes, connections, bytes, rows, disk and
//! memory, with every assumption said.
//!
//! It is arithmetic and nothing else: costs come from a file that says how each was measured, the
//! load from a description of hosts, and all grows linearly with the number of agents. Whatever was not
//! measured at such a size is called extrapolated, and it must never be called otherwise.

mod costs;
mod load;
mod plan;
mod table;

use std::io::Write;

use serde::Serialize;

pub use self::costs::{Cost, Costs};
pub use self::load::{Held, Load};
pub use self::plan::{Basis, Figure, Plan};
use crate::cli::CapacityArgs;

/// Everything that is told.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    costs: &'a Costs,
    load: &'a Load,
    plans: &'a [Plan],
}

/// Prints what sites of the wanted sizes need.
///
/// # Errors
///
/// When the costs cannot be read, or nothing can be written.
pub fn run(args: &CapacityArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let costs = match &args.costs {
        Some(path) => Costs::read(path)?,
        None => Costs::built_in()?,
    };
    let load = Load::from(args);
    // Each size on its own, also where figures would be multiples: nodes are whole, and what is
    // known differs.
    let plans: Vec<_> =
        args.agents.iter().map(|agents| Plan::new(&costs, &load, *agents)).collect();
    if args.json {
        let answer = Answer { costs: &costs, load: &load, plans: &plans };
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
    } else {
        table::write(out, &costs, &load, &plans)?;
    }
    Ok(())
}
