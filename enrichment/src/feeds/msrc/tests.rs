//! Microsoft's documents, real ones and small ones, in each of their formats.

mod one_cve;
mod updates;

use super::*;
use crate::feeds::msrc::table::Table;

const APRIL: &str = include_str!("../../../tests/data/advisories/msrc-2024-apr.json");
const MARCH: &str = include_str!("../../../tests/data/advisories/msrc-2024-mar.json");
const OLD: &str = include_str!("../../../tests/data/advisories/msrc-2016-apr.json");
const EDGE: &str = include_str!("../../../tests/data/advisories/msrc-csaf-2025-29806.json");
const TABLE: &str = include_str!("../../../tests/data/advisories/msrc-updates.csv");

fn month(text: &str) -> Published {
    cvrf::parse(text.as_bytes()).unwrap()
}

fn of<'a>(published: &'a Published, id: &str) -> &'a Advisory {
    let mut found = published.advisories.iter().filter(|one| one.id == id);
    let advisory = found.next().unwrap_or_else(|| panic!("{id}: {published:?}"));
    assert!(found.next().is_none(), "{id} is there twice");
    advisory
}

/// Statements as `release package bounds note`, with the channel behind.
fn statements(advisory: &Advisory) -> Vec<String> {
    advisory
        .affected
        .iter()
        .map(|affected| {
            let Place::Distribution { release, channel, .. } = &affected.place else {
                panic!("{affected:?}");
            };
            let mut words = vec![release.as_str(), affected.package.as_str()];
            for span in &affected.spans {
                words.extend(span.introduced.as_deref());
                words.push(match &span.end {
                    Some(End::Fixed(version)) => version,
                    _ => "open",
                });
            }
            words.extend(affected.versions.iter().map(String::as_str));
            words.extend([affected.note.as_str(), channel.as_str()]);
            words.retain(|word| !word.is_empty());
            words.join(" ")
        })
        .collect()
}

/// A month of one CVE whose products are 1 (Windows 10 22H2), 2 (Server 2012 R2) and 3 (another).
fn small(statuses: &str, remedies: &str) -> String {
    format!(
        r#"{{"DocumentTracking":{{"Identification":{{"ID":{{"Value":"2024-Apr"}}}},
        "CurrentReleaseDate":"2024-04-09T07:00:00"}},
        "ProductTree":{{"Branch":[{{"Items":[{{"Items":[
            {{"ProductID":"1","Value":"Windows 10 Version 22H2 for x64-based Systems"}},
            {{"ProductID":"2","Value":"Windows Server 2012 R2"}},
            {{"ProductID":"3","Value":"Microsoft .NET Framework 4.8 on Windows Server 2012 R2"}}]}}]}}]}},
        "Vulnerability":[{{"CVE":"CVE-2024-26234","ProductStatuses":[{statuses}],
        "Threats":null,"Remediations":[{remedies}]}}]}}"#
    )
}

fn small_statements(statuses: &str, remedies: &str) -> Vec<String> {
    let published = month(&small(statuses, remedies));
    let found = published.advisories.iter().find(|one| !one.cves.is_empty());
    found.map(statements).unwrap_or_default()
}

const BOTH: &str = r#"{"ProductID":["1","2"],"Type":3}"#;

#[test]
fn a_month_says_which_update_and_which_build_repair_a_release() {
    let published = month(APRIL);
    let advisory = of(&published, "CVE-2024-26234");
    assert_eq!(
        statements(advisory),
        [
            "10 22h2 arm64 windows 10.0.19045.4291 KB5036892",
            "10 22h2 x64 windows 10.0.19045.4291 KB5036892",
            "10 22h2 x86 windows 10.0.19045.4291 KB5036892",
            "11 23h2 x64 windows 10.0.22631.3447 KB5036893",
            "server 2012 r2 windows 6.3.9600.21924 KB5036960",
            "server 2019 windows 10.0.17763.5696 KB5036896",
            "server 2019 core windows 10.0.17763.5696 KB5036896",
        ]
    );
    assert_eq!(
        (advisory.severity.as_str(), advisory.publisher),
        ("important", Publisher::Microsoft)
    );
    assert_eq!(advisory.modified, Timestamp::parse("2024-04-09T07:00:00"));
    assert_eq!(published.advisories.iter().filter(|one| !one.cves.is_empty()).count(), 3);
    assert!(published.problems.is_empty() && published.left_out.is_empty());
}

#[test]
fn a_month_says_which_update_holds_which_for_each_release() {
    let published = month(APRIL);
    assert_eq!(
        statements(of(&published, "KB5036896 2024-Apr")),
        [
            "server 2019 windows updates KB5035849 KB5036896",
            "server 2019 core windows updates KB5035849 KB5036896",
        ]
    );
}

#[test]
fn documents_of_before_2021_name_updates_without_builds() {
    let published = month(OLD);
    assert_eq!(
        statements(of(&published, "CVE-2016-0088")),
        [
            "10 1507 x64 windows open KB3147461",
            "8.1 x64 windows open KB3135456",
            "server 2012 windows open KB3135456",
            "server 2012 core windows open KB3135456",
            "server 2012 r2 windows open KB3135456",
            "server 2012 r2 core windows open KB3135456",
        ]
    );
}

#[test]
fn programs_with_versions_of_their_own_are_lines() {
    let published = month(MARCH);
    assert_eq!(
        statements(of(&published, "CVE-2024-21392")),
        [
            "microsoft:.net 7.0 7.0.17",
            "microsoft:.net 8.0 8.0.3",
            "microsoft:visual_studio_2022 17.4 17.4.17",
            "microsoft:visual_studio_2022 17.6 17.6.13",
            "microsoft:visual_studio_2022 17.8 17.8.8",
            "microsoft:visual_studio_2022 17.9 17.9.3",
        ]
    );
}

