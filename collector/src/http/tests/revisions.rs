//! Changes from the version that was read: the same for everything that has one, and lost by nobody.

use std::time::Duration;

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::harness::{Answer, Api};

/// Something with versions: where it is made, and what it is at first and after a change.
struct Kind {
    path: &'static str,
    what: &'static str,
    first: fn() -> Value,
    other: fn(&str) -> Value,
}

fn hook(name: &str) -> Value {
    json!({ "name": name, "url": "https://hooks.example/T0", "kinds": ["policy.fail"] })
}

fn policy(name: &str) -> Value {
    json!({ "name": name, "rule": { "no_software": { "name": "telnetd" } } })
}

const KINDS: [Kind; 3] = [
    Kind {
        path: "/labels",
        what: "label",
        first: || json!({ "name": "first" }),
        other: |name| json!({ "name": name, "description": "changed" }),
    },
    Kind { path: "/policies", what: "policy", first: || policy("first"), other: policy },
    Kind { path: "/webhooks", what: "webhook", first: || hook("first"), other: hook },
];

impl Kind {
    async fn make(&self, api: &Api, body: &Value) -> Answer {
        api.write((Method::POST, self.path), &api.ours.admin, &[], body).await
    }

    /// Makes the first one, and gives its path.
    async fn made(&self, api: &Api) -> String {
        let made = self.make(api, &(self.first)()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        format!("{}/{}", self.path, made.json()["id"].as_str().unwrap())
    }

    async fn put(&self, api: &Api, path: &str, tag: &str, name: &str) -> Answer {
        let headers = [("if-match", tag)];
        let body = (self.other)(name);
        api.write((Method::PUT, path), &api.ours.admin, &headers, &body).await
    }
}

async fn read(api: &Api, path: &str) -> Answer {
    api.get(&format!("/api/v1{path}"), &api.ours.admin).await
}

#[tokio::test]
async fn a_change_without_its_version_is_asked_for_it_and_changes_nothing() {
    let api = Api::new().await;
    for kind in KINDS {
        let path = kind.made(&api).await;
        let before = read(&api, &path).await;
        let body = (kind.other)("second");
        let put = (Method::PUT, path.as_str());
        let without = api.write(put, &api.ours.admin, &[], &body).await;
        without.refuses(428, "send its `ETag` in the header `If-Match`");
        assert_eq!(without.json()["type"], "urn:muster:problem:version-missing");
        assert_eq!(read(&api, &path).await.text, before.text, "{}", kind.path);
    }
}

#[tokio::test]
async fn only_the_version_that_is_opens_the_way_to_the_next() {
    let api = Api::new().await;
    for kind in KINDS {
        let path = kind.made(&api).await;
        assert_eq!(read(&api, &path).await.headers[header::ETAG], "\"1\"");
        for tag in
            ["\"0\"", "\"2\"", "\"01\"", "\"+1\"", "W/\"1\"", "1", "\"1\", \"2\"", "\"\"", "\"*\""]
        {
            let stale = kind.put(&api, &path, tag, "second").await;
            stale.refuses(412, "read it again");
            assert_eq!(stale.json()["type"], "urn:muster:problem:stale", "{tag}");
        }
        assert_eq!(read(&api, &path).await.json()["name"], "first");
        let changed = kind.put(&api, &path, "\"1\"", "second").await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        assert_eq!(changed.headers[header::ETAG], "\"2\"");
        assert_eq!(changed.json()["revision"], 2);
        // The same again is a change as well, and takes the version that is now.
        kind.put(&api, &path, "\"1\"", "second").await.refuses(412, "changed meanwhile");
        let again = kind.put(&api, &path, "\"2\"", "second").await;
        assert_eq!(again.json()["revision"], 3, "{}", again.text);
        let whichever = kind.put(&api, &path, " * ", "third").await;
        assert_eq!(whichever.json()["revision"], 4, "{}", whichever.text);
        assert_eq!(read(&api, &path).await.text, whichever.text);
    }
}

#[tokio::test]
async fn of_two_who_read_the_same_version_one_is_told_to_look_again() {
    let api = Api::new().await;
    for kind in KINDS {
        let path = kind.made(&api).await;
        let (one, other) = tokio::join!(
            kind.put(&api, &path, "\"1\"", "one"),
            kind.put(&api, &path, "\"1\"", "other")
        );
        let mut statuses = [one.status.as_u16(), other.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412], "{} {}", one.text, other.text);
        let winner = if one.status == StatusCode::OK { one } else { other };
        let now = read(&api, &path).await;
        assert_eq!(now.text, winner.text);
        assert_eq!(now.headers[header::ETAG], "\"2\"");
    }
}

