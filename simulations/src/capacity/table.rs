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
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn told_by(words: &[&str]) -> String {
        let own = ["muster-sim", "capacity"];
        let cli = Cli::try_parse_from(own.iter().chain(words)).expect("arguments");
        let Command::Capacity(args) = cli.command else {
            panic!("another command");
        };
        let mut out = Vec::new();
        crate::capacity::run(&args, &mut out).expect("an answer");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_table_has_a_column_for_each_size_and_says_what_it_rests_on() {
        let text = told_by(&[]);
        let first = text.lines().next().expect("a line");
        for size in ["10,000", "1,000,000", "10,000,000"] {
            assert!(first.contains(size), "{first}");
        }
        for line in ["collector nodes", "assumed:", "costs, of ", "row_bytes"] {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
    }

    #[test]
    fn the_answer_for_machines_has_every_assumption() {
        let text = told_by(&["--json", "--agents", "7", "--held-percent", "100"]);
        let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(answer["plans"][0]["agents"], 7);
        assert_eq!(answer["load"]["held_share"], 1.0);
        assert_eq!(answer["plans"][0]["figures"][0]["value"], 7.0);
        assert!(answer["costs"]["row_bytes"]["how"].is_string());
    }

    #[test]
    fn numbers_have_the_digits_that_matter() {
        assert_eq!(told(5_025_000.0, "B/s"), "5.03 MB/s");
        assert_eq!(told(432_000_000.0, ""), "432 M");
        assert_eq!(told(2.0, ""), "2");
        assert_eq!(told(0.0123, "GiB"), "0.0123 GiB");
        assert_eq!(told(125.4, "s"), "125 s");
        assert_eq!(grouped(10_000_000), "10,000,000");
        assert_eq!(grouped(999), "999");
    }
}
