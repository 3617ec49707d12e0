//! Installed updates, what they replace, and hosts that tell nothing else.

use super::*;

#[test]
fn installed_updates_hold_what_they_replace() {
    let index = index(&[TABLE]);
    let has = |numbers: &[&str]| -> Vec<String> {
        let updates = updates(numbers);
        let evaluation = evaluate(&index, &server_2012_r2(&updates));
        assert_eq!(evaluation.status, Status::Evaluated);
        cves(&evaluation).into_iter().map(str::to_owned).collect()
    };
    let all =
        ["CVE-2016-0088", "CVE-2024-20674", "CVE-2024-21340", "CVE-2024-21427", "CVE-2024-21429"];
    assert_eq!(has(&["2919355"]), all);
    // March holds February and January, and knows nothing of April.
    assert_eq!(has(&["5035885"]), ["CVE-2016-0088", "CVE-2024-21427"]);
    // April holds them all; the chain does not reach back to 2016.
    assert_eq!(has(&["5036960"]), ["CVE-2016-0088"]);
    assert_eq!(has(&["5036960", "3135456"]), [""; 0]);
}

#[test]
fn updates_that_a_record_of_an_agent_names_count_as_those_of_a_question() {
    let index = index(&[TABLE]);
    let in_record = Subject { origin: "KB5036960 KB3135456", ..server_2012_r2(&[]) };
    let evaluation = evaluate(&index, &in_record);
    assert_eq!(evaluation.status, Status::Evaluated);
    assert_eq!(cves(&evaluation), [""; 0]);
}

#[test]
fn a_finding_by_updates_alone_names_the_update() {
    let index = index(&[TABLE]);
    let updates = updates(&["5035885"]);
    let found = finding(&index, &server_2012_r2(&updates), "CVE-2024-21427").unwrap();
    assert_eq!(
        (found.fixed_in.as_deref(), found.confidence),
        (Some("KB5036960"), Confidence::High)
    );
    assert_eq!(found.why.range, None);
    assert_eq!(found.why.conditions, ["of the installed updates none is or holds KB5036960"]);
}

#[test]
fn why_not_says_that_an_installed_update_has_the_fix() {
    let index = index(&[TABLE]);
    let updates = updates(&["5036960"]);
    let answer = why_not(&index, &server_2012_r2(&updates), "CVE-2024-21340");
    assert_eq!(answer.step, Step::Update);
    assert_eq!(answer.detail, "an installed update is or holds KB5034819 (windows server 2012 r2)");
}

#[test]
fn a_build_implies_the_updates_before_it() {
    // The table has no builds; April's document has that of KB5036892, which holds what was before.
    let index = index(&[TABLE, APRIL]);
    let behind = evaluate(&index, &pro("10.0.19045.4291"));
    assert_eq!(behind.status, Status::Evaluated);
    assert!(behind.findings.is_empty(), "{:?}", cves(&behind));
    let answer = why_not(&index, &pro("10.0.19045.4291"), "CVE-2024-21338");
    assert_eq!(answer.step, Step::Update);
    assert!(
        answer.detail.starts_with("an update that build 10.0.19045.4291 has"),
        "{}",
        answer.detail
    );
}

#[test]
fn a_cumulative_update_holds_earlier_ones_even_where_the_chain_is_broken() {
    // Between two security updates may lie one that is none, and that no document names.
    let broken = TABLE.replace("\"5034763\",\"\"", "\"5034000\",\"\"");
    assert_ne!(broken, TABLE);
    let index = index(&[&broken, APRIL]);
    assert!(evaluate(&index, &pro("10.0.19045.4291")).findings.is_empty());
    // Older releases have updates that hold one month alone, so there the chain is all.
    let broken = TABLE.replace("\"5034819\",\"\"", "\"5034000\",\"\"");
    let index = index_with(&[&broken], &[]);
    let updates = updates(&["5036960"]);
    let found = evaluate(&index, &server_2012_r2(&updates));
    assert_eq!(cves(&found), ["CVE-2016-0088", "CVE-2024-20674", "CVE-2024-21340"]);
}

#[test]
fn an_update_without_a_build_leaves_a_host_by_build_to_the_records() {
    let march = |fixed: &str| {
        let range = format!(r#""versionEndExcluding":"{fixed}""#);
        let criteria = system("microsoft:windows_10_22h2");
        record("CVE-2024-21429", 1, &any_of(&[(&criteria, &range)]))
    };
    let index = index_with(&[TABLE], &[march("10.0.19045.4170")]);
    let found = finding(&index, &pro("10.0.19045.4046"), "CVE-2024-21429").unwrap();
    assert_eq!((found.source.as_str(), found.confidence), ("nvd", Confidence::High));
    assert_eq!(found.fixed_in.as_deref(), Some("KB5035845 (10.0.19045.4170)"));
}

#[test]
fn a_list_of_updates_counts_before_the_build_where_updates_are_not_cumulative() {
    // Who installs April's update of security alone has its build, and not what March repaired.
    let index = index(&[TABLE, APRIL]);
    let updates = updates(&["5036967"]);
    let host = Subject {
        updates: &updates,
        ..windows("Windows Server 2012 R2 Standard", "6.3.9600.21924", "x64")
    };
    assert!(finding(&index, &host, "CVE-2024-21429").is_some());
    let by_build = Subject { updates: &[], ..host };
    assert!(finding(&index, &by_build, "CVE-2024-21429").is_none());
}

#[test]
fn any_of_the_updates_of_a_cve_is_enough() {
    let hot = APRIL.replacen(
        r#""Remediations": ["#,
        r#""Remediations": [{"Type":2,"SubType":"SecurityHotpatchUpdate","ProductID":["12097"],
            "Description":{"Value":"5036999"},"FixedBuild":"10.0.19045.4200"},"#,
        1,
    );
    let index = index(&[&hot]);
    assert!(finding(&index, &pro("10.0.19045.4200"), "CVE-2024-26234").is_none());
    // The update of every host is the one to name.
    let found = finding(&index, &pro("10.0.19045.4199"), "CVE-2024-26234").unwrap();
    assert_eq!(found.fixed_in.as_deref(), Some("KB5036892 (10.0.19045.4291)"));
}