#[tokio::test]
async fn a_name_is_ones_own_whatever_its_case_and_may_be_kept_in_a_change() {
    let api = Api::new().await;
    for kind in KINDS {
        let path = kind.made(&api).await;
        let second = kind.make(&api, &(kind.other)("Second")).await;
        assert_eq!(second.status, StatusCode::CREATED, "{}", second.text);
        for name in ["Second", "sECOND", "  second "] {
            let words = format!("there is a {} with this name", kind.what);
            kind.make(&api, &(kind.other)(name)).await.refuses(409, &words);
            kind.put(&api, &path, "*", name).await.refuses(409, &words);
        }
        assert_eq!(read(&api, &path).await.headers[header::ETAG], "\"1\"");
        // In another case it is still its own.
        let own = kind.put(&api, &path, "\"1\"", "FIRST").await;
        assert_eq!(own.json()["name"], "FIRST", "{}", own.text);
        // Another company's names are not in the way.
        let theirs = (kind.other)("second");
        let post = (Method::POST, kind.path);
        let theirs = api.write(post, &api.theirs.admin, &[], &theirs).await;
        assert_eq!(theirs.status, StatusCode::CREATED, "{}", theirs.text);
    }
}

#[tokio::test]
async fn names_have_bounds_in_characters_and_lose_the_space_around_them() {
    let api = Api::new().await;
    for kind in KINDS {
        // Two bytes each: it is characters that are counted.
        let longest = "ü".repeat(200);
        let made = kind.make(&api, &(kind.other)(&format!(" {longest}\t "))).await;
        assert_eq!(made.json()["name"], longest, "{}", made.text);
        for name in ["", "  ", "a\nb", "a\u{7f}b", "a\0b", &"ü".repeat(201)] {
            kind.make(&api, &(kind.other)(name))
                .await
                .blames("name", "1 to 200 characters, none of control");
        }
        let mut body = (kind.first)();
        body["colour"] = json!("red");
        kind.make(&api, &body).await.refuses(422, "unknown field `colour`");
    }
}

#[tokio::test]
async fn what_was_deleted_is_gone_for_every_way_to_it_and_its_name_is_free() {
    let api = Api::new().await;
    for kind in KINDS {
        let path = kind.made(&api).await;
        let delete = async || {
            let delete = (Method::DELETE, path.as_str());
            api.write(delete, &api.ours.admin, &[], &json!({})).await
        };
        assert_eq!(delete().await.status, StatusCode::NO_CONTENT);
        let words = format!("there is no such {}", kind.what);
        delete().await.refuses(404, &words);
        read(&api, &path).await.refuses(404, &words);
        kind.put(&api, &path, "*", "x").await.refuses(404, &words);
        // Its version is no longer asked about: it is not there.
        kind.put(&api, &path, "\"1\"", "x").await.refuses(404, &words);
        let again = kind.make(&api, &(kind.first)()).await;
        assert_eq!(again.status, StatusCode::CREATED, "{}", again.text);
    }
}

#[tokio::test]
async fn another_company_finds_none_of_it_and_a_lesser_role_changes_none_of_it() {
    let api = Api::new().await;
    for kind in KINDS {
        let path = kind.made(&api).await;
        let before = read(&api, &path).await.text;
        let body = (kind.other)("theirs");
        let words = format!("there is no such {}", kind.what);
        for method in [Method::PUT, Method::DELETE] {
            let ask = async |key: &str| {
                let headers = [("if-match", "*")];
                api.write((method.clone(), path.as_str()), key, &headers, &body).await
            };
            ask(&api.theirs.admin).await.refuses(404, &words);
            for key in [&api.ours.viewer, &api.ours.analyst] {
                ask(key).await.refuses(403, "which the role admin has");
            }
        }
        let theirs = api.get(&format!("/api/v1{path}"), &api.theirs.admin).await;
        theirs.refuses(404, &words);
        assert_eq!(read(&api, &path).await.text, before);
        let list = api.get(&format!("/api/v1{}", kind.path), &api.theirs.admin).await;
        assert_eq!(list.items(), [Value::Null; 0]);
    }
}

