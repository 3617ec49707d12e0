//! Trains a dictionary for packed frames on real package lists, and measures what one is worth.
//!
//! ```text
//! dictionary train BYTES OUT < records.tsv     writes a dictionary of at most BYTES to OUT
//! dictionary measure < records.tsv             prints bytes a record on the wire, host by host
//! ```
//!
//! A line is one record, with tabs between its fields: host, platform family, platform id,
//! platform version, source, name, version, epoch, release, arch, vendor, source name, source
//! version, origin, bundle id, installed at (seconds since 1970), locations with `|` between them.
//! The lines of a host stand together. Each host becomes the snapshot that an agent would send.

use std::error::Error;
use std::io::{self, Write};

use protocol::fingerprint::SoftwareKey;
use protocol::frame::{HEADER_BYTES, Packer};
use protocol::host::Platform;
use protocol::ids::Position;
use protocol::limits::REPORT_RECORDS_MAX;
use protocol::message::AgentMessage;
use protocol::report::{Report, ReportBody};
use protocol::software::SoftwareRecord;

/// Training on more than this brings nothing and takes minutes.
const TRAINING_REPORTS_MAX: usize = 4_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let hosts = read_hosts(&io::read_to_string(io::stdin())?)?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["train", bytes, out] => std::fs::write(out, train(&hosts, bytes.parse()?)?)?,
        ["measure"] => measure(&hosts, &mut io::stdout())?,
        _ => return Err("usage: dictionary train BYTES OUT | dictionary measure".into()),
    }
    Ok(())
}

struct Host {
    name: String,
    platform: Platform,
    records: Vec<SoftwareRecord>,
}

fn read_hosts(text: &str) -> Result<Vec<Host>, Box<dyn Error>> {
    let mut hosts: Vec<Host> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let fields: Vec<_> = line.split('\t').collect();
        let &[host, family, id, version, ref record @ ..] = &fields[..] else {
            return Err(format!("line {}: too few fields", number + 1).into());
        };
        let record = read_record(record).map_err(|e| format!("line {}: {e}", number + 1))?;
        match hosts.last_mut() {
            Some(last) if last.name == host => last.records.push(record),
            _ => hosts.push(Host {
                name: host.to_owned(),
                platform: Platform {
                    family: family.to_owned(),
                    id: id.to_owned(),
                    version: version.to_owned(),
                },
                records: vec![record],
            }),
        }
    }
    Ok(hosts)
}

fn read_record(fields: &[&str]) -> Result<SoftwareRecord, Box<dyn Error>> {
    let &[
        source,
        name,
        version,
        epoch,
        release,
        arch,
        vendor,
        source_name,
        source_version,
        origin,
        bundle_id,
        installed_at,
        locations,
    ] = fields
    else {
        return Err(format!("{} fields of a record, 13 are needed", fields.len()).into());
    };
    let number = |text: &str| match text {
        "" => Ok(None),
        text => text.parse().map(Some),
    };
    let places = locations.split('|').filter(|place| !place.is_empty());
    Ok(SoftwareRecord {
        epoch: number(epoch)?,
        release: release.to_owned(),
        arch: arch.to_owned(),
        vendor: vendor.to_owned(),
        source_name: source_name.to_owned(),
        source_version: source_version.to_owned(),
        origin: origin.to_owned(),
        bundle_id: bundle_id.to_owned(),
        installed_at_s: number(installed_at)?,
        locations: places.map(str::to_owned).collect(),
        ..SoftwareRecord::new(source.parse()?, name, version)
    })
}

/// The messages of a host's first snapshot, in the order of its keys as an agent sends them.
fn snapshot(host: &Host) -> Vec<Vec<u8>> {
    let mut keyed: Vec<_> = host
        .records
        .iter()
        .map(|record| (SoftwareKey::of(record, &host.platform), record.clone()))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    // A host has one record a key, which a list that was put together by hand may not keep.
    keyed.dedup_by_key(|(key, _)| *key);
    let parts: Vec<_> = keyed.chunks(REPORT_RECORDS_MAX).collect();
    let first_key = |part: &[(SoftwareKey, SoftwareRecord)]| part.first().map(|(key, _)| *key);
    parts
        .iter()
        .enumerate()
        .map(|(i, part)| {
            let seq = u32::try_from(i + 1).unwrap_or(u32::MAX);
            AgentMessage::Report(Report {
                position: Position::new(1, seq),
                made_at_ms: 1_732_150_000_000 + u64::from(seq),
                platform: host.platform.clone(),
                facts: None,
                sources: Vec::new(),
                body: ReportBody::Snapshot {
                    from: first_key(part).filter(|_| i > 0).unwrap_or(SoftwareKey(0)),
                    to: parts.get(i + 1).and_then(|next| first_key(next)),
                    records: part.iter().map(|(_, record)| record.clone()).collect(),
                },
                digest: None,
            })
            .encode()
        })
        .collect()
}

fn train(hosts: &[Host], bytes: usize) -> io::Result<Vec<u8>> {
    let mut samples: Vec<_> = hosts.iter().flat_map(snapshot).collect();
    // Evenly from all hosts, and not the first so many: the samples of a host stand together, and a
    // dictionary of the first hundred hosts would know nothing of the others.
    let step = samples.len().div_ceil(TRAINING_REPORTS_MAX).max(1);
    let mut number = 0;
    samples.retain(|_| {
        number += 1;
        number % step == 0
    });
    zstd::dict::from_samples(&samples, bytes)
}

fn measure(hosts: &[Host], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut packer = Packer::new()?;
    for host in hosts {
        let messages = snapshot(host);
        let plain: usize = messages.iter().map(Vec::len).sum();
        let mut packed = 0;
        for message in messages {
            packed += HEADER_BYTES + packer.pack(message)?.payload.len();
        }
        let records = host.records.len();
        let per_record = |bytes: usize| {
            let tenths = (bytes * 10 + records / 2) / records.max(1);
            format!("{}.{}", tenths / 10, tenths % 10)
        };
        writeln!(
            out,
            "{}: {records} records, {} bytes a record plain, {} packed, {packed} bytes in all",
            host.name,
            per_record(plain),
            per_record(packed),
        )?;
    }
    Ok(())
}
