//! Seeded faults: the product's own logic under virtual time, with everything around it failing.
//!
//! Agents' sessions, differences and spools, collectors' ingest, queues, lanes and workers, and the
//! store's rules run as they ship, on one thread, over a simulated network, simulated disks and a
//! simulated database. A seed decides all of it; the same seed is the same run, line by line. After
//! some time of faults everything is made well, and then every company's rows have to be what its
//! hosts have, every report has to have come to one outcome, and nothing that was durable may be
//! gone. `docs/decisions/0028-faults-by-seed.md` says what is simulated and what is not.

mod counts;
mod database;
mod directory;
mod endpoint;
mod host;
mod inject;
mod kinds;
mod life;
mod machine;
mod net;
mod node;
mod plants;
mod seat;
mod stage;
mod stream;
mod summary;
mod world;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use collector::authority::{Authority, Home};
use collector::config::{Config, Layers};
use ring::rand::SystemRandom;

pub use self::kinds::Kind;
use self::node::BEGINNING;
pub use self::plants::Plant;
pub use self::summary::{Failure, Summary};
use self::world::Setting;

/// What a run of seeds is made with.
#[derive(Debug)]
pub struct Faults {
    setting: Setting,
}

impl Faults {
    /// Prepares runs, with a mistake planted or without.
    ///
    /// # Errors
    ///
    /// When there is no folder for temporary files.
    pub fn new(plant: Option<Plant>) -> anyhow::Result<Self> {
        // Gone with this function: what is signed with is in memory by then.
        let folder = tempfile::tempdir().context("make a folder for the authority of the runs")?;
        let authority = Authority::open_or_create(
            &Home::of(folder.path()),
            "muster.internal",
            &SystemRandom::new(),
            BEGINNING,
        )?;
        let mut config = Config::from_layers(Layers::defaults())?;
        // So few that an agent which comes back again and again is told to wait.
        config.ingest.agent_requests_per_minute = 12;
        quiet_injected_panics();
        Ok(Self {
            setting: Setting {
                authority: Arc::new(authority),
                ingest: config.ingest,
                plant,
                is_traced: false,
            },
        })
    }

    /// Runs one seed, and hands every line of its trace to `line`.
    ///
    /// # Errors
    ///
    /// When there is no runtime.
    pub fn trace(&self, seed: u64, line: &mut dyn FnMut(&str)) -> anyhow::Result<Option<Failure>> {
        let setting = Setting { is_traced: true, ..self.setting.clone() };
        let outcome = world::run(seed, &setting)?;
        outcome.trace.iter().for_each(|text| line(text));
        Ok(Failure::of(seed, &outcome))
    }

    /// The hash of a seed's trace: two runs of a seed have the same.
    ///
    /// # Errors
    ///
    /// When there is no runtime.
    pub fn hash(&self, seed: u64) -> anyhow::Result<(u64, u64)> {
        let outcome = world::run(seed, &self.setting)?;
        Ok((outcome.lines, outcome.hash))
    }

    /// Runs seeds one after the other until `goes_on` says no, which hears of each.
    ///
    /// # Errors
    ///
    /// When there is no runtime.
    pub fn run(
        &self,
        seeds: impl IntoIterator<Item = u64>,
        goes_on: &mut dyn FnMut(&Summary) -> bool,
    ) -> anyhow::Result<Summary> {
        let mut summary = Summary::default();
        // The real clock: outside of a runtime, nothing is paused.
        let began = crate::clock::Clock.now();
        for seed in seeds {
            let outcome = world::run(seed, &self.setting)?;
            summary.add(seed, &outcome);
            summary.took = crate::clock::Clock.now().saturating_duration_since(began);
            if !goes_on(&summary) {
                break;
            }
        }
        Ok(summary)
    }
}

/// Panics that are injected are part of a run and are not printed.
fn quiet_injected_panics() {
    // Added to and not replaced, for the hook is the whole process's and other tests panic as well.
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        // A message without arguments is a `&str`; a `String` is none of those that are injected.
        let text = info.payload().downcast_ref::<&str>();
        if text.is_none_or(|text| !text.starts_with("injected:")) {
            before(info);
        }
    }));
}

/// Seconds with a decimal, for people.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}
