//! `company`, `token`, `key` and `authority`, as an operator's scripts use them.

use protocol::token::EnrolmentToken;
use serde_json::{Value, json};

use super::desk::{Desk, Said};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_company_is_made_once_under_a_name_that_is_one() {
    let desk = Desk::new().await;
    let made = desk.say(&["company", "create", "Acme"]).done();
    let (id, name) = made.trim_end().split_once("  ").unwrap();
    assert_eq!(name, "Acme");
    let listed = desk.json(&["company", "list"]);
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &json!(id)));
    assert_eq!(
        desk.say(&["company", "create", "Acme"]).failed(),
        "muster-collector: there is a company with this name\n"
    );
    let longest = "x".repeat(200);
    desk.say(&["company", "create", &longest]).done();
    for wrong in ["", "  ", "two\nlines", "bell\u{7}", &"x".repeat(201)] {
        assert_eq!(
            desk.say(&["company", "create", wrong]).failed(),
            "muster-collector: a company's name has 1 to 200 characters, none of control\n",
            "{wrong:?}"
        );
    }
    assert_eq!(desk.json(&["company", "list"]).len(), 2);
}

#[tokio::test]
async fn a_company_is_named_by_its_id_or_its_name_and_one_that_is_none_is_said() {
    let desk = Desk::new().await;
    let id = text(&desk.json(&["company", "create", "Acme"])[0]["id"]);
    // However it is written: two companies cannot differ in that alone.
    for name in ["Acme", "ACME", &id] {
        let found = desk.json(&["company", "set", name]);
        assert_eq!(found[0]["id"], id);
    }
    for name in ["Acm", "Acme!", NOBODY, ""] {
        let commands = [
            &["company", "set", name][..],
            &["company", "suspend", name],
            &["company", "resume", name],
            &["token", "list", "--company", name],
            &["token", "create", "--company", name],
            &["key", "list", "--company", name],
        ];
        for words in commands {
            assert_eq!(
                desk.say(words).failed(),
                format!(
                    "muster-collector: there is no company {name:?}; `muster-collector company \
                     list` names them\n"
                )
            );
        }
    }
}

#[tokio::test]
async fn settings_change_one_by_one_and_are_brought_into_their_limits() {
    let desk = Desk::new().await;
    let made = desk.json(&["company", "create", "Acme"]).remove(0);
    assert_eq!((&made["connections"], &made["sources_off"]), (&json!("auto"), &json!([])));
    let set = |words: &[&str]| desk.json(&[&["company", "set", "Acme"], words].concat()).remove(0);
    let found = set(&["--heartbeat-every-s", "120"]);
    assert_eq!(found["heartbeat_every_s"], 120);
    assert_eq!(found["scan_every_s"], made["scan_every_s"], "not named, not changed");
    // An agent would refuse the whole message for a number that it may not be told.
    let found = set(&["--heartbeat-every-s", "1", "--scan-every-s", "4294967295"]);
    assert_eq!(
        (&found["heartbeat_every_s"], &found["scan_every_s"]),
        (&json!(10), &json!(604_800))
    );
    let found = set(&["--sources-off", "snap,npm", "--connections", "visit"]);
    assert_eq!(found["sources_off"], json!(["snap", "npm"]));
    assert_eq!(found["connections"], "visit");
    assert_eq!(found["heartbeat_every_s"], 10);
    let found = set(&["--sources-off", "none", "--connections", "hold"]);
    assert_eq!((&found["sources_off"], &found["connections"]), (&json!([]), &json!("hold")));
    let error = desk.say(&["company", "set", "Acme", "--sources-off", "snap,dpkg"]).failed();
    assert_eq!(error, "muster-collector: unknown software source \"dpkg\"\n");
    assert_eq!(set(&[])["sources_off"], json!([]), "nothing of a refused command counts");
}

#[tokio::test]
async fn a_suspended_company_is_marked_until_it_is_resumed() {
    let desk = Desk::new().await;
    desk.say(&["company", "create", "Acme"]).done();
    for (word, is_suspended) in [("suspend", true), ("suspend", true), ("resume", false)] {
        let said = desk.say(&["company", word, "Acme"]).done();
        assert_eq!(said.ends_with("Acme  suspended\n"), is_suspended, "{said}");
        let listed = desk.json(&["company", "list"]);
        assert_eq!(listed[0]["suspended"], is_suspended);
    }
}

