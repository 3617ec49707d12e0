//! The inventories that a fleet begins with: mostly Debian hosts, each with what most hosts have,
//! some programs of its own, a few of other vendors, and Python and npm packages.

use std::collections::BTreeMap;

use protocol::fingerprint::SoftwareKey;
use protocol::host::{HostFacts, Platform};
use protocol::software::{SoftwareRecord, Source};

use super::catalogue::{Catalogue, Pool};
use crate::random::Random;

/// When the first simulated host was installed: 2023-11-14.
const INSTALLED_FROM_S: u32 = 1_700_000_000;

/// Records of one host, by their keys.
pub(crate) type Records = BTreeMap<SoftwareKey, SoftwareRecord>;

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
        Platform {
            family: family.to_owned(),
            id: id.to_owned(),
            version: version.to_owned(),
        }
    }

    pub(crate) fn facts(self, hostname: &str) -> HostFacts {
        let (os_name, kernel) = match self {
            Self::Debian => ("Debian GNU/Linux 12 (bookworm)", "6.1.0-41-amd64"),
            Self::Ubuntu => ("Ubuntu 24.04.1 LTS", "6.8.0-49-generic"),
            Self::Rhel => (
                "Red Hat Enterprise Linux 8.4 (Ootpa)",
                "4.18.0-305.el8.x86_64",
            ),
            Self::Windows => ("Windows 11 Pro", "10.0.22631"),
        };
        HostFacts {
            hostname: hostname.to_owned(),
            platform: self.platform(),
            os_name: os_name.to_owned(),
            kernel: kernel.to_owned(),
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

/// An inventory of exactly `apps` records.
pub(crate) fn draw(
    catalogue: &Catalogue,
    profile: Profile,
    apps: usize,
    random: &mut Random,
) -> Records {
    let platform = profile.platform();
    let mut records = Records::new();
    let mut insert = |mut record: SoftwareRecord, random: &mut Random| {
        dress(&mut record, random);
        records.insert(SoftwareKey::of(&record, &platform), record);
        // Two draws of one package are one key, so it is the map that is counted and not the draws.
        records.len() >= apps
    };
    // The others first: the host's own pool fills up whatever is left.
    for (pool, percent) in profile.others() {
        let pool = catalogue.pool(*pool);
        for _ in 0..apps * percent / 100 {
            if let Some(record) = random.pick(&pool) {
                insert((*record).clone(), random);
            }
        }
    }
    // What most hosts have stands first; every host leaves out some of it.
    let own = catalogue.pool(profile.own());
    for round in 0_u32.. {
        for record in &own {
            if random.percent(60) {
                let mut record = (*record).clone();
                if round > 1 {
                    // No real host has this many: the same programs once more, side by side.
                    record.name.push_str(&format!("-{round}"));
                }
                if insert(record, random) {
                    return records;
                }
            }
        }
    }
    records
}

/// Gives a record what depends on the host: when it was installed, and where it lies.
fn dress(record: &mut SoftwareRecord, random: &mut Random) {
    // Packages are installed in bursts, and times that lie together pack well: even ones would make
    // reports longer than real ones.
    let burst = random.below(20) * 1_000_000;
    let after = u32::try_from(burst + random.below(120)).unwrap_or(0);
    let place = match record.source {
        Source::Python => Some(format!("/usr/lib/python3/dist-packages/{}", record.name)),
        Source::Npm => Some(format!("/usr/lib/node_modules/{}", record.name)),
        Source::Deb
        | Source::Rpm
        | Source::Apk
        | Source::Pacman
        | Source::Snap
        | Source::Flatpak
        | Source::Appimage
        | Source::Programs
        | Source::Msix
        | Source::Apps
        | Source::Pkg
        | Source::Homebrew
        | Source::Gem
        | Source::Vscode
        | Source::ChromeExtension
        | Source::FirefoxAddon
        | Source::Os => None,
    };
    if place.is_none() {
        record.installed_at_s = Some(INSTALLED_FROM_S + after);
    }
    record.locations = place.into_iter().collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(profile: Profile, apps: usize, seed: u64) -> Records {
        let catalogue = Catalogue::load().expect("the catalogue");
        draw(&catalogue, profile, apps, &mut Random::new(seed))
    }

    const PROFILES: [Profile; 4] = [
        Profile::Debian,
        Profile::Ubuntu,
        Profile::Rhel,
        Profile::Windows,
    ];

    #[test]
    fn has_as_many_records_as_asked_for() {
        for profile in PROFILES {
            for apps in [1, 99, 300, 4_000] {
                assert_eq!(inventory(profile, apps, 1).len(), apps, "{profile:?}");
            }
        }
    }

    #[test]
    fn is_the_same_for_the_same_seed_and_another_for_another() {
        let one = inventory(Profile::Debian, 300, 1);
        assert_eq!(one, inventory(Profile::Debian, 300, 1));
        let other = inventory(Profile::Debian, 300, 2);
        let common = other.keys().filter(|key| one.contains_key(key)).count();
        assert!((100..300).contains(&common), "{common} in common");
    }

    #[test]
    fn keeps_every_limit_of_the_wire() {
        use protocol::ids::Position;
        use protocol::report::{Report, ReportBody};

        for profile in PROFILES {
            let records: Vec<_> = inventory(profile, 4_000, 3).into_values().collect();
            for part in records.chunks(100) {
                let report = Report {
                    position: Position::new(1, 2),
                    made_at_ms: 0,
                    platform: profile.platform(),
                    facts: Some(Box::new(profile.facts("host-1"))),
                    sources: Vec::new(),
                    body: ReportBody::Snapshot {
                        from: SoftwareKey(0),
                        to: None,
                        records: part.to_vec(),
                    },
                    digest: None,
                };
                assert_eq!(report.validate().map(|keys| keys.len()), Ok(part.len()));
            }
        }
    }

    #[test]
    fn has_packages_of_several_sources() {
        let records = inventory(Profile::Debian, 1_000, 1);
        let of = |source| records.values().filter(|r| r.source == source).count();
        assert!(of(Source::Deb) > 900);
        assert!(of(Source::Python) > 20);
        assert!(of(Source::Npm) > 5);
    }
}
