//! What a fleet is told on the command line.

use std::path::PathBuf;

use clap::Args;

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
    #[arg(long, conflicts_with = "token_file", env = "MUSTER_TOKEN", hide_env_values = true)]
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