#[tokio::test]
async fn a_company_is_deleted_by_its_name_and_can_be_kept() {
    let desk = Desk::new().await;
    desk.say(&["company", "create", "Acme"]).done();
    let refused = desk.say(&["company", "delete", "Acme", "--confirm", "acme"]).failed();
    assert!(refused.contains("the name of the company as it is written: \"Acme\""), "{refused}");
    let said = desk.say(&["company", "delete", "Acme", "--confirm", "Acme"]).done();
    assert!(said.contains("to be deleted at "), "{said}");
    assert!(desk.json(&["company", "list"])[0]["deleted_from"].is_string());
    let refused = desk.say(&["company", "resume", "Acme"]).failed();
    assert!(refused.contains("company keep"), "{refused}");
    desk.say(&["company", "keep", "Acme"]).done();
    let listed = desk.json(&["company", "list"]);
    assert_eq!(
        (&listed[0]["deleted_from"], &listed[0]["suspended"]),
        (&Value::Null, &json!(false))
    );
}

#[tokio::test]
async fn a_token_is_printed_once_and_listed_without_its_secret() {
    let desk = Desk::new().await;
    desk.say(&["company", "create", "Acme"]).done();
    let mut command = desk.command(&["token", "create", "--company", "Acme", "--uses", "2"]);
    command.env("MUSTER_INGEST_ADDRESSES", "a.example:1,b.example:2");
    let printed = Said::of(&mut command).done();
    let token: EnrolmentToken = printed.parse().unwrap();
    assert_eq!(token.addresses, ["a.example:1", "b.example:2"]);
    let shown = desk.say(&["authority", "show"]).done();
    let sha256: String = token.ca_sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown.trim_end(), sha256, "whoever enrols checks the same authority");

    let endless = ["token", "create", "--company", "Acme", "--name", "fleet tool"];
    let second = desk.json(&endless).remove(0);
    let listed = desk.say(&["token", "list", "--company", "Acme"]).done();
    // Newest first.
    let expected =
        format!("{}  0/∞  fleet tool\n{}  0/2  command line\n", text(&second["id"]), token.id);
    assert_eq!(listed, expected);
    let lines = desk.json(&["token", "list", "--company", "Acme"]);
    assert_eq!((&lines[0]["uses_max"], &lines[1]["uses_max"]), (&Value::Null, &json!(2)));
    for line in lines {
        assert!(!line.to_string().contains(printed.trim_end()), "{line}");
    }
}

#[tokio::test]
async fn a_token_is_revoked_once_and_by_its_own_company_alone() {
    let desk = Desk::new().await;
    for name in ["Acme", "Other"] {
        desk.say(&["company", "create", name]).done();
    }
    let token = desk.json(&["token", "create", "--company", "Acme"]).remove(0);
    let id = text(&token["id"]);
    let gone = "muster-collector: there is no such token, or it was revoked before\n";
    let revoke = |company: &str, id: &str| desk.say(&["token", "revoke", "--company", company, id]);
    assert_eq!(revoke("Other", &id).failed(), gone);
    assert_eq!(revoke("Acme", NOBODY).failed(), gone);
    assert_eq!(revoke("Acme", &id).done(), "");
    assert_eq!(revoke("Acme", &id).failed(), gone);
    let listed = desk.say(&["token", "list", "--company", "Acme"]).done();
    assert!(listed.ends_with("command line  revoked\n"), "{listed}");
    assert_eq!(desk.say(&["token", "list", "--company", "Other"]).done(), "");
}

#[tokio::test]
async fn a_label_that_is_none_makes_no_token() {
    let desk = Desk::new().await;
    desk.say(&["company", "create", "Acme"]).done();
    let create = |label: &str| {
        desk.say(&["token", "create", "--company", "Acme", "--label", "a=b", "--label", label])
    };
    assert_eq!(create("site").failed(), "muster-collector: label \"site\" is not NAME=VALUE\n");
    for wrong in ["=berlin", " =berlin"] {
        let expected = format!("muster-collector: label {wrong:?} is not NAME=VALUE\n");
        assert_eq!(create(wrong).failed(), expected);
    }
    assert_eq!(create("a=c").failed(), "muster-collector: label \"a\" is given twice\n");
    assert_eq!(desk.say(&["token", "list", "--company", "Acme"]).done(), "");
    // What stands behind the first sign is the value, whatever it is.
    create("site=berlin=mitte").done();
    create("site=").done();
}

