//! A scan on its own thread, from the host's databases into the spool.
//!
//! The thread lives as long as the scan. Its memory goes back to the system with it, so that what a
//! scan needs for a moment is not held for an hour.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::Agent;
use crate::clock::Clock;
use crate::collect::{Inventory, Scanner};
use crate::recording::{Recorded, record};
use crate::spool::Spool;
use crate::status::LastScan;

/// What came of a scan.
#[derive(Debug)]
pub(super) struct Scanned {
    outcome: Result<Recorded, String>,
    inventory: Option<Inventory>,
    took_ms: u64,
}

/// The scanner, here or on its thread.
#[derive(Debug)]
pub(super) struct ScanThread {
    scanner: Option<Scanner>,
    running: Option<oneshot::Receiver<(Scanner, Scanned)>>,
}

impl ScanThread {
    pub(super) const fn new(scanner: Scanner) -> Self {
        Self { scanner: Some(scanner), running: None }
    }

    /// The scan's end; never without a scan.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn finished(&mut self) -> Scanned {
        let Some(running) = &mut self.running else {
            return std::future::pending().await;
        };
        let ended = running.await;
        self.running = None;
        match ended {
            Ok((scanner, scanned)) => {
                self.scanner = Some(scanner);
                scanned
            }
            Err(_) => Scanned::failed("the scan ended without an outcome".to_owned()),
        }
    }
}

impl Scanned {
    const fn failed(why: String) -> Self {
        Self { outcome: Err(why), inventory: None, took_ms: 0 }
    }
}

impl Agent {
    pub(super) fn start_scan(&mut self, request: u64) {
        let options = self.config.scan_options(&self.session.settings().sources_off);
        let fresh = || Scanner::new(options.clone()).marking(Arc::clone(&self.marker));
        let mut scanner = self.scan.scanner.take().unwrap_or_else(fresh);
        scanner.set_options(options);
        let (done, running) = oneshot::channel();
        self.scan.running = Some(running);
        let (spool, clock) = (Arc::clone(&self.spool), Arc::clone(&self.clock));
        let work = move || {
            let scanned = scan(&mut scanner, &spool, &*clock, request);
            // Nobody waits any more when the agent stops.
            done.send((scanner, scanned)).ok();
        };
        let thread = std::thread::Builder::new().name("scan".to_owned());
        if let Err(error) = thread.spawn(work) {
            // The channel's other end is gone with the closure, which ends the scan.
            self.log.error(format_args!("start a thread for the scan: {error}"));
        }
    }

    /// Logs a scan and keeps it for the status; says whether it is in the spool.
    pub(super) fn note_scan(&mut self, scanned: Scanned, now_ms: u64) -> bool {
        if let Some(inventory) = &scanned.inventory {
            self.seen.sources.clone_from(&inventory.sources);
        }
        match scanned.outcome {
            Ok(recorded) => {
                self.log.info(format_args!(
                    "scanned {} records in {} ms: {} new or changed, {} gone, {} reports to send",
                    recorded.records,
                    scanned.took_ms,
                    recorded.upserts,
                    recorded.removes,
                    recorded.reports
                ));
                if recorded.has_collapsed {
                    self.log
                        .warn(format_args!("the spool was full: what waited is now one snapshot"));
                }
                if recorded.left_out > 0 {
                    self.log.warn(format_args!(
                        "{} records break the protocol's rules and were left out",
                        recorded.left_out
                    ));
                }
                self.seen.spool_problem = None;
                self.seen.last_scan = Some(LastScan::of(&recorded, now_ms, scanned.took_ms));
                true
            }
            Err(why) => {
                self.log.error(format_args!("the scan cannot be recorded: {why}"));
                self.seen.spool_problem = Some(why.clone());
                let inventory = scanned.inventory.as_ref();
                self.seen.last_scan = Some(LastScan::failed(inventory, now_ms, why));
                false
            }
        }
    }
}

fn scan(scanner: &mut Scanner, spool: &Mutex<Spool>, clock: &dyn Clock, request: u64) -> Scanned {
    // Held for a look and for the commit, and never while a source is read: the connection needs
    // the spool meanwhile.
    let lock = || spool.lock().unwrap_or_else(PoisonError::into_inner);
    let began = clock.elapsed();
    // Without the records of before, a source that failed would look empty; a spool that cannot be
    // read cannot be written either, so nothing of that would be reported.
    let mut inventory =
        scanner.scan(|source| lock().reported_of(source).unwrap_or_default(), clock);
    let outcome = record(&mut lock(), &mut inventory, request, clock.now_ms());
    // The status needs the sources alone.
    inventory.records.clear();
    let took = clock.elapsed().saturating_sub(began);
    Scanned {
        outcome: outcome.map_err(|error| error.to_string()),
        inventory: Some(inventory),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}
