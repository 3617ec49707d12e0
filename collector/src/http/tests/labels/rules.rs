//! Rules of labels: the hosts that they are for, and rules that cannot be taken.

use super::*;

/// Rules, and the hosts of the fleet that each is for.
fn rules() -> Vec<(Value, &'static [&'static str])> {
    vec![
        (json!({ "hostname": "db-*" }), &["db-1", "db-2"][..]),
        (json!({ "hostname": "DB-1" }), &["db-1"]),
        (json!({ "hostname": "db" }), &[]),
        (json!({ "hostname": "%" }), &[]),
        (json!({ "hostname": "??-1" }), &["db-1"]),
        (json!({ "platform": "alpine" }), &["db-2"]),
        // The harness's own host has said nothing of itself yet.
        (json!({ "platform": "linux" }), &["db-1", "db-2"]),
        (json!({ "platform": "Alpine" }), &[]),
        (json!({ "enrolment_label": { "name": "site", "value": "south" } }), &["db-1"]),
        (json!({ "enrolment_label": { "name": "site", "value": "South" } }), &[]),
        (json!({ "enrolment_label": { "name": "site", "value": "" } }), &[]),
        (
            json!({ "not": { "enrolment_label": { "name": "rack", "value": "7" } } }),
            &["db-2", "web-1"],
        ),
        (json!({ "software": { "name": "postgresql" } }), &["db-1", "db-2"]),
        (json!({ "software": { "name": "postgresql", "version": ">= 16" } }), &["db-1"]),
        (json!({ "software": { "name": "postgresql", "version": "< 16, >= 15" } }), &["db-2"]),
        (json!({ "software": { "name": "postgresql", "source": "rpm" } }), &[]),
        (json!({ "software": { "name": "post*ql", "source": "deb" } }), &["db-1", "db-2"]),
        (json!({ "not": { "not": { "hostname": "db-1" } } }), &["db-1"]),
        (json!({ "not": { "all": [] } }), &[]),
        (json!({ "not": { "any": [] } }), &["db-1", "db-2", "web-1"]),
        (
            json!({ "any": [{ "hostname": "web-1" }, { "all": [{ "hostname": "db-*" }, { "platform": "alpine" }] }] }),
            &["db-2", "web-1"],
        ),
        // No agent says which machine it runs on here, and no rule takes that for anything.
        (json!({ "arch": "x86_64" }), &[]),
        (json!({ "not": { "arch": "x86_64" } }), &["db-1", "db-2", "web-1"]),
        (json!({ "agent_version": "0.1.0" }), &["db-1", "db-2", "web-1"]),
        (json!({ "agent_version": "> 0.1.0" }), &[]),
    ]
}

#[tokio::test]
async fn a_rule_is_for_the_hosts_that_it_says() {
    let api = Api::new().await;
    fleet(&api).await;
    for (number, (rule, expected)) in rules().into_iter().enumerate() {
        let name = format!("label {number}");
        let id = label(&api, &json!({ "name": name, "rule": rule })).await;
        assert_eq!(hosts(&api, &format!("label={id}")).await, expected, "{rule}");
        let path = format!("/api/v1/labels/{id}");
        let read = api.get(&path, &api.ours.viewer).await.json();
        assert_eq!(read["hosts"], expected.len(), "{rule}");
        assert_eq!(read["rule"], rule, "it comes back as it went");
    }
}

#[tokio::test]
async fn a_rule_that_cannot_be_taken_says_what_would_be() {
    let api = Api::new().await;
    let deep = (0..6).fold(json!({ "arch": "x" }), |rule, _| json!({ "not": rule }));
    let deepest = (0..5).fold(json!({ "arch": "x" }), |rule, _| json!({ "not": rule }));
    let most = json!({ "any": vec![json!({ "arch": "x" }); 63] });
    let more = json!({ "any": vec![json!({ "arch": "x" }); 64] });
    for (rule, words) in [
        (json!({ "hostname": "" }), "no text of 1 to 200 characters"),
        (json!({ "hostname": "x".repeat(201) }), "no text of 1 to 200"),
        (json!({ "hostname": "*".repeat(9) }), "at most 8 stars"),
        (json!({ "platform": "a\0b" }), "no text"),
        (json!({ "enrolment_label": { "name": "", "value": "x" } }), "no text"),
        (json!({ "os_version": "newest" }), "is no constraint such as"),
        (json!({ "os_version": "=> 1" }), "is no constraint such as"),
        (json!({ "software": { "name": "x", "version": "" } }), "is no constraint"),
        (deep, "at most 6 deep"),
        (more, "at most 64 conditions"),
    ] {
        let body = json!({ "name": "x", "rule": rule });
        let refused = post(&api, "/labels", &api.ours.admin, &body).await;
        refused.blames("rule", words);
    }
    // What is no rule at all is refused by the word for it.
    for (rule, words) in [
        (json!({ "colour": "red" }), "unknown variant `colour`"),
        (json!({ "software": { "name": "x", "verison": "1" } }), "unknown field `verison`"),
        (json!({ "software": { "name": "x", "source": "floppy" } }), "rule"),
        (json!({ "hostname": "a", "arch": "b" }), "rule"),
        (json!("all"), "rule"),
        (json!([]), "rule"),
    ] {
        let body = json!({ "name": "x", "rule": rule });
        let refused = post(&api, "/labels", &api.ours.admin, &body).await;
        refused.is_no_body(words);
    }
    for rule in [deepest, most, json!({ "hostname": "*".repeat(8) })] {
        label(&api, &json!({ "name": rule.to_string().len().to_string(), "rule": rule })).await;
    }
}