#[test]
fn a_fix_of_another_kind_says_nothing() {
    // Type 5 is a known issue, 6 a note, and a fix that is neither an update nor a build is a link.
    let remedies = r#"{"Type":5,"ProductID":["1"],"Description":{"Value":"5036892"},"FixedBuild":"10.0.19045.4291"},
        {"Type":2,"ProductID":["2"],"Description":{"Value":"More Information"},"FixedBuild":""}"#;
    assert_eq!(small_statements(BOTH, remedies), ["10 22h2 x64 windows open"]);
}

#[test]
fn a_fix_for_what_is_not_affected_is_no_statement() {
    let remedies = r#"{"Type":2,"ProductID":["1","2"],"Description":{"Value":"5036892"},"FixedBuild":"10.0.19045.4291"}"#;
    let status = r#"{"ProductID":["1"],"Type":3},{"ProductID":["2"],"Type":4}"#;
    assert_eq!(
        small_statements(status, remedies),
        ["10 22h2 x64 windows 10.0.19045.4291 KB5036892"]
    );
}

#[test]
fn builds_that_are_none_of_the_release_are_left_out() {
    // Internet Explorer's updates are numbered anyhow, and hotpatches are a line of their own.
    let remedies = r#"{"Type":2,"ProductID":["2"],"Description":{"Value":"5029243"},"FixedBuild":"10.0.0.0","SubType":"IE Cumulative"},
        {"Type":2,"ProductID":["2"],"Description":{"Value":"5022835"},"FixedBuild":"6.3.9600.20818","SubType":"IE Cumulative"},
        {"Type":2,"ProductID":["1"],"Description":{"Value":"5036893"},"FixedBuild":"10.0.22631.3447","SubType":"Security Update"},
        {"Type":2,"ProductID":["1"],"Description":{"Value":"5036999"},"FixedBuild":"10.0.19045.4280","SubType":"SecurityHotpatchUpdate"}"#;
    assert_eq!(
        small_statements(BOTH, remedies),
        [
            "10 22h2 x64 windows open KB5036893",
            "10 22h2 x64 windows 10.0.19045.4280 KB5036999 hotpatch",
            "server 2012 r2 windows open KB5022835 ie cumulative",
            "server 2012 r2 windows open KB5029243 ie cumulative",
        ]
    );
}

#[test]
fn what_is_replaced_is_read_from_every_way_of_writing_it() {
    let supercedence =
        ["5035845; 5034763", "5035845<br><br>5034763", "KB5035845,KB5034763 5036892"];
    for text in supercedence {
        let remedies = format!(
            r#"{{"Type":2,"ProductID":["1"],"Description":{{"Value":"5036892"}},"FixedBuild":"10.0.19045.4291","Supercedence":"{text}"}}"#
        );
        let published = month(&small(BOTH, &remedies));
        assert_eq!(
            statements(of(&published, "KB5036892 2024-Apr")),
            ["10 22h2 x64 windows updates KB5034763 KB5035845 KB5036892"],
            "{text}"
        );
    }
    for text in ["", "None", "MS16-047", "5036892"] {
        let remedies = format!(
            r#"{{"Type":2,"ProductID":["1"],"Description":{{"Value":"5036892"}},"FixedBuild":"10.0.19045.4291","Supercedence":"{text}"}}"#
        );
        assert_eq!(month(&small(BOTH, &remedies)).advisories.len(), 1, "{text}");
    }
}

#[test]
fn components_on_top_of_windows_are_left_out_and_counted_without_it() {
    let status = r#"{"ProductID":["1","3","9"],"Type":3}"#;
    let published = month(&small(status, ""));
    assert_eq!(
        published.left_out,
        ["Microsoft: Microsoft .NET Framework 4.8", "Microsoft: a product without a name"]
    );
    assert_eq!(small_statements(status, ""), ["10 22h2 x64 windows open"]);
}

#[test]
fn one_bad_vulnerability_is_skipped_alone_and_advisories_without_a_cve_are_not_used() {
    for (cve, skipped, not_used) in [("CVE-24", 1, 0), ("ADV990001", 0, 1)] {
        let published = month(&APRIL.replace("\"CVE-2024-26234\"", &format!("{cve:?}")));
        let found = published.advisories.iter().filter(|one| !one.cves.is_empty());
        assert_eq!(found.count(), 2, "{cve}");
        assert_eq!((published.problems.len(), published.not_used), (skipped, not_used), "{cve}");
    }
    let odd = APRIL.replacen("\"Type\": 3", "\"Type\": \"three\"", 1);
    assert_eq!(month(&odd).problems[0].record, "vulnerability 1");
}

#[test]
fn a_bad_month_is_refused_with_the_reason() {
    for (from, to, reason) in [
        ("2024-05-14T07:00:00", "soon", "expected an instant"),
        ("\"ProductTree\": {", "\"ProductTree\": [{", "expected"),
        ("\"Identification\"", "\"Nothing\"", "Identification"),
    ] {
        let document = APRIL.replace(from, to);
        assert_ne!(document, APRIL, "{from}");
        let refused = cvrf::parse(document.as_bytes()).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn the_worst_severity_of_any_product_counts() {
    assert_eq!(worse("", "Important"), "important");
    assert_eq!(worse("important", "Moderate"), "important");
    assert_eq!(worse("important", " Critical "), "critical");
    assert_eq!(worse("low", "Defense in Depth"), "low");
}
