//! The rows of a large site, for loading with COPY: companies, hosts, software and who has it.
//!
//! It exists because a site of a hundred thousand hosts cannot grow through its agents in the time
//! that a measurement has. Names are those of real packages, every software row is judged with a
//! real index by the code that the collector judges with, and the same arguments give the same
//! rows. What is made here is for measuring the database's work; it says nothing of the agents'.

use std::io::Write;

use anyhow::{Context as _, ensure};
use enrichment::evaluation::Evaluation;
use enrichment::index::Index;
use enrichment::matching;
use enrichment::subject::{Platform as SubjectPlatform, Subject};
use protocol::fingerprint::{RecordFingerprint, SoftwareKey};
use protocol::host::Platform;
use protocol::software::{SoftwareRecord, Source};

use crate::cli::{SeedArgs, SeedTable};
use crate::fleet::catalogue::{Catalogue, Pool};

mod text;

use self::text::Row;

/// Versions of the product that every host has one of.
const COMMON_VERSIONS: u32 = 200;
/// The product that every host has: `scripts/scale.sh` publishes a CVE of it.
const COMMON: &str = "lodash";
const SEEDED_AT: &str = "2026-01-01 00:00:00+00";
const POOLS: [Pool; 4] = [Pool::Debian, Pool::DebianOther, Pool::Python, Pool::Npm];

/// Prints the rows of a table, or where they belong.
///
/// # Errors
///
/// When the sizes do not fit each other, the index cannot be opened, or the rows cannot be written.
pub fn write(args: &SeedArgs, out: &mut impl Write) -> anyhow::Result<()> {
    if args.target {
        return writeln!(out, "{}", args.table.target()).context("write what they are for");
    }
    let site = Site::new(args)?;
    match args.table {
        SeedTable::Companies => site.companies(out),
        SeedTable::Agents => site.agents(out),
        SeedTable::Software => site.software(out),
        SeedTable::SoftwareKeys => site.software_keys(out),
        SeedTable::Findings => site.findings(out),
        SeedTable::Installations => site.installations(out),
    }
    .context("write rows")
}

/// A site. Every company has its own rows of the same software, a small one of some of it.
struct Site {
    companies: Vec<Company>,
    /// Records of one host.
    records: u32,
    software: Vec<Software>,
    generation: u64,
}

struct Company {
    key: u64,
    hosts: u32,
    /// The key of its first host; the others follow.
    first_agent: u64,
    /// Every how many-th of the software it has, beside the versions of the common product, and how
    /// many of them.
    step: usize,
    others: usize,
}

struct Software {
    key: SoftwareKey,
    record: SoftwareRecord,
    evaluation: Evaluation,
    /// The key and the fingerprint as the database writes them.
    uuid: String,
    fingerprint: String,
}

fn platform() -> Platform {
    Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() }
}

impl Site {
    fn new(args: &SeedArgs) -> anyhow::Result<Self> {
        let (largest, other) = (Share::largest(args), Share::other(args));
        let least = if args.companies == 1 { largest } else { other };
        ensure!(
            least.hosts > 0 && least.software > COMMON_VERSIONS,
            "a company needs a host and more than {COMMON_VERSIONS} software rows"
        );
        let hosts = largest.hosts + (args.companies - 1) * other.hosts;
        let records = u32::try_from(args.installations / u64::from(hosts)).unwrap_or(u32::MAX);
        ensure!(
            records > 0 && records - 1 <= least.software - COMMON_VERSIONS,
            "a host cannot have {records} of {} software rows",
            least.software
        );
        let index = Index::open(&args.index)?;
        let rest = largest.software - COMMON_VERSIONS;
        let mut first_agent = 1;
        let companies = (1..=u64::from(args.companies)).map(|key| {
            let share = if key == 1 { largest } else { other };
            let company = Company {
                key,
                hosts: share.hosts,
                first_agent,
                step: (rest / (share.software - COMMON_VERSIONS).max(1)) as usize,
                others: (share.software - COMMON_VERSIONS) as usize,
            };
            first_agent += u64::from(share.hosts);
            company
        });
        Ok(Self {
            companies: companies.collect(),
            records,
            software: all_software(&index, largest.software)?,
            generation: matching::generation(&index),
        })
    }

