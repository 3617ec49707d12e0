//! What agents' connections cost a collector: a handshake with and without a ticket, a connection that is
//! held, and a fleet that comes back after a restart. Prints one JSON object a line.
//!
//! `cargo run --release -p collector --example bench_connections [CONNECTIONS]`; without a number 20,000 are
//! held. The collector is this process, with everything but a disk and a database; its clients are another
//! one, so that what is measured here is the collector's alone.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints and reads the clock"
)]

mod clients;
mod node;
mod usage;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::json;

use self::clients::Order;
use self::node::{Crowd, Node};
use self::usage::Usage;

/// Connections that are held unless another number is given.
const HELD: u32 = 20_000;
/// Handshakes of each kind.
const HANDSHAKES: u32 = 4_000;
/// Handshakes a second of the collector to which a fleet comes back: its default.
const RETURN_PER_SECOND: u32 = 1_000;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("clients") => {
            let folder = arguments.next().context("clients need a folder")?;
            clients::run(Path::new(&folder))
        }
        count => {
            let held = count.map_or(Ok(HELD), str::parse)?;
            let folder = std::env::temp_dir().join(format!("muster-bench-{}", std::process::id()));
            std::fs::create_dir_all(&folder)?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let measured = runtime.block_on(measure(&folder, held));
            std::fs::remove_dir_all(&folder)?;
            measured
        }
    }
}

async fn measure(folder: &Path, held: u32) -> Result<()> {
    // Without a limit of handshakes: how many there can be is what is measured.
    let node = Node::start(folder, None, 1_000_000)?;
    let mut crowd = Crowd::start(folder, node.address()).await?;
    for (name, order) in [("full", Order::HandshakesFull), ("resumed", Order::HandshakesResumed)] {
        // The first ones fill caches and, for the others, get their tickets.
        crowd.order(order, HANDSHAKES / 10).await?;
        handshakes(&mut crowd, name, order).await?;
    }
    let before = Usage::now()?;
    let began = Instant::now();
    crowd.order(Order::Hold, held).await?;
    figure("hold_all", began.elapsed().as_secs_f64(), "s");
    memory(&before, held, "connection_held_memory").await?;
    crowd.order(Order::Report, held).await?;
    memory(&before, held, "connection_held_memory_after_a_report").await?;
    let idle = Usage::now()?;
    // What idle connections cost is a rate: this is the time that it is taken over.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let now = Usage::now()?;
    figure("connections_held_cpu", (now.cpu_s - idle.cpu_s) * 10.0, "% of a core");

    let address = node.address();
    node.stop().await;
    let node = Node::start(folder, Some(address), RETURN_PER_SECOND)?;
    let began = Instant::now();
    let returned = crowd.order(Order::Return, held).await?;
    figure("return_all", began.elapsed().as_secs_f64(), "s");
    figure("return_most_in_a_second", returned.most_in_a_second, "sessions");
    figure("return_attempts_each", returned.attempts / f64::from(held), "");
    crowd.end().await?;
    node.stop().await;
    Ok(())
}

async fn handshakes(crowd: &mut Crowd, name: &str, order: Order) -> Result<()> {
    let before = Usage::now()?;
    let done = crowd.order(order, HANDSHAKES).await?;
    let cpu_us = (Usage::now()?.cpu_s - before.cpu_s) * 1e6 / f64::from(HANDSHAKES);
    figure(&format!("session_{name}_cpu"), cpu_us, "µs");
    figure(&format!("handshake_{name}_sent"), done.bytes_sent, "bytes");
    figure(&format!("handshake_{name}_received"), done.bytes_received, "bytes");
    figure(&format!("handshake_{name}_median"), done.median_us, "µs");
    Ok(())
}

/// What the process has grown by, shared out among the connections.
async fn memory(before: &Usage, connections: u32, name: &str) -> Result<()> {
    // quinn's last acknowledgements are under way.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let each = |usage: &Usage| (usage.resident_kib - before.resident_kib) / f64::from(connections);
    figure(name, each(&Usage::now()?), "KiB");
    Ok(())
}

fn figure(name: &str, value: f64, unit: &str) {
    let value = (value * 100.0).round() / 100.0;
    println!("{}", json!({"name": name, "value": value, "unit": unit}));
}
