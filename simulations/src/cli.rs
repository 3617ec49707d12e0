//! The command line of `muster-sim`.

mod fleet;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use self::fleet::{FleetArgs, Scenario, Touch};

/// Drives fleets of real protocol clients against a collector, and checks what it holds.
#[derive(Debug, Parser)]
#[command(name = "muster-sim", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `muster-sim` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a fleet: enrols agents, sends their inventories and then their changes.
    Fleet(FleetArgs),
    /// Measures a running collector: records to acknowledgements and to rows, and latencies. Prints
    /// one JSON object a line.
    Bench(BenchArgs),
    /// Says what sites of 10 thousand, 1 million and 10 million agents need, and what that rests on.
    Capacity(CapacityArgs),
    /// Asks a running collector for every list, in every order, as many people at once. Prints one JSON object a
    /// list.
    Read(ReadArgs),
    /// Prints the rows of a large site for one table, in the text format of PostgreSQL's COPY.
    Seed(SeedArgs),
    /// Runs the product's own logic under seeded faults and virtual time, and checks its promises.
    Faults(FaultsArgs),
    /// Breaks a site of real processes again and again, and compares every host with the rows. Needs root.
    #[cfg(target_os = "linux")]
    Chaos(ChaosArgs),
}

/// Who asks, and for how long.
#[derive(Args, Clone, Debug)]
pub struct ReadArgs {
    /// Where the API is: `http://HOST:PORT`.
    #[arg(long)]
    pub api: String,
    /// A file with an operator's API key.
    #[arg(long)]
    pub api_key_file: PathBuf,
    /// Clients at once.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub clients: u16,
    /// For how long.
    #[arg(long, default_value_t = 60)]
    pub seconds: u32,
    /// How long each waits between an answer and its next question, in milliseconds and on average; without it
    /// as many are asked as are answered.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub pause_ms: u64,
    /// Pages of a thousand rows before the deep page of each list.
    #[arg(long, default_value_t = 10)]
    pub deep: u16,
    /// Which questions come when.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Which seeds run.
#[derive(Args, Clone, Debug)]
pub struct FaultsArgs {
    /// How many seeds.
    #[arg(long, default_value_t = 200)]
    pub seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    pub from: u64,
    /// One seed alone.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Prints every line of the one seed's trace.
    #[arg(long, requires = "seed")]
    pub trace: bool,
    /// Goes on after a seed that broke a promise.
    #[arg(long)]
    pub keep_going: bool,
    /// Plants each of the known mistakes in turn, and says after how many seeds each was found.
    #[arg(long, conflicts_with = "seed")]
    pub plants: bool,
}

/// How much goes wrong, and with what.
#[cfg(target_os = "linux")]
#[derive(Args, Clone, Debug)]
pub struct ChaosArgs {
    /// Faults, each of which is mended before the next.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
    pub faults: u16,
    /// Collectors.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    pub nodes: u8,
    /// For how long agents change; the faults have to fit into it.
    #[arg(long, default_value_t = 420)]
    pub seconds: u32,
    /// Agents of each of the two companies.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub agents: u32,
    /// Records of each agent's inventory.
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub apps: u32,
    /// The same seed gives the same faults; by the time of day without one.
    #[arg(long)]
    pub seed: Option<u64>,
    /// The collector.
    #[arg(long)]
    pub collector: PathBuf,
    /// The folder of PostgreSQL's programs.
    #[arg(long)]
    pub postgres: PathBuf,
    /// The library `libfaketime`, which gives nodes a wrong clock.
    #[arg(long)]
    pub faketime: Option<PathBuf>,
    /// A folder with feeds, to have something to match.
    #[arg(long)]
    pub feeds: PathBuf,
    /// A folder that others may enter, for disks, databases and logs.
    #[arg(long)]
    pub folder: PathBuf,
}

/// How large a site is, and which of its rows are wanted.
#[derive(Args, Clone, Debug)]
pub struct SeedArgs {
    /// The table.
    #[arg(long)]
    pub table: SeedTable,
    /// Prints what COPY loads the rows into, instead of the rows.
    #[arg(long)]
    pub target: bool,
    /// The match index that judges the software.
    #[arg(long)]
    pub index: PathBuf,
    /// Companies, of the same size each, but for `--large`.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub companies: u32,
    /// Hosts of all companies.
    #[arg(long, default_value_t = 100_000)]
    pub hosts: u32,
    /// Different software rows of all companies.
    #[arg(long, default_value_t = 250_000)]
    pub software: u32,
    /// Installations of all hosts.
    #[arg(long, default_value_t = 30_000_000)]
    pub installations: u64,
    /// Gives the first company half of the hosts and of the software, as sites are: one that is large
    /// among many that are not.
    #[arg(long)]
    pub large: bool,
}

/// A table that rows can be made for, in the order in which they are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SeedTable {
    /// Who the hosts belong to.
    Companies,
    /// The hosts.
    Agents,
    /// What they have.
    Software,
    /// What its evaluations looked up.
    SoftwareKeys,
    /// What they found.
    Findings,
    /// Who has what.
    Installations,
}

