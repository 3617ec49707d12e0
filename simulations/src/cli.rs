//! The command line of `muster-sim`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

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
    /// Prints the rows of a large site for one table, in the text format of PostgreSQL's COPY.
    Seed(SeedArgs),
    /// Runs the product's own logic under seeded faults and virtual time, and checks its promises.
    Faults(FaultsArgs),
    /// Breaks a site of real processes again and again, and compares every host with the rows. Needs root.
    #[cfg(target_os = "linux")]
    Chaos(ChaosArgs),
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
                 vendor, source_name, source_version, origin, platform_family, platform_id, \
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
    /// Agents that then change once a second each, for the latencies.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub changing_agents: u32,
    /// For how long they change.
    #[arg(long, default_value_t = 20)]
    pub changing_s: u32,
    /// Rows a second of the plain COPY that the rates are compared with.
    #[arg(long)]
    pub copy_rate: Option<f64>,
}

/// What a fleet is and does.
#[derive(Args, Clone, Debug)]
pub struct FleetArgs {
    /// Agents.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub agents: u32,
    /// Records of each agent's inventory.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub apps: u32,
    /// For how long the agents change, once all are enrolled; then what is on its way is awaited.
    #[arg(long, default_value_t = 30)]
    pub seconds: u32,
    /// Time between two changes of one agent, in seconds, before jitter; 0 for none.
    #[arg(long, default_value_t = 10)]
    pub change_every_s: u32,
    /// The same seed gives the same inventories and the same kinds of changes.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The enrolment token. Others can see it in the list of processes: better a file.
    #[arg(
        long,
        conflicts_with = "token_file",
        env = "MUSTER_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// A file with the enrolment token.
    #[arg(long)]
    pub token_file: Option<PathBuf>,
    /// A directory that keeps the agents' identities between runs.
    #[arg(long)]
    pub state: Option<PathBuf>,
    /// The collector's API, such as `http://127.0.0.1:7080`, to see when changes become visible.
    #[arg(long, requires = "api_key_file")]
    pub api: Option<String>,
    /// A file with a key of the company for the API.
    #[arg(long, requires = "api")]
    pub api_key_file: Option<PathBuf>,
    /// Says when all acknowledged records were in the collector's rows, and fails when they are not
    /// in time. Meant for a company that nothing else reports to.
    #[arg(long, requires = "api")]
    pub committed: bool,
    /// Compares in the end every agent's set with what the API says, and fails when they differ.
    #[arg(long, requires = "api")]
    pub verify: bool,
    /// For how long answers, and agreement with the API, are awaited in the end, in seconds.
    #[arg(long, default_value_t = 120)]
    pub settle_s: u32,
    /// For how long enrolment is tried, in seconds.
    #[arg(long, default_value_t = 300)]
    pub enrol_s: u32,
    /// After how long a silent connection counts as lost, in seconds.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub idle_s: u32,
    /// Local sockets that the agents share.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub sockets: u32,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}
