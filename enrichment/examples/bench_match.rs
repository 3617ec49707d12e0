//! Measures the match index on folders of feeds and prints a JSON object a line:
//! `cargo run --release --example bench_match -- [FEEDS…]`; without a folder, on the bundled feed.
//!
//! `against` names what a `ratio` is to: the naive matcher passes over a product's or a package's rows,
//! parsed as structs, and writes the same findings; it is what the index replaces. Both run here, on
//! the same questions, and `naive_findings_alike` is how many findings come out the same in every
//! field. Rates are by the time that the thread had on a core, where the system tells that: whatever
//! else the machine does then takes nothing away from them.
#![expect(clippy::print_stdout, reason = "a program that prints what it measures")]
#![expect(clippy::disallowed_methods, reason = "measuring takes the clock")]

#[path = "bench_match/build.rs"]
mod build;
#[path = "bench_match/distributions.rs"]
mod distributions;
#[path = "bench_match/figures.rs"]
mod figures;
#[path = "bench_match/naive.rs"]
mod naive;
#[path = "bench_match/products.rs"]
mod products;
#[path = "bench_match/questions.rs"]
mod questions;

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use enrichment::cpe::Cpe;
use enrichment::evaluation::{Evaluation, Status};
use enrichment::feeds;
use enrichment::index::Index;
use enrichment::matching;
use figures::{as_f64, figure, figure_against, rate};
use naive::Naive;
use questions::{LINUX, Owned, Questions, Random};

fn main() -> Result<()> {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/feed");
    let mut feeds: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if feeds.is_empty() {
        feeds.push(bundled);
    }
    let folder = std::env::temp_dir().join(format!("muster-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = measure(&feeds, &folder);
    std::fs::remove_dir_all(&folder)?;
    measured
}

fn measure(feeds: &[PathBuf], folder: &Path) -> Result<()> {
    let path = folder.join("index");
    build::build(feeds, folder, &path)?;
    let start = Instant::now();
    let index = Index::open(&path)?;
    figure("index_open", start.elapsed().as_secs_f64() * 1e3, "ms");

    // Read again: what a naive matcher keeps must not count as memory of the build.
    let mut naive = Naive::default();
    for feeds in feeds {
        feeds::read_path(feeds, &mut naive)?;
    }
    distributions::of_distributions(&index, &naive.packages);
    let questions = Questions::new(&index);
    for (name, subjects) in questions.classes() {
        let rate = rate(subjects.len(), |at| {
            black_box(matching::evaluate(&index, &subjects[at].subject()));
        });
        figure(&format!("cold_evaluations_{name}"), rate, "1/s/core");
    }
    let mix = &questions.mix;
    let cold = rate(mix.len(), |at| {
        black_box(matching::evaluate(&index, &mix[at].subject()));
    });
    figure("cold_evaluations_mix", cold, "1/s/core");
    let findings = findings_each(&index, mix);
    figure("findings_mix", findings, "findings each");
    figure("findings_written", findings * cold, "1/s/core");
    cached(&index, mix, cold);
    against_naive(&index, &naive, mix);
    Ok(())
}

fn findings_each(index: &Index, subjects: &[Owned]) -> f64 {
    let all = subjects.iter().map(|subject| {
        let evaluation = matching::evaluate(index, &subject.subject());
        evaluation.findings.len() as u64
    });
    as_f64(all.sum()) / as_f64(subjects.len() as u64)
}

/// A cache like the collector's: by 128-bit key, shared evaluations.
fn cached(index: &Index, subjects: &[Owned], cold: f64) {
    let mut cache: HashMap<u128, Arc<Evaluation>> = HashMap::new();
    let mut keys = Vec::new();
    let mut key = Random(0x9e37_79b9_7f4a_7c15);
    for subject in subjects {
        let wide = u128::from(key.next()) << 64 | u128::from(key.next());
        keys.push(wide);
        let evaluation = matching::evaluate(index, &subject.subject());
        cache.insert(wide, Arc::new(evaluation));
    }
    let rate = rate(keys.len(), |at| {
        black_box(cache.get(&keys[at]).map(Arc::clone));
    });
    figure_against("cached_evaluations", rate, "1/s/core", cold, "cold_evaluations_mix");
}

/// The same CPE names to the index and to the naive matcher.
fn against_naive(index: &Index, naive: &Naive, subjects: &[Owned]) {
    let names: Vec<Cpe> = subjects
        .iter()
        .map(|subject| matching::evaluate(index, &subject.subject()))
        .filter(|evaluation| evaluation.status == Status::Evaluated)
        .filter_map(|evaluation| Cpe::parse(evaluation.identity.cpes.first()?).ok())
        .collect();
    let slow = rate(names.len(), |at| {
        black_box(naive.evaluate(&names[at]));
    });
    let fast = rate(names.len(), |at| {
        black_box(matching::evaluate_cpe(index, &names[at], LINUX));
    });
    figure("naive_evaluations", slow, "1/s/core");
    figure_against("cold_evaluations_of_cpes", fast, "1/s/core", slow, "naive_evaluations");
}
