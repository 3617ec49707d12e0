//! From feeds and software to findings: CVE feed parsers, product identity, version schemes, the
//! compiled match index, and matching with its explanation.
//!
//! It exists so that everything that decides whether a program is vulnerable is in one place that
//! can be run and tested without a network, a database or a clock. It reads files and writes one
//! index file; it never speaks HTTP or SQL, and never takes a clock.

pub mod advisory;
mod bounded_line;
pub mod bundled;
mod codename;
pub mod cpe;
pub mod cve;
pub mod evaluation;
pub mod feeds;
pub mod identity;
pub mod index;
pub mod lines;
pub mod lookup_key;
pub mod matching;
pub mod rating;
mod rule;
pub mod sbom;
pub mod subject;
#[cfg(test)]
mod testing;
pub mod version;
mod windows;
