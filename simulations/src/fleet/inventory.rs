//! The inventories that a fleet begins with: mostly Debian hosts, each with what most hosts have,
//! some programs of its own, a few of other vendors, and Python and npm packages.

use protocol::host::{HostFacts, Platform};

use super::catalogue::Pool;
use super::stock::{Item, Rows, Stock};
use crate::random::Random;

/// What kind of host an agent lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Debian 12.
    Debian,
    /// Ubuntu 24.04.
    Ubuntu,
    /// RHEL 8.
    Rhel,
    /// Windows 11.
    Windows,
}

impl Profile {
    /// Six in ten are Debian, two Ubuntu, one each RHEL and Windows.
    pub(crate) fn draw(random: &mut Random) -> Self {
        match random.below(10) {
            0..6 => Self::Debian,
            6..8 => Self::Ubuntu,
            8 => Self::Rhel,
            _ => Self::Windows,
        }
    }

    pub(crate) fn platform(self) -> Platform {
        let (family, id, version) = match self {
            Self::Debian => ("linux", "debian", "12"),
            Self::Ubuntu => ("linux", "ubuntu", "24.04"),
            Self::Rhel => ("linux", "rhel", "8.4"),
            Self::Windows => ("windows", "", "10.0.22631"),
        };
        Platform { family: family.to_owned(), id: id.to_owned(), version: version.to_owned() }
    }

    /// What its hosts run, as they say it.
    pub(crate) const fn kernel(self) -> &'static str {
        match self {
            Self::Debian => "6.1.0-41-amd64",
            Self::Ubuntu => "6.8.0-49-generic",
            Self::Rhel => "4.18.0-305.el8.x86_64",
            Self::Windows => "10.0.22631",
        }
    }

    pub(crate) fn facts(self, hostname: &str) -> HostFacts {
        let os_name = match self {
            Self::Debian => "Debian GNU/Linux 12 (bookworm)",
            Self::Ubuntu => "Ubuntu 24.04.1 LTS",
            Self::Rhel => "Red Hat Enterprise Linux 8.4 (Ootpa)",
            Self::Windows => "Windows 11 Pro",
        };
        HostFacts {
            hostname: hostname.to_owned(),
            platform: self.platform(),
            os_name: os_name.to_owned(),
            kernel: self.kernel().to_owned(),
            arch: "x86_64".to_owned(),
            cpu_count: 4,
            memory_bytes: 8 << 30,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..HostFacts::default()
        }
    }

    const fn own(self) -> Pool {
        match self {
            Self::Debian => Pool::Debian,
            Self::Ubuntu => Pool::Ubuntu,
            Self::Rhel => Pool::Rhel,
            Self::Windows => Pool::Windows,
        }
    }

    /// The pools that a host draws from besides its own, and how many in a hundred records.
    const fn others(self) -> &'static [(Pool, usize)] {
        match self {
            Self::Debian | Self::Ubuntu => {
                &[(Pool::DebianOther, 2), (Pool::Python, 6), (Pool::Npm, 2)]
            }
            Self::Rhel => &[(Pool::Python, 4)],
            Self::Windows => &[(Pool::Python, 5), (Pool::Npm, 5)],
        }
    }
}

/// What a host of exactly `apps` records begins with.
pub(crate) fn draw(stock: &Stock, profile: Profile, apps: usize, random: &mut Random) -> Rows {
    let mut rows = Rows::new();
    if apps == 0 {
        return rows;
    }
    let mut insert = |package: u32, copy: u32, random: &mut Random| {
        let item = Item { package, copy, change: 0 };
        rows.insert(item, installed_after(random));
        // Two draws of one package are one row, so it is the map that is counted and not the draws.
        rows.len() >= apps
    };
    // The others first: the host's own pool fills up whatever is left.
    for (pool, percent) in profile.others() {
        let pool = stock.pool(*pool);
        // Rounded down: a host of some tens has none of the others, which is how small hosts are.
        for _ in 0..apps * percent / 100 {
            if let Some(package) = random.pick(pool) {
                insert(*package, 0, random);
            }
        }
    }
    // What most hosts have stands first; every host leaves out some of it.
    let own = stock.pool(profile.own());
    // Round after round until there are enough. It ends, for no pool is empty.
    for round in 0_u32.. {
        for package in own {
            // No real host has more than two rounds: the same programs once more, side by side.
            let copy = if round > 1 { round } else { 0 };
            if random.percent(60) && insert(*package, copy, random) {
                return rows;
            }
        }
    }
    rows
}

/// When something was installed on a host, in seconds after the first of all installations.
fn installed_after(random: &mut Random) -> u32 {
    // Packages are installed in bursts, and times that lie together pack well: even ones would make
    // reports longer than real ones.
    let burst = random.below(20) * 1_000_000;
    u32::try_from(burst + random.below(120)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
