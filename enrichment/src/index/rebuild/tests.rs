//! An index that is made out of the one before is the one that a build of everything makes, byte for
//! byte, whatever came and went.

mod odd;

use proptest::prelude::*;

use super::*;
use crate::advisory::{Advisory, Affected, End, PackageKind, Place, Publisher, Span, Verdict};
use crate::cve::{CveRecord, RecordSource};
use crate::testing::{any_of, app, on, record, system};
use crate::version::Scheme;

/// What one feed file holds.
#[derive(Clone, Debug, Default)]
struct Feed {
    cves: Vec<CveRecord>,
    advisories: Vec<Advisory>,
}

impl Feed {
    /// Stands for the SHA-256 of the file.
    fn content(&self) -> ContentId {
        let mut content = [0_u8; 32];
        for (at, byte) in format!("{self:?}").bytes().enumerate() {
            let byte_of = &mut content[at % 32];
            *byte_of = byte_of.wrapping_mul(31).wrapping_add(byte);
        }
        content
    }

    fn read(&self, builder: &mut Builder) {
        for record in &self.cves {
            builder.add(record).unwrap();
        }
        for advisory in &self.advisories {
            builder.add_advisory(advisory).unwrap();
        }
    }
}

/// A CVE's record: which CVE, in which version of it, by whom.
fn cve(number: u8, version: u8, by: u8) -> CveRecord {
    let id = format!("CVE-2024-000{number}");
    let upper = format!(r#""versionEndExcluding":"{version}.{number}""#);
    let product = app(&format!("v{}:p{number}:*", version % 2));
    let configurations = match (number + version) % 4 {
        0 => "[]".to_owned(),
        1 => any_of(&[(&product, &upper), (&app("same:same:1.0"), "")]),
        2 => any_of(&[(&app(&format!("v:p:{version}.0:rc1")), "")]),
        _ => on(&[(&product, &upper)], &[&system("linux:linux_kernel:-")]),
    };
    let mut record = record(&id, i64::from(version), &configurations);
    record.source = match by {
        0 => RecordSource::Nvd,
        1 => RecordSource::Anchore,
        _ => RecordSource::Cisa,
    };
    record.is_correction = by == 1 && version == 3;
    if version == 5 {
        record.status = "Rejected".to_owned();
    }
    record
}

fn advisory(number: u8, version: u8, by: u8) -> Advisory {
    let publisher = if by == 0 { Publisher::Debian } else { Publisher::Ubuntu };
    let place = |release: u8| Place::Distribution {
        id: publisher.as_str().to_owned(),
        release: format!("{release}"),
        channel: String::new(),
    };
    let affected = |release: u8| Affected {
        place: place(release),
        package: format!("package{}", number % 2),
        kind: PackageKind::Source,
        module: String::new(),
        verdict: if version == 2 { Verdict::NotAffected } else { Verdict::Affected },
        spans: vec![Span {
            introduced: None,
            end: Some(End::Fixed(format!("{version}.{number}"))),
        }],
        versions: if version == 3 { vec!["7".to_owned()] } else { Vec::new() },
        // One text under two schemes is two bounds.
        scheme: if by == 0 { Scheme::Deb } else { Scheme::Rpm },
        note: format!("note {}", version % 2),
    };
    Advisory {
        id: format!("A-{number}"),
        publisher,
        cves: vec![format!("CVE-2024-000{number}").parse().unwrap()],
        modified: Some(Timestamp(i64::from(version))),
        is_withdrawn: version == 4,
        severity: format!("severity {version}"),
        affected: (0..=number % 3).map(affected).collect(),
    }
}

fn feed() -> impl Strategy<Value = Feed> {
    let pick = || (0..6_u8, 0..6_u8, 0..3_u8);
    let cves = proptest::collection::vec(pick(), 0..8);
    let advisories = proptest::collection::vec(pick(), 0..5);
    (cves, advisories).prop_map(|(cves, advisories)| Feed {
        cves: cves.into_iter().map(|(n, v, by)| cve(n, v, by)).collect(),
        advisories: advisories.into_iter().map(|(n, v, by)| advisory(n, v, by % 2)).collect(),
    })
}

/// A folder with extracts and an index.
struct Site {
    folder: tempfile::TempDir,
    extracts: Extracts,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let extracts = Extracts::in_folder(folder.path().join("extracts"));
        Self { folder, extracts }
    }

    fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(self.index()).unwrap()
    }

    /// Reads the feeds that have no extract yet, and builds.
    fn sync(&self, feeds: &[Feed], made_at: i64) -> BuildReport {
        let contents: Vec<ContentId> = feeds.iter().map(Feed::content).collect();
        for feed in feeds {
            if self.extracts.open(&feed.content()).is_err() {
                let mut builder = Builder::new();
                feed.read(&mut builder);
                self.extracts.keep(&builder, &feed.content()).unwrap();
            }
        }
        let report = self.extracts.build(&self.index(), &contents, Timestamp(made_at));
        self.extracts.retain(&contents).unwrap();
        report.unwrap()
    }
}

