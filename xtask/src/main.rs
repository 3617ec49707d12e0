//! `cargo xtask tidy`: the rules of the house that no lint can keep; `cargo xtask sbom`: what a program is made of.
//!
//! The first reads the tree as text, on purpose: a rule that needs a parser is a rule nobody remembers.

use std::path::PathBuf;
use std::process::ExitCode;

mod sbom;
mod tidy;
mod tree;

const USAGE: &str = "usage: cargo xtask tidy | sbom PACKAGE TARGET";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // From where it was built, so that it checks the whole tree whichever folder it is called in.
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let findings = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy::check(&root),
        ["sbom", package, target] => return print(sbom::sbom(&root, package, target)),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    report(findings)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line's answer")]
fn print(document: anyhow::Result<String>) -> ExitCode {
    match document {
        Ok(document) => {
            println!("{document}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a command line's answer")]
fn report(findings: anyhow::Result<Vec<String>>) -> ExitCode {
    match findings {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                eprintln!("tidy: {finding}");
            }
            eprintln!("tidy: {} finding(s); docs/ARCHITECTURE.md has the rules", findings.len());
            ExitCode::FAILURE
        }
        // Wrong use, or a tree that cannot be read: neither is a verdict on the tree.
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
