//! What the messages of the files are made from.

use protocol::fingerprint::{InventoryDigest, SoftwareKey};
use protocol::host::{HostFacts, Platform};
use protocol::ids::Position;
use protocol::message::Settings;
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source, SourceState, SourceStatus};

pub(crate) fn debian() -> Platform {
    Platform { family: "linux".to_owned(), id: "debian".to_owned(), version: "12".to_owned() }
}

pub(crate) fn facts() -> HostFacts {
    HostFacts {
        hostname: "web-1.example".to_owned(),
        platform: debian(),
        os_name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        os_codename: "bookworm".to_owned(),
        os_build: String::new(),
        kernel: "6.1.0-41-amd64".to_owned(),
        arch: "x86_64".to_owned(),
        cpu_model: "AMD EPYC 7763 64-Core Processor".to_owned(),
        cpu_count: 4,
        memory_bytes: 17_179_869_184,
        agent_version: "0.1.0".to_owned(),
    }
}

pub(crate) fn sources() -> Vec<SourceStatus> {
    vec![
        SourceStatus {
            source: Source::Deb,
            state: SourceState::Ok,
            reason: String::new(),
            records: 3,
            took_ms: 12,
        },
        SourceStatus {
            source: Source::Rpm,
            state: SourceState::Failed,
            reason: "/var/lib/rpm/rpmdb.sqlite is not a database".to_owned(),
            records: 0,
            took_ms: 1,
        },
    ]
}

/// Records in which every field is set at least once and empty at least once.
pub(crate) fn records() -> Vec<SoftwareRecord> {
    let bind = SoftwareRecord {
        arch: "amd64".to_owned(),
        vendor: "Debian DNS Team <team+dns@tracker.debian.org>".to_owned(),
        source_name: "bind9".to_owned(),
        installed_at_s: Some(1_700_000_000),
        ..SoftwareRecord::new(Source::Deb, "bind9-host", "1:9.18.33-1~deb12u2")
    };
    let gcc = SoftwareRecord {
        arch: "amd64".to_owned(),
        vendor: "Debian GCC Maintainers <debian-gcc@lists.debian.org>".to_owned(),
        source_name: "gcc-defaults".to_owned(),
        source_version: "1.203".to_owned(),
        installed_at_s: Some(1_700_000_003),
        ..SoftwareRecord::new(Source::Deb, "gcc", "4:12.2.0-3")
    };
    let openssl = SoftwareRecord {
        epoch: Some(1),
        release: "47.el8_10".to_owned(),
        arch: "x86_64".to_owned(),
        vendor: "Red Hat, Inc.".to_owned(),
        origin: "baseos".to_owned(),
        ..SoftwareRecord::new(Source::Rpm, "openssl-libs", "1.1.1k")
    };
    let firefox = SoftwareRecord {
        bundle_id: "org.mozilla.firefox".to_owned(),
        locations: vec![
            "/Applications/Firefox.app".to_owned(),
            "/Users/ada/Applications/Firefox.app".to_owned(),
        ],
        ..SoftwareRecord::new(Source::Apps, "Firefox", "145.0")
    };
    let kernel = |version: &str, running| SoftwareRecord {
        arch: "amd64".to_owned(),
        source_name: "linux-signed-amd64".to_owned(),
        running: Some(running),
        ..SoftwareRecord::new(Source::Deb, format!("linux-image-{version}-amd64"), version)
    };
    vec![bind, gcc, openssl, firefox, kernel("6.1.0-41", true), kernel("6.1.0-40", false)]
}

pub(crate) fn snapshot() -> Report {
    let mut records = records();
    records.sort_by_key(|record| SoftwareKey::of(record, &debian()));
    Report {
        position: Position::new(1, 1),
        made_at_ms: 1_732_150_000_000,
        platform: debian(),
        facts: Some(Box::new(facts())),
        sources: sources(),
        body: ReportBody::Snapshot {
            from: SoftwareKey(0),
            to: Some(SoftwareKey(u128::MAX)),
            records,
        },
        digest: None,
    }
}

pub(crate) fn delta() -> Report {
    let [bind, gcc, ..] = &records()[..] else {
        panic!("two records at least");
    };
    Report {
        // Past what two bytes of LEB128 hold.
        position: Position::new(3, 70_000),
        made_at_ms: 1_732_153_600_000,
        platform: debian(),
        facts: None,
        sources: Vec::new(),
        body: ReportBody::Delta {
            upserts: vec![bind.clone()],
            removes: vec![SoftwareKey::of(gcc, &debian()), SoftwareKey(1)],
        },
        digest: Some(InventoryDigest { count: 1, sum: u128::MAX }),
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        revision: 9,
        heartbeat_every_s: 600,
        scan_every_s: 7_200,
        sources_off: vec![Source::Python, Source::FirefoxAddon],
    }
}