    fn companies(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in &self.companies {
            Row::new()
                .number(company.key)
                .uuid(number_uuid(company.key))
                .text(&format!("Company {}", company.key))
                .text(SEEDED_AT)
                .end(out)?;
        }
        Ok(())
    }

    fn agents(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in &self.companies {
            for key in company.agents() {
                Row::new()
                    .number(company.key)
                    .number(key)
                    .uuid(number_uuid(key))
                    .text(&format!("host-{key}"))
                    .text(SEEDED_AT)
                    .text(SEEDED_AT)
                    .number(u64::from(self.records))
                    .end(out)?;
            }
        }
        Ok(())
    }

    fn software(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in &self.companies {
            for software in self.of_company(company) {
                software.row(company.key, self.generation).end(out)?;
            }
        }
        Ok(())
    }

    fn software_keys(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in &self.companies {
            for software in self.of_company(company) {
                for key in &software.evaluation.keys {
                    Row::new()
                        .number(company.key)
                        .signed(key.0.cast_signed())
                        .text(&software.uuid)
                        .end(out)?;
                }
            }
        }
        Ok(())
    }

    fn findings(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in &self.companies {
            for software in self.of_company(company) {
                for finding in &software.evaluation.findings {
                    Row::new()
                        .number(company.key)
                        .text(&software.uuid)
                        .text(&finding.cve)
                        .text(&finding.source)
                        .text(SEEDED_AT)
                        .text(finding.confidence.as_str())
                        .optional(finding.fixed_in.as_deref())
                        .text(&serde_json::to_string(&finding.why)?)
                        .end(out)?;
                }
            }
        }
        Ok(())
    }

    fn installations(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in &self.companies {
            let software: Vec<&Software> = self.of_company(company).collect();
            for (host, agent) in company.agents().enumerate() {
                for software in self.of_host(&software, host) {
                    Row::new()
                        .number(company.key)
                        .number(agent)
                        .text(&software.uuid)
                        .text(SEEDED_AT)
                        .text(&software.fingerprint)
                        .end(out)?;
                }
            }
        }
        Ok(())
    }

    /// The versions of the common product, then what the company has of the rest.
    fn of_company(&self, company: &Company) -> impl Iterator<Item = &Software> {
        let (common, rest) = self.software.split_at(COMMON_VERSIONS as usize);
        let rest = rest.iter().step_by(company.step).take(company.others);
        common.iter().chain(rest)
    }

    /// What a host has of its company's software: one version of the common product, and from each
    /// stretch of the rest one that is not its neighbour's.
    fn of_host<'a>(
        &self,
        software: &'a [&'a Software],
        host: usize,
    ) -> impl Iterator<Item = &'a Software> {
        let (common, rest) = software.split_at(COMMON_VERSIONS as usize);
        let others = (self.records - 1) as usize;
        let step = (rest.len() / others.max(1)).max(1);
        // By one a host: a larger stride that divides a stretch would give neighbours the same.
        let own = (0..others).filter_map(move |n| rest.get(n * step + (host + n) % step));
        let version = common.get(host % common.len());
        version.into_iter().chain(own).copied()
    }
}

impl Company {
    fn agents(&self) -> impl Iterator<Item = u64> + use<> {
        self.first_agent..self.first_agent + u64::from(self.hosts)
    }
}

/// What one company has of a site.
#[derive(Clone, Copy)]
struct Share {
    hosts: u32,
    software: u32,
}

impl Share {
    fn largest(args: &SeedArgs) -> Self {
        if args.large && args.companies > 1 {
            Self { hosts: args.hosts / 2, software: args.software / 2 }
        } else {
            Self { hosts: args.hosts / args.companies, software: args.software / args.companies }
        }
    }

    fn other(args: &SeedArgs) -> Self {
        if args.large && args.companies > 1 {
            let others = args.companies - 1;
            Self {
                hosts: (args.hosts - args.hosts / 2) / others,
                software: (args.software - args.software / 2) / others,
            }
        } else {
            Self::largest(args)
        }
    }
}

