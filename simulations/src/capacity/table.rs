//! Plans as a table for people.

use std::io::{self, Write};

use super::costs::Costs;
use super::load::Load;
use super::plan::{Basis, Plan};

/// Prints plans beside each other, with what they rest on.
pub(super) fn write(
    out: &mut impl Write,
    costs: &Costs,
    load: &Load,
    plans: &[Plan],
) -> io::Result<()> {
    write!(out, "{:<34}", "agents")?;
    for plan in plans {
        write!(out, "{:>18}", grouped(plan.agents))?;
    }
    writeln!(out)?;
    // Every plan pushes the same figures in the same order, so a row is the same figure in all of
    // them.
    let names = plans.first().map_or(&[][..], |plan| &plan.figures);
    for (row, figure) in names.iter().enumerate() {
        write!(out, "{:<34}", figure.name)?;
        for figure in plans.iter().filter_map(|plan| plan.figures.get(row)) {
            let value = told(figure.value, figure.unit);
            // One less than the head's width: the mark stands in the last place.
            write!(out, "{:>17}{}", value, mark(figure.basis))?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "\n* extrapolated from fewer agents, ? rests on something that was not measured"
    )?;
    writeln!(out, "\nassumed:")?;
    for line in load.told() {
        writeln!(out, "- {line}")?;
    }
    writeln!(out, "\ncosts, of {} on {}:", costs.date, costs.machine)?;
    for (name, cost) in costs.all() {
        let with = match cost.measured_with {
            0 => "not measured".to_owned(),
            agents => format!("with {} agents", grouped(agents)),
        };
        writeln!(out, "- {name} {} ({with}): {}", cost.value, cost.how)?;
    }
    Ok(())
}

const fn mark(basis: Basis) -> char {
    match basis {
        Basis::Assumed | Basis::Measured => ' ',
        Basis::Extrapolated => '*',
        Basis::Guessed => '?',
    }
}

/// A value with three digits or so, and its unit.
fn told(value: f64, unit: &str) -> String {
    let (value, prefix) = match value {
        // By 1,000, as lines are sold; memory and disk are in GiB already, and named so.
        v if unit == "B/s" && v >= 1e6 => (v / 1e6, "M"),
        v if unit == "B/s" && v >= 1e3 => (v / 1e3, "k"),
        v if unit.is_empty() && v >= 1e9 => (v / 1e9, " G"),
        v if unit.is_empty() && v >= 1e6 => (v / 1e6, " M"),
        v => (v, ""),
    };
    let digits = match value {
        // A whole number is a count of nodes: `2.00` of them would promise more than there is.
        v if v >= 100.0 || v.fract() == 0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.1 => 2,
        _ => 4,
    };
    let space = if unit.is_empty() { "" } else { " " };
    format!("{value:.digits$}{space}{prefix}{unit}")
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
