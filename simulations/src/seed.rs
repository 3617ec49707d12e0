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

/// Prints the rows of a table.
///
/// # Errors
///
/// When the sizes do not fit each other, the index cannot be opened, or the rows cannot be written.
pub fn write(args: &SeedArgs, out: &mut impl Write) -> anyhow::Result<()> {
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

/// A site. All companies have the same software, each its own rows of it.
struct Site {
    companies: u32,
    /// Hosts of one company.
    hosts: u32,
    /// Records of one host.
    records: u32,
    software: Vec<Software>,
    generation: u64,
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
    Platform {
        family: "linux".to_owned(),
        id: "debian".to_owned(),
        version: "12".to_owned(),
    }
}

impl Site {
    fn new(args: &SeedArgs) -> anyhow::Result<Self> {
        let hosts = args.hosts / args.companies;
        let software = args.software / args.companies;
        ensure!(
            hosts > 0 && software > COMMON_VERSIONS,
            "a company needs a host and more than {COMMON_VERSIONS} software rows"
        );
        let records = args.installations / u64::from(args.companies) / u64::from(hosts);
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        ensure!(
            records > 0 && records - 1 <= software - COMMON_VERSIONS,
            "a host cannot have {records} of {software} software rows"
        );
        let index = Index::open(&args.index)?;
        Ok(Self {
            companies: args.companies,
            hosts,
            records,
            software: all_software(&index, software)?,
            generation: matching::generation(&index),
        })
    }

    fn companies(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in self.company_keys() {
            Row::new()
                .number(company)
                .uuid(number_uuid(company))
                .text(&format!("Company {company}"))
                .text(SEEDED_AT)
                .end(out)?;
        }
        Ok(())
    }

    fn agents(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in self.company_keys() {
            for host in 0..self.hosts {
                let key = self.agent_key(company, host);
                Row::new()
                    .number(company)
                    .number(key)
                    .uuid(number_uuid(key))
                    .text(&format!("host-{key}"))
                    .text(SEEDED_AT)
                    .text(SEEDED_AT)
                    .end(out)?;
            }
        }
        Ok(())
    }

    fn software(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in self.company_keys() {
            for software in &self.software {
                software.row(company, self.generation).end(out)?;
            }
        }
        Ok(())
    }

    fn software_keys(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in self.company_keys() {
            for software in &self.software {
                for key in &software.evaluation.keys {
                    Row::new()
                        .number(company)
                        .signed(key.0.cast_signed())
                        .text(&software.uuid)
                        .end(out)?;
                }
            }
        }
        Ok(())
    }

    fn findings(&self, out: &mut impl Write) -> std::io::Result<()> {
        for company in self.company_keys() {
            for software in &self.software {
                for finding in &software.evaluation.findings {
                    Row::new()
                        .number(company)
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
        for company in self.company_keys() {
            for host in 0..self.hosts {
                let agent = self.agent_key(company, host);
                for software in self.of_host(host) {
                    Row::new()
                        .number(company)
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

    fn company_keys(&self) -> impl Iterator<Item = u64> + use<> {
        (1..=self.companies).map(u64::from)
    }

    fn agent_key(&self, company: u64, host: u32) -> u64 {
        company * u64::from(self.hosts) + u64::from(host)
    }

    /// What a host has: one version of the common product, and from each stretch of the rest one
    /// that is not its neighbour's.
    fn of_host(&self, host: u32) -> impl Iterator<Item = &Software> {
        let (common, rest) = self.software.split_at(COMMON_VERSIONS as usize);
        let others = self.records - 1;
        let step = (rest.len() / (others.max(1) as usize)).max(1);
        let own = (0..others as usize)
            .filter_map(move |n| rest.get(n * step + (host as usize * 7 + n) % step));
        common
            .get((host % COMMON_VERSIONS) as usize)
            .into_iter()
            .chain(own)
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

    /// In the order of `scripts/scale.sh`.
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
        platform: SubjectPlatform {
            family: &platform.family,
            id: &platform.id,
            version: &platform.version,
        },
    }
}

/// An id that says its number.
const fn number_uuid(number: u64) -> uuid::Uuid {
    uuid::Uuid::from_u64_pair(0x0193_0000_0000_7000, 0x8000_0000_0000_0000 | number)
}

#[cfg(test)]
mod tests;
