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
    /// Says what sites of 10 thousand, 1 million and 10 million agents need, and what that rests on.
    Capacity(CapacityArgs),
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
    /// How many in a hundred hosts hold their connections.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub held_percent: u32,
    /// Seconds between two heartbeats of a host that holds its connection.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    pub heartbeat_every_s: u32,
    /// Seconds between two visits of a host that does not.
    #[arg(long, default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..))]
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
    /// A file with the enrolment token. Given several times, the agents are spread over the tokens'
    /// companies.
    #[arg(long)]
    pub token_file: Vec<PathBuf>,
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
    /// The hosts begin to change only when all first inventories are in, as rows with `--committed`.
    #[arg(long)]
    pub after_inventories: bool,
    /// Compares in the end every agent's set with what the API says, and fails when they differ.
    #[arg(long, requires = "api")]
    pub verify: bool,
    /// For how long answers, and agreement with the API, are awaited in the end, in seconds.
    #[arg(long, default_value_t = 120)]
    pub settle_s: u32,
    /// What happens while the agents change.
    #[arg(long, value_enum, default_value_t = Scenario::Steady)]
    pub scenario: Scenario,
    /// How many in a hundred agents the scenario is about: those that come and go, are cloned, or have a
    /// slow line.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub share_percent: u32,
    /// How the agents keep in touch.
    #[arg(long, value_enum, default_value_t = Touch::Told)]
    pub touch: Touch,
    /// How many times faster than it is told an agent lives: at 60, an hour of heartbeats takes a minute.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub speed: u32,
    /// Time between two signs of life of an agent in seconds, whatever the collector says.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub heartbeat_every_s: Option<u32>,
    /// Over how many seconds the agents connect for the first time.
    #[arg(long, default_value_t = 0)]
    pub ramp_s: u32,
    /// A command for the shell that ends the collector and starts it again; `herd` runs it. Without one,
    /// herd cuts all connections at once.
    #[arg(long)]
    pub restart_command: Option<String>,
    /// For `noisy-neighbour`: the token of the small company beside the fleet's.
    #[arg(long)]
    pub neighbour_token_file: Option<PathBuf>,
    /// For `noisy-neighbour`: the small company's agents.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub neighbour_agents: u32,
    /// For `slow-link`: kilobits a second of a line, in each direction.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub link_kbit_s: u32,
    /// For `slow-link`: how many in a hundred packets are lost.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=50))]
    pub link_loss_percent: u32,
    /// The `collector.json` of a collector on this machine, whose memory and processor time are told.
    #[arg(long)]
    pub collector_run: Vec<PathBuf>,
    /// For how long enrolment is tried, in seconds.
    #[arg(long, default_value_t = 300)]
    pub enrol_s: u32,
    /// After how long a silent connection counts as lost, in seconds.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub idle_s: u32,
    /// No session is resumed: every connection is a whole handshake.
    #[arg(long)]
    pub full_handshakes: bool,
    /// Local sockets that the agents share.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub sockets: u32,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    pub json: bool,
}

/// What happens to a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Hosts change, and nothing else happens.
    Steady,
    /// All agents lose their connections at once, and come back.
    Herd,
    /// Some hosts are switched off for good, some are installed anew and enrol again, some are new.
    Churn,
    /// Every host gets the same new version of the same package.
    UpgradeDay,
    /// Some hosts are copies of others, keys included.
    Clone,
    /// Some hosts have a slow line that loses packets.
    SlowLink,
    /// A small company beside a large one that changes all the time.
    NoisyNeighbour,
}

impl Scenario {
    /// As it is called on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Herd => "herd",
            Self::Churn => "churn",
            Self::UpgradeDay => "upgrade-day",
            Self::Clone => "clone",
            Self::SlowLink => "slow-link",
            Self::NoisyNeighbour => "noisy-neighbour",
        }
    }
}

/// How agents keep in touch with the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Touch {
    /// As the collector tells each of them.
    Told,
    /// They hold their connections, and say that they can do nothing else.
    Hold,
    /// They connect to say something, and leave as soon as all of it is answered; the next sign of life
    /// is another visit. A collector that tells none of it can be measured so.
    Visit,
}