#[tokio::test]
async fn keys_belong_to_a_company_with_a_role_or_to_the_operators_without_one() {
    let desk = Desk::new().await;
    desk.say(&["company", "create", "Acme"]).done();
    let ours =
        desk.json(&["key", "create", "ci", "--company", "Acme", "--role", "viewer"]).remove(0);
    let all = desk.say(&["key", "create", "everything"]).done();
    assert_eq!(all.lines().count(), 1, "a script takes it as it is");
    let listed = desk.json(&["key", "list", "--company", "Acme"]);
    assert_eq!(
        listed,
        [json!({ "id": ours["id"], "name": "ci", "role": "viewer", "revoked": false })]
    );
    let operators = desk.json(&["key", "list"]);
    assert_eq!(operators.len(), 1);
    assert_eq!(
        (&operators[0]["name"], &operators[0]["role"]),
        (&json!("everything"), &json!("operator"))
    );
    for role in ["operator", "owner", "Viewer", ""] {
        let words = ["key", "create", "x", "--company", "Acme", "--role", role];
        assert_eq!(
            desk.say(&words).failed(),
            "muster-collector: --role is one of viewer, analyst, admin\n",
            "{role}"
        );
    }
}

#[tokio::test]
async fn a_key_is_revoked_once_and_where_it_belongs() {
    let desk = Desk::new().await;
    desk.say(&["company", "create", "Acme"]).done();
    let ours = desk.json(&["key", "create", "ci", "--company", "Acme"]).remove(0);
    let operators = desk.json(&["key", "create", "all"]).remove(0);
    let (ours, operators) = (text(&ours["id"]), text(&operators["id"]));
    let gone = "muster-collector: there is no such key, or it was revoked before\n";
    // Neither is found among the others.
    assert_eq!(desk.say(&["key", "revoke", &ours]).failed(), gone);
    let in_company = ["key", "revoke", &operators, "--company", "Acme"];
    assert_eq!(desk.say(&in_company).failed(), gone);
    for words in
        [&["key", "revoke", &ours, "--company", "Acme"][..], &["key", "revoke", &operators]]
    {
        assert_eq!(desk.say(words).done(), "");
        assert_eq!(desk.say(words).failed(), gone);
    }
    let listed = desk.say(&["key", "list", "--company", "Acme"]).done();
    assert_eq!(listed, format!("{ours}  admin     ci  revoked\n"));
}

#[tokio::test]
async fn the_authority_is_made_with_the_first_token_and_forgotten_once() {
    let desk = Desk::new().await;
    assert_eq!(desk.say(&["authority", "show"]).done(), "none yet: the first node makes it\n");
    assert_eq!(desk.json(&["authority", "show"]), [json!({ "sha256": null })]);
    desk.say(&["company", "create", "Acme"]).done();
    desk.say(&["token", "create", "--company", "Acme"]).done();
    let shown = desk.json(&["authority", "show"]).remove(0);
    let sha256 = text(&shown["sha256"]);
    assert!(sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit()), "{sha256}");
    desk.say(&["token", "create", "--company", "Acme"]).done();
    assert_eq!(desk.json(&["authority", "show"])[0], shown, "there is one for all tokens");
    assert_eq!(desk.json(&["authority", "forget"]), [json!({ "forgotten": true })]);
    assert_eq!(desk.say(&["authority", "forget"]).done(), "there was none\n");
}

#[tokio::test]
async fn commands_beside_each_other_find_the_schema_up_to_date() {
    let desk = Desk::new().await;
    // It prints nothing, however often.
    for _ in 0..2 {
        assert_eq!(desk.say(&["migrate"]).done(), "");
    }
    let running: Vec<_> = (0..4)
        .map(|number| desk.command(&["company", "create", &format!("C{number}")]).spawn().unwrap())
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(desk.json(&["company", "list"]).len(), 4);
}