/// What a build of everything makes.
fn anew(feeds: &[Feed], made_at: i64) -> (Vec<u8>, BuildReport) {
    let site = Site::new();
    let report = site.sync(feeds, made_at);
    (site.bytes(), report)
}

/// The reason for which all of it was made anew.
fn reason(report: &BuildReport) -> &'static str {
    match report.rebuilt {
        Rebuilt::All { reason } => reason,
        Rebuilt::Changed { .. } => "",
    }
}

proptest! {
    #[test]
    fn it_is_the_index_that_a_build_of_everything_makes(
        states in proptest::collection::vec(proptest::collection::vec(feed(), 1..4), 2..5),
        stays in any::<bool>(),
    ) {
        let site = Site::new();
        let mut before: Option<Vec<Feed>> = None;
        for (made_at, mut feeds) in (1..).zip(states) {
            // Some files stay from one sync to the next.
            feeds.extend(before.iter().flatten().take(usize::from(stays)).cloned());
            let report = site.sync(&feeds, made_at);
            prop_assert_eq!(reason(&report).is_empty(), before.is_some(), "{}", reason(&report));
            let (expected, of_all) = anew(&feeds, made_at);
            prop_assert!(site.bytes() == expected, "at {made_at}: {report:?}");
            prop_assert_eq!((report.records, report.stats), (of_all.records, of_all.stats));
            let mut builder = Builder::new();
            feeds.iter().for_each(|feed| feed.read(&mut builder));
            let read = Index::from_bytes(builder.into_bytes().unwrap()).unwrap();
            prop_assert_eq!(read.generation(), report.generation);
            before = Some(feeds);
        }
    }
}

fn feed_of(cves: &[(u8, u8)]) -> Feed {
    Feed {
        cves: cves.iter().map(|(number, version)| cve(*number, *version, 0)).collect(),
        advisories: vec![advisory(1, 1, 0)],
    }
}

#[test]
fn only_what_differs_between_a_file_and_its_next_version_is_judged_anew() {
    let site = Site::new();
    site.sync(&[feed_of(&[(1, 1), (2, 1), (3, 1)])], 1);
    let report = site.sync(&[feed_of(&[(1, 1), (2, 2), (4, 1)])], 2);
    let expected = Rebuilt::Changed { cves: 3, advisories: 0 };
    assert_eq!(report.rebuilt, expected, "2 is another, 3 has gone, 4 has come");
}

#[test]
fn what_has_gone_leaves_no_trace() {
    let site = Site::new();
    let stays = feed_of(&[(1, 1)]);
    site.sync(std::slice::from_ref(&stays), 1);
    let alone = Index::open(&site.index()).unwrap().generation();
    site.sync(&[stays.clone(), feed_of(&[(5, 2), (3, 1)])], 2);
    assert_ne!(Index::open(&site.index()).unwrap().generation(), alone);
    site.sync(&[stays], 3);
    assert_eq!(Index::open(&site.index()).unwrap().generation(), alone);
}