impl SeedTable {
    /// Every table, in the order in which they are loaded.
    pub const ALL: [Self; 6] = [
        Self::Companies,
        Self::Agents,
        Self::Software,
        Self::SoftwareKeys,
        Self::Findings,
        Self::Installations,
    ];

    /// The table and the columns that its rows have, as COPY takes them.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::Companies => "companies (key, id, name, created_at)",
            Self::Agents => {
                "agents (company_key, key, id, hostname, enrolled_at, last_seen_at, digest_count)"
            }
            Self::Software => {
                "software (company_key, software_key, source, name, version, epoch, release, arch, \
                 vendor, source_name, source_version, origin, running, platform_family, platform_id, \
                 platform_version, first_seen_at, status, reason, rule, cpes, purl, generation, \
                 evaluated_at)"
            }
            Self::SoftwareKeys => "software_keys (company_key, key, software_key)",
            Self::Findings => {
                "findings (company_key, software_key, cve, source, opened_at, confidence, fixed_in, why)"
            }
            Self::Installations => {
                "installations (company_key, agent_key, software_key, opened_at, fingerprint)"
            }
        }
    }
}

/// How large sites are, what their hosts do, and what machines can be had.
#[derive(Args, Clone, Debug)]
pub struct CapacityArgs {
    /// Sizes, in agents.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000, 10_000_000])]
    pub agents: Vec<u64>,
    /// A file with costs, in place of those that came with the program.
    #[arg(long)]
    pub costs: Option<PathBuf>,
    /// Records of a host.
    #[arg(long, default_value_t = 1_000)]
    pub records: u32,
    /// Packages that change on a host in a day.
    #[arg(long, default_value_t = 5.0)]
    pub changes_a_day: f64,
    /// How many times the mean the busiest minutes are.
    #[arg(long, default_value_t = 20.0)]
    pub peak_factor: f64,
    /// How many in a hundred hosts hold their connections; without it as many as nodes have room for.
    #[arg(long, conflicts_with = "held_max", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub held_percent: Option<u32>,
    /// Connections that a node holds (`ingest.held_max`); who comes on top visits.
    #[arg(long, default_value_t = 15_000)]
    pub held_max: u32,
    /// Connections to PostgreSQL that a node may have (`database.connections_max`).
    #[arg(long, default_value_t = 24)]
    pub database_connections_max: u32,
    /// Seconds between two heartbeats of a host that holds its connection.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub heartbeat_every_s: u32,
    /// Seconds between two visits of a host that does not.
    #[arg(long, default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..))]
    pub visit_every_s: u32,
    /// Days that what is gone is kept.
    #[arg(long, default_value_t = 90)]
    pub retention_days: u32,
    /// Cores of a node.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub node_cores: u32,
    /// Memory of a node in GiB.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    pub node_gib: u32,
    /// How many in a hundred parts of a node are planned with.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub node_use_percent: u32,
    /// Hours that the queue has to last while PostgreSQL is away.
    #[arg(long, default_value_t = 4.0)]
    pub outage_hours: f64,
    /// Hours in which a new site is enrolled.
    #[arg(long, default_value_t = 8.0)]
    pub rollout_hours: f64,
    /// Prints one JSON object instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What is measured, and against what.
#[derive(Args, Clone, Debug)]
pub struct BenchArgs {
    /// A file with an enrolment token of a company that nothing else reports to.
    #[arg(long)]
    pub token_file: PathBuf,
    /// The collector's API, such as `http://127.0.0.1:7080`.
    #[arg(long)]
    pub api: String,
    /// A file with a key of the company for the API.
    #[arg(long)]
    pub api_key_file: PathBuf,
    /// Agents that send their first inventories all at once.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub agents: u32,
    /// Records of each of them.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub apps: u32,
    /// Agents that then change once a second each, for the latencies: a run for each number.
    #[arg(long, value_delimiter = ',', default_values_t = [556, 1_000, 5_556],
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub changing_agents: Vec<u32>,
    /// For how long they change.
    #[arg(long, default_value_t = 20)]
    pub changing_s: u32,
    /// A folder on the disk of the collector's queue, where a plain file is appended to and synced for
    /// comparison.
    #[arg(long)]
    pub disk: Option<PathBuf>,
    /// How many collectors the token names; said with every figure.
    #[arg(long, default_value_t = 1)]
    pub nodes: u32,
    /// Rows a second of the plain COPY that the rates are compared with.
    #[arg(long)]
    pub copy_rate: Option<f64>,
}

#[cfg(test)]
mod tests;