/// Different software, the versions of the common product first, the rest in the order of keys.
fn all_software(index: &Index, count: u32) -> anyhow::Result<Vec<Software>> {
    let catalogue = Catalogue::load()?;
    let packages: Vec<&SoftwareRecord> = POOLS
        .iter()
        .flat_map(|pool| catalogue.pool(*pool))
        .filter(|record| record.name != COMMON)
        .collect();
    let common = (0..COMMON_VERSIONS)
        .map(|n| SoftwareRecord::new(Source::Npm, COMMON, format!("4.{}.{}", n / 20, n % 20)));
    let mut all: Vec<Software> = common.map(|record| Software::new(index, record)).collect();
    let mut rest: Vec<Software> = (0..(count - COMMON_VERSIONS) as usize)
        .map(|n| {
            let mut record = packages[n % packages.len()].clone();
            // The same package as a later update, as often as there have to be rows.
            if let round @ 1.. = n / packages.len() {
                record.version = format!("{}.{round}", record.version);
            }
            Software::new(index, record)
        })
        .collect();
    // Keys are hashes: in their order every n-th row, which is what a small company has, is of all
    // kinds of packages.
    rest.sort_by_key(|software| software.key);
    rest.dedup_by_key(|software| software.key);
    all.extend(rest);
    Ok(all)
}

impl Software {
    fn new(index: &Index, record: SoftwareRecord) -> Self {
        let platform = platform();
        let key = SoftwareKey::of(&record, &platform);
        let evaluation = matching::evaluate(index, &subject(&record, &platform));
        Self {
            key,
            uuid: key.to_uuid().to_string(),
            fingerprint: RecordFingerprint::of(key, &record).to_uuid().to_string(),
            record,
            evaluation,
        }
    }

    /// In the order of [`SeedTable::target`].
    fn row(&self, company: u64, generation: u64) -> Row {
        let (record, platform) = (&self.record, platform());
        let identity = &self.evaluation.identity;
        Row::new()
            .number(company)
            .text(&self.uuid)
            .text(record.source.as_str())
            .text(&record.name)
            .text(&record.version)
            .optional(record.epoch.map(|epoch| epoch.to_string()).as_deref())
            .text(&record.release)
            .text(&record.arch)
            .text(&record.vendor)
            .text(&record.source_name)
            .text(&record.source_version)
            .text(&record.origin)
            .optional(record.running.map(|running| if running { "t" } else { "f" }))
            .text(&platform.family)
            .text(&platform.id)
            .text(&platform.version)
            .text(SEEDED_AT)
            .text(self.evaluation.status.as_str())
            .optional(self.evaluation.reason.as_deref())
            .text(&identity.rule)
            .list(&identity.cpes)
            .optional(identity.purl.as_deref())
            .signed(generation.cast_signed())
            .text(SEEDED_AT)
    }
}

fn subject<'a>(record: &'a SoftwareRecord, platform: &'a Platform) -> Subject<'a> {
    Subject {
        source: record.source.as_str(),
        name: &record.name,
        version: &record.version,
        epoch: record.epoch,
        release: &record.release,
        arch: &record.arch,
        vendor: &record.vendor,
        source_name: &record.source_name,
        source_version: &record.source_version,
        origin: &record.origin,
        bundle_id: &record.bundle_id,
        // The agent leaves out what a package of the system owns.
        is_standalone: true,
        // The agent's word: what its host does not run is other software, with a key of its own.
        running: record.running,
        updates: &[],
        platform: SubjectPlatform {
            family: &platform.family,
            id: &platform.id,
            version: &platform.version,
        },
    }
}

/// An id that says its number.
const fn number_uuid(number: u64) -> uuid::Uuid {
    // The 7 is the version and the highest bit of the second half the variant (RFC 9562, section
    // 5.7), so that it passes as one that the collector made.
    uuid::Uuid::from_u64_pair(0x0193_0000_0000_7000, 0x8000_0000_0000_0000 | number)
}

#[cfg(test)]
mod tests;