#[tokio::test]
async fn the_log_says_what_it_was_and_what_it_is_and_nothing_of_what_was_refused() {
    let api = Api::new().await;
    for kind in KINDS {
        let path = kind.made(&api).await;
        kind.put(&api, &path, "\"9\"", "late").await;
        api.hand.advance(Duration::from_secs(1));
        kind.put(&api, &path, "\"1\"", "second").await;
        let delete = (Method::DELETE, path.as_str());
        for _ in 0..2 {
            api.hand.advance(Duration::from_secs(1));
            api.write(delete.clone(), &api.ours.admin, &[], &json!({})).await;
        }
        let log = format!("/api/v1/audit?action={}", kind.what);
        let log = api.get(&log, &api.ours.admin).await.items();
        let told: Vec<_> = log
            .iter()
            .map(|entry| {
                let name = |when: &str| entry[when]["name"].as_str().map(str::to_owned);
                let action = entry["action"].as_str().unwrap();
                let verb = action.split_once('.').unwrap().1;
                (verb, name("before"), name("after"))
            })
            .collect();
        let (first, second) = (Some("first".to_owned()), Some("second".to_owned()));
        assert_eq!(
            told,
            [("delete", None, None), ("update", first.clone(), second), ("create", None, first),],
            "{}",
            kind.path
        );
        let id = path.rsplit('/').next().unwrap();
        assert!(log.iter().all(|entry| entry["object"] == id));
        let theirs = format!("/api/v1/audit?object={id}");
        let theirs = api.get(&theirs, &api.theirs.admin).await;
        assert_eq!(theirs.items(), [Value::Null; 0]);
    }
}

#[tokio::test]
async fn settings_are_refused_at_their_bounds_and_taken_within() {
    let api = Api::new().await;
    let read = api.get("/api/v1/settings", &api.ours.viewer).await;
    let settings = read.json();
    let put = async |settings: &Value, key: &str| {
        let headers = [("if-match", "*")];
        api.write((Method::PUT, "/settings"), key, &headers, settings).await
    };
    for (field, range) in [
        ("heartbeat_every_s", protocol::limits::HEARTBEAT_EVERY_S),
        ("scan_every_s", protocol::limits::SCAN_EVERY_S),
    ] {
        let (least, most) = (*range.start(), *range.end());
        for value in [least - 1, most + 1] {
            let mut wrong = settings.clone();
            wrong[field] = value.into();
            put(&wrong, &api.ours.admin).await.blames(field, &format!("{least} to {most} seconds"));
        }
        for value in [least, most] {
            let mut right = settings.clone();
            right[field] = value.into();
            let set = put(&right, &api.ours.admin).await;
            assert_eq!(set.json()[field], value, "{}", set.text);
        }
    }
    let mut unknown = settings.clone();
    unknown["sources_off"] = json!(["floppy"]);
    put(&unknown, &api.ours.admin).await.refuses(422, "sources_off");
    for key in [&api.ours.viewer, &api.ours.analyst] {
        put(&settings, key).await.refuses(403, "settings:write, which the role admin has");
    }
    // Two that read the same: the later is told.
    let tag = read.headers[header::ETAG].to_str().unwrap().to_owned();
    let headers = [("if-match", tag.as_str())];
    let stale = api.write((Method::PUT, "/settings"), &api.ours.admin, &headers, &settings).await;
    stale.refuses(412, "changed meanwhile");
    let theirs = api.get("/api/v1/settings", &api.theirs.viewer).await;
    assert_eq!(theirs.json(), settings, "another company's stay as they were");
}