#[test]
fn a_damaged_index_is_made_anew_of_the_extracts_and_it_is_said() {
    let feeds = [feed_of(&[(1, 1)]), feed_of(&[(2, 1)])];
    let site = Site::new();
    site.sync(&feeds, 1);
    let good = site.bytes();
    for bytes in [&good[..good.len() / 2], b"", &[good.as_slice(), b"more"].concat()] {
        fs::write(site.index(), bytes).unwrap();
        let report = site.sync(&feeds, 1);
        assert!(reason(&report).contains("no index before"), "{}", reason(&report));
        assert_eq!(site.bytes(), good);
    }
}

#[test]
fn an_index_that_does_not_tell_what_it_is_made_of_is_not_gone_by() {
    let feeds = [feed_of(&[(1, 1)])];
    let site = Site::new();
    let mut builder = Builder::new();
    feed_of(&[(5, 1)]).read(&mut builder);
    builder.write(&site.index()).unwrap();
    let report = site.sync(&feeds, 1);
    assert!(reason(&report).contains("does not tell"), "{}", reason(&report));
    assert_eq!(site.bytes(), anew(&feeds, 1).0);
}

#[test]
fn a_missing_extract_of_a_file_that_has_gone_makes_it_a_build_of_everything() {
    let (gone, stays) = (feed_of(&[(1, 1)]), feed_of(&[(2, 1)]));
    let site = Site::new();
    site.sync(&[gone.clone(), stays.clone()], 1);
    fs::remove_file(site.extracts.path(&gone.content())).unwrap();
    let report = site.sync(std::slice::from_ref(&stays), 2);
    assert!(reason(&report).contains("gone"), "{}", reason(&report));
    assert_eq!(site.bytes(), anew(&[stays], 2).0);
}

#[test]
fn a_damaged_extract_is_not_taken_and_the_index_stays() {
    let feed = feed_of(&[(1, 1), (2, 2)]);
    let site = Site::new();
    site.sync(std::slice::from_ref(&feed), 1);
    let (index, path) = (site.bytes(), site.extracts.path(&feed.content()));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let other = feed_of(&[(3, 1)]);
    let contents = [feed.content(), other.content()];
    for missing in [true, false] {
        let built = site.extracts.build(&site.index(), &contents, Timestamp(2));
        assert!(built.is_err(), "missing: {missing}");
        assert_eq!(site.bytes(), index);
        let mut builder = Builder::new();
        other.read(&mut builder);
        site.extracts.keep(&builder, &other.content()).unwrap();
    }
    // Read again, it is as if nothing had been.
    let feeds = [feed, other];
    site.sync(&feeds, 2);
    assert_eq!(site.bytes(), anew(&feeds, 2).0);
}

#[test]
fn a_clock_that_goes_back_makes_no_index_older_than_the_one_before() {
    let site = Site::new();
    site.sync(&[feed_of(&[(1, 1)])], 1_000);
    site.sync(&[feed_of(&[(1, 2)])], 10);
    let made_at = Index::open(&site.index()).unwrap().made_at();
    assert_eq!(made_at, Some(Timestamp(1_001)));
}

#[test]
fn extracts_of_other_files_and_halves_are_removed() {
    let site = Site::new();
    let feed = feed_of(&[(1, 1)]);
    site.sync(std::slice::from_ref(&feed), 1);
    let folder = site.folder.path().join("extracts");
    fs::write(folder.join("ab.extract"), b"of a file that has gone").unwrap();
    fs::write(folder.join("cd.extract.partial"), b"half").unwrap();
    site.extracts.retain(&[feed.content()]).unwrap();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert!(site.extracts.open(&feed.content()).is_ok());
    let nowhere = Extracts::in_folder(site.folder.path().join("none"));
    assert!(nowhere.retain(&[]).is_ok(), "there is nothing to remove yet");
}
