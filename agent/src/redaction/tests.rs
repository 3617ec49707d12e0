//! Secrets in every place where one was seen, and what has to stay readable.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const TOKEN: &str = "mst1.AZ5nT0zQc4KQq2mB7w_XkP-9";

#[test]
fn takes_a_token_and_an_api_key_out_wherever_they_stand() {
    for text in [
        format!("read {TOKEN} from a file"),
        format!("\"{TOKEN}\""),
        format!("--token={TOKEN}"),
        format!("({TOKEN}),"),
        format!("token:{TOKEN}"),
        "msk_01h_secretsecret".to_owned(),
    ] {
        let clean = line(&text);
        assert!(clean.contains(MARK), "{clean}");
        assert!(!clean.contains("AZ5n") && !clean.contains("secretsecret"), "{clean}");
    }
}

#[test]
fn takes_who_signs_in_out_of_an_address_and_leaves_the_host() {
    for login in ["user:pass", "user", "u:p@ss", "u:p/w", "u:p=w,x;y", "u:(p)"] {
        let clean = line(&format!("proxy http://{login}@proxy.example:3128/ refuses"));
        assert_eq!(clean, format!("proxy http://{MARK}@proxy.example:3128/ refuses"));
    }
    let plain = "https://collector.example:443/ok, mail a@b.example";
    assert_eq!(line(plain), plain);
}

#[test]
fn takes_out_what_a_secrets_name_announces() {
    for text in [
        "password=hunter",
        "proxy_password = \"hunter\"",
        "PASSWORD: hunter",
        "{\"proxy-password\": \"hunter\"}",
        "Proxy-Authorization: Basic hunter",
        "authorization: Bearer hunter",
        "sent basic hunter",
        "api.token=hunter",
        "password = 'two words and hunter'",
        "2 | password = \"hunter2\"",
        "\"secret\" : \"hunter\"",
    ] {
        let clean = line(text);
        assert!(clean.contains(MARK) && !clean.contains("hunter"), "{clean}");
    }
}

#[test]
fn takes_out_what_looks_random() {
    let clean = line("MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg");
    assert_eq!(clean, MARK);
}

#[test]
fn leaves_what_people_look_for() {
    for text in [
        "2026-11-21T16:00:00Z info  muster-agent 0.1.0 runs as agent 019d2c1e-7f30-7cc1-8d5e-2f1c0e9b7a55",
        "the token is spent: make a new one",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "read /var/lib/muster-agent/identity.json: Permission denied (os error 13)",
        "monkey=7, version 1:2.36.1-8+deb11u2",
        "collector [2001:db8::7070]:443 refused: queue_full",
    ] {
        assert_eq!(line(text), text);
    }
}

#[test]
fn takes_a_private_key_out_over_all_its_lines() {
    let text = "before\n-----BEGIN PRIVATE KEY-----\nMC4CAQ\nabc\n-----END PRIVATE KEY-----\nafter";
    assert_eq!(lines(text), ["before", MARK, "after"]);
}

#[test]
fn a_key_that_is_cut_off_takes_everything_behind_it_along() {
    let text = "-----BEGIN PRIVATE KEY-----\nMC4CAQ\nabc";
    assert_eq!(lines(text), [MARK]);
    let one = "x -----BEGIN EC PRIVATE KEY-----MC4-----END EC PRIVATE KEY-----\nafter";
    assert_eq!(lines(one), [MARK, "after"]);
}

#[test]
fn cleans_a_document_by_names_and_by_content() {
    let mut value = json!({
        "proxy": "http://u:p@h:1",
        "proxy_password": "h",
        "list": [{"text": format!("uses {TOKEN}")}],
        "records": 7,
        "key": {"algorithm": "ECDSA"},
    });
    document(&mut value);
    let expected = json!({
        "proxy": format!("http://{MARK}@h:1"),
        "proxy_password": MARK,
        "list": [{"text": format!("uses {MARK}")}],
        "records": 7,
        "key": {"algorithm": "ECDSA"},
    });
    assert_eq!(value, expected);
}

proptest! {
    #[test]
    fn never_lets_a_planted_token_through(before in ".{0,40}", after in "[ \"'=,;()<>:]?.{0,40}") {
        let clean = line(&format!("{before}{TOKEN}{after}"));
        prop_assert!(!clean.contains("AZ5nT0zQc4KQq2mB7w"), "{clean}");
    }

    #[test]
    fn never_lets_a_planted_login_through(before in "[^@]{0,20}", password in "[a-z0-9/=:;,()@]{6,20}") {
        let clean = line(&format!("{before} http://someone:{password}Q9@proxy"));
        let needle = format!("{password}Q9");
        prop_assert!(!clean.contains(&needle), "{clean}");
    }
}
