//! Many people at once: every list of the API in every order and with every filter, a first and a deep page
//! of each, and how long the answers took.
//!
//! It asks as the console does, over connections that stay, and reads answers to their end. It must never
//! count an answer that is none: any status but 200 ends the run.

mod connection;
mod question;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::time::Instant;

use self::connection::Connection;
use self::question::{Question, questions};
use crate::cli::ReadArgs;
use crate::clock::Clock;
use crate::random::Random;

/// The longest time that a histogram tells from others, in microseconds.
const LONGEST_US: u64 = 120_000_000;

/// What came of one list.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Figure {
    name: String,
    /// 99 of 100 answers were there within so many milliseconds.
    value: f64,
    unit: &'static str,
    p50: f64,
    max: f64,
    answers: u64,
    clients: u16,
    /// How long each client waits between two questions, on average.
    pause_ms: u64,
}

/// Answers by question.
type Times = BTreeMap<&'static str, Histogram<u64>>;

/// Asks for as long as it is told, and prints a JSON object a list and one for all of them together.
///
/// # Errors
///
/// When the API cannot be reached, says no to a question, or has no company with rows.
pub fn run(args: &ReadArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (times, took) = runtime.block_on(ask(args))?;
    let mut all = histogram()?;
    for (name, of_name) in &times {
        all.add(of_name).context("add times up")?;
        print(out, (*name).to_owned(), of_name, args)?;
    }
    print(out, "all lists together".to_owned(), &all, args)?;
    let rate = serde_json::json!({
        "name": "lists answered a second", "unit": "1/s", "clients": args.clients, "pause_ms": args.pause_ms,
        "value": rounded(count(all.len()) / took.as_secs_f64()),
    });
    writeln!(out, "{rate}").context("print")
}

async fn ask(args: &ReadArgs) -> anyhow::Result<(Times, Duration)> {
    let mut connection = Connection::open(&args.api, &args.api_key_file).await?;
    let asked = std::sync::Arc::new(questions(&mut connection, args.deep).await?);
    ensure!(!asked.is_empty(), "no company has hosts: there is nothing to ask for");
    let began = Clock.now();
    let until = began + Duration::from_secs(u64::from(args.seconds));
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..args.clients {
        let connection = Connection::open(&args.api, &args.api_key_file).await?;
        let random = Random::new(args.seed).fork(u64::from(number));
        clients.spawn(client(connection, asked.clone(), random, args.pause_ms, until));
    }
    let mut times = Times::new();
    while let Some(of_client) = clients.join_next().await {
        for (name, of_name) in of_client.context("a client panicked")?? {
            match times.entry(name) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(of_name);
                }
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    entry.get_mut().add(of_name).context("add times up")?;
                }
            }
        }
    }
    Ok((times, began.elapsed()))
}

/// One who reads an answer for a while and asks the next question.
async fn client(
    mut connection: Connection,
    questions: std::sync::Arc<Vec<Question>>,
    mut random: Random,
    pause_ms: u64,
    until: Instant,
) -> anyhow::Result<Times> {
    let mut times = Times::new();
    loop {
        // Before the first one as well: people do not begin together.
        let pause = random.below_time(Duration::from_millis(2 * pause_ms));
        tokio::time::sleep_until(Clock.now() + pause).await;
        if Clock.now() >= until {
            break;
        }
        let Some(question) = random.pick(&questions) else { break };
        let began = Clock.now();
        connection.get(question.company, &question.path).await?;
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(LONGEST_US);
        let of_name = match times.entry(question.name) {
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(histogram()?),
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
        };
        of_name.saturating_record(micros);
    }
    Ok(times)
}

fn histogram() -> anyhow::Result<Histogram<u64>> {
    Histogram::new_with_max(LONGEST_US, 3).context("make a histogram")
}

fn print(
    out: &mut impl Write,
    name: String,
    times: &Histogram<u64>,
    args: &ReadArgs,
) -> anyhow::Result<()> {
    let ms = |micros: u64| rounded(count(micros) / 1_000.0);
    let figure = Figure {
        name,
        value: ms(times.value_at_quantile(0.99)),
        unit: "ms p99",
        p50: ms(times.value_at_quantile(0.5)),
        max: ms(times.max()),
        answers: times.len(),
        clients: args.clients,
        pause_ms: args.pause_ms,
    };
    writeln!(out, "{}", serde_json::to_string(&figure)?).context("print")
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A count as a figure; those here are far below where it would be inexact.
#[expect(clippy::cast_precision_loss, reason = "times and counts stay below 2^52")]
const fn count(value: u64) -> f64 {
    value as f64
}
