//! What the match index is asked: language packages, programs, a distribution's own, and a fixed mix.

use enrichment::evaluation::Status;
use enrichment::index::Index;
use enrichment::matching;
use enrichment::subject::{Platform, Subject};

use super::figures::{as_f64, figure};

const LANGUAGE_PACKAGES: &str = include_str!("../../data/identity/language.tsv");

pub(super) const LINUX: Platform<'static> =
    Platform { family: "linux", id: "debian", version: "12" };

const WINDOWS: Platform<'static> = Platform { family: "windows", id: "", version: "10.0.19045" };

/// A question of its own.
pub(super) struct Owned {
    pub(super) source: &'static str,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) vendor: String,
    pub(super) origin: &'static str,
    pub(super) platform: Platform<'static>,
}

impl Owned {
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            source: self.source,
            name: &self.name,
            version: &self.version,
            vendor: &self.vendor,
            origin: self.origin,
            platform: self.platform,
            ..Subject::default()
        }
    }

    /// The subject as an agent that reads the package database sends it.
    pub(super) fn package(&self) -> Subject<'_> {
        let subject = self.subject();
        match (self.source, self.version.rsplit_once('-')) {
            ("rpm", Some((version, release))) => {
                let (epoch, version) = version.split_once(':').unwrap_or(("0", version));
                Subject {
                    version,
                    release,
                    epoch: epoch.parse().ok(),
                    vendor: "Red Hat, Inc.",
                    ..subject
                }
            }
            ("rpm", None) => subject,
            _ => Subject { source_name: &self.name, ..subject },
        }
    }
}

/// What is asked: what a development machine has, in a fixed mix.
pub(super) struct Questions {
    packages: Vec<Owned>,
    programs: Vec<Owned>,
    distribution: Vec<Owned>,
    unknown: Vec<Owned>,
    pub(super) mix: Vec<Owned>,
}

/// Display name, publisher, and a version that the next digits are drawn for.
const PROGRAMS: [(&str, &str, &str); 12] = [
    // Names as Windows lists them: identity is a part of what is measured.
    ("7-Zip 24.09 (x64)", "Igor Pavlov", "24.0"),
    ("Adobe Acrobat (64-bit)", "Adobe", "25.001.2043"),
    ("Docker Desktop", "Docker Inc.", "4.3"),
    ("Git", "The Git Development Community", "2.4"),
    ("Google Chrome", "Google LLC", "148.0.7778.2"),
    ("Microsoft Visual Studio Code", "Microsoft Corporation", "1.9"),
    ("Mozilla Firefox (x64 en-US)", "Mozilla", "14"),
    ("Notepad++ (64-bit x64)", "Notepad++ Team", "8.6."),
    ("Oracle VM VirtualBox 7.0.20", "Oracle Corporation", "7.0.2"),
    ("PuTTY release 0.81 (64-bit)", "Simon Tatham", "0.8"),
    ("VLC media player", "VideoLAN", "3.0.2"),
    ("Wireshark 4.2.6 x64", "The Wireshark developer community", "4.2."),
];

impl Questions {
    pub(super) fn new(index: &Index) -> Self {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let packages: Vec<Owned> = language_packages(&mut random);
        let programs = PROGRAMS.iter().cycle().take(600);
        let programs: Vec<Owned> = programs
            .map(|(name, vendor, version)| Owned {
                source: "programs",
                name: (*name).to_owned(),
                version: format!("{version}{}", random.below(10)),
                vendor: (*vendor).to_owned(),
                origin: "",
                platform: WINDOWS,
            })
            .collect();
        let plain = |source, prefix: &str, vendor: &str, at: u64| Owned {
            source,
            name: format!("{prefix}{at}"),
            version: format!("1.{at}-1"),
            vendor: vendor.to_owned(),
            origin: if source == "deb" { "Debian" } else { "" },
            platform: if source == "deb" { LINUX } else { WINDOWS },
        };
        let maintainer = "Debian QA Group <packages@qa.debian.org>";
        let distribution = (0..600).map(|at| plain("deb", "libexample", maintainer, at));
        let unknown = (0..600).map(|at| plain("programs", "Contoso Intranet Tool ", "Contoso", at));
        let mut questions = Self {
            packages,
            programs,
            distribution: distribution.collect(),
            unknown: unknown.collect(),
            mix: Vec::new(),
        };
        questions.fill_mix(index);
        questions
    }

    pub(super) fn classes(&self) -> [(&'static str, &[Owned]); 4] {
        [
            ("packages", &self.packages),
            ("programs", &self.programs),
            ("distribution", &self.distribution),
            ("unknown", &self.unknown),
        ]
    }

    /// As on a development machine: few programs that records name, and many that none does.
    fn fill_mix(&mut self, index: &Index) {
        let mut mix = Vec::new();
        // Few programs: a development machine has hundreds of packages for each.
        for ((name, class), share) in self.classes().into_iter().zip([600, 100, 600, 600]) {
            let step = class.len().div_ceil(share);
            let chosen = class.iter().step_by(step).map(|owned| Owned {
                name: owned.name.clone(),
                version: owned.version.clone(),
                vendor: owned.vendor.clone(),
                ..*owned
            });
            let chosen: Vec<Owned> = chosen.collect();
            let judged = chosen.iter().filter(|owned| {
                matching::evaluate(index, &owned.subject()).status == Status::Evaluated
            });
            let judged = as_f64(judged.count() as u64) / as_f64(chosen.len() as u64);
            figure(&format!("judged_{name}"), judged, "of 1");
            mix.extend(chosen);
        }
        self.mix = mix;
    }
}

/// PyPI's, npm's and gem's packages that identities are known for, in versions of a plain kind.
fn language_packages(random: &mut Random) -> Vec<Owned> {
    LANGUAGE_PACKAGES
        .lines()
        .filter_map(|line| line.split('\t').next()?.split_once('/'))
        .filter_map(|(source, name)| {
            let source = match source {
                "npm" => "npm",
                "pypi" => "python",
                "gem" => "gem",
                _ => return None,
            };
            Some(Owned {
                source,
                name: name.to_owned(),
                version: format!("{}.{}.{}", random.below(9), random.below(20), random.below(9)),
                vendor: String::new(),
                origin: "",
                platform: LINUX,
            })
        })
        .collect()
}

/// Numbers that are the same in every run (xorshift64*).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    const fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 33) % limit
    }
}
