//! Companies and the roles of their people.

use super::*;

#[tokio::test]
async fn a_role_is_changed_by_an_admin_of_the_company_from_the_version_that_is() {
    let api = Api::new().await;
    for email in ["ann@example.org", "bob@example.org"] {
        let body = json!({ "email": email, "role": "viewer" });
        let invitation = made(&api, "/invitations", &body).await;
        accept(&api, text(&invitation, "token")).await;
    }
    let users = api.get("/api/v1/users", &api.ours.admin).await.items();
    let emails: Vec<&str> = users.iter().map(|user| text(user, "email")).collect();
    assert_eq!(emails, ["ann@example.org", "bob@example.org"]);
    let path = format!("/users/{}", text(&users[0], "id"));
    let read = api.get(&format!("/api/v1{path}"), &api.ours.admin).await;
    assert_eq!(read.headers[header::ETAG], "\"1\"");
    assert_eq!(read.json(), users[0]);
    let patch = async |key: &str, headers: &[(&str, &str)], role: &str| {
        let body = json!({ "role": role });
        api.write((Method::PATCH, &path), key, headers, &body).await
    };
    let any = [("if-match", "*")];
    let admin = &api.ours.admin;
    patch(admin, &[], "admin").await.refuses(428, "If-Match");
    patch(admin, &any, "operator").await.blames("role", "one of viewer, analyst, admin");
    patch(admin, &[("if-match", "\"2\"")], "admin").await.refuses(412, "changed meanwhile");
    patch(&api.theirs.admin, &any, "admin").await.refuses(404, "there is no such user");
    patch(&api.ours.analyst, &any, "admin")
        .await
        .refuses(403, "users:manage, which the role admin has");
    let more = patch(admin, &[("if-match", "\"1\"")], "admin").await;
    assert_eq!(more.json()["role"], "admin", "{}", more.text);
    assert_eq!(more.headers[header::ETAG], "\"2\"");
    // The only person who is one: keys of admins can be revoked, people are who stays.
    patch(admin, &any, "analyst").await.refuses(409, "the company would have no admin left");
    let same = patch(admin, &any, "admin").await;
    assert_eq!(same.headers[header::ETAG], "\"3\"", "{}", same.text);
    for path in [format!("/users/{}", Uuid::nil()), "/users/ann".to_owned()] {
        let answer = delete(&api, &path, admin).await;
        answer.refuses(404, "there is no such user");
    }
    let bob = format!("/users/{}", text(&users[1], "id"));
    delete(&api, &bob, &api.theirs.admin).await.refuses(404, "there is no such user");
    assert_eq!(delete(&api, &bob, admin).await.status, StatusCode::NO_CONTENT);
    delete(&api, &bob, admin).await.refuses(404, "there is no such user");
}

#[tokio::test]
async fn a_companys_name_has_bounds_and_is_found_by_its_letters() {
    let api = Api::new().await;
    let operator = &api.operator;
    let create =
        async |name: &str| post(&api, "/companies", operator, &json!({ "name": name })).await;
    let longest = "\u{fc}".repeat(200);
    for name in [longest.as_str(), " 100%_sure ", "100 sure"] {
        let made = create(name).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        assert_eq!(made.json()["name"], name.trim());
    }
    for name in ["", " ", "a\u{9b}b", "a\0b", &format!("{longest}x")] {
        create(name).await.blames("name", "1 to 200 characters, none of control");
    }
    for name in ["100%_SURE", "OURS", longest.as_str()] {
        create(name).await.refuses(409, "there is a company with this name");
    }
    for (query, expected) in [
        ("100", &["100 sure", "100%_sure"][..]),
        ("0%25_S", &["100%_sure"]),
        ("_", &["100%_sure"]),
        ("R", &["100 sure", "100%_sure", "Ours", "Theirs"]),
        ("nobody", &[]),
    ] {
        let path = format!("/api/v1/companies?query={query}");
        let found = api.get(&path, operator).await.items();
        let names: Vec<&str> = found.iter().map(|one| text(one, "name")).collect();
        assert_eq!(names.len(), expected.len(), "{query}: {names:?}");
        assert!(expected.iter().all(|name| names.contains(name)), "{query}: {names:?}");
    }
    for key in [&api.ours.admin, &api.ours.viewer] {
        for path in ["/api/v1/companies", "/api/v1/companies?query=o"] {
            api.get(path, key).await.refuses(403, "companies:manage, which the role operator has");
        }
        post(&api, "/companies", key, &json!({ "name": "Mine" }))
            .await
            .refuses(403, "which the role operator has");
    }
}

#[tokio::test]
async fn a_company_is_suspended_since_the_first_time_until_it_is_resumed() {
    let api = Api::new().await;
    let path = format!("/companies/{}", api.ours.company);
    let ask =
        async |word: &str| post(&api, &format!("{path}/{word}"), &api.operator, &json!({})).await;
    let first = ask("suspend").await.json();
    assert_eq!(first["suspended_at"], "2026-03-01T12:00:00Z");
    api.hand.advance(Duration::from_secs(60));
    assert_eq!(ask("suspend").await.json(), first);
    for _ in 0..2 {
        let resumed = ask("resume").await.json();
        assert_eq!(resumed.get("suspended_at"), None, "{resumed}");
    }
    api.hand.advance(Duration::from_secs(60));
    assert_eq!(ask("suspend").await.json()["suspended_at"], "2026-03-01T12:02:00Z");
    let theirs = api.get(&format!("/api/v1/companies/{}", api.theirs.company), &api.operator).await;
    assert_eq!(theirs.json().get("suspended_at"), None);
    let log = api.get("/api/v1/operator/audit?action=company", &api.operator).await;
    let actions: Vec<Value> = log.items().iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions[0], "company.suspend");
    assert_eq!(actions.iter().filter(|one| *one == "company.resume").count(), 2);
}

#[tokio::test]
async fn whoever_is_taken_out_leaves_no_key_behind() {
    let api = Api::new().await;
    person(&api, "ann@example.org", "admin").await;
    person(&api, "bob@example.org", "admin").await;
    let mut ann = Browser::default();
    ann.sign_in(&api, "ann@example.org", PASSWORD).await;
    let new = |name: &str| json!({ "name": name, "role": "admin" });
    let own = ann.send(&api, Method::POST, "/api-keys", Some(new("own"))).await.json();
    assert_eq!(own["created_by_name"], "ann@example.org");
    // A key that a key makes is whose the first is.
    let next = post(&api, "/api-keys", text(&own, "key"), &new("next")).await.json();
    assert_eq!(next["created_by"], own["created_by"]);
    let others = made(&api, "/api-keys", &new("others")).await;
    let named = async || {
        let keys = api.get("/api/v1/api-keys", &api.ours.admin).await.items();
        let of = |name: &str| keys.iter().find(|key| key["name"] == name).unwrap().clone();
        (of("own"), of("others"))
    };
    let (listed, _) = named().await;
    assert_eq!(listed["created_by_name"], "ann@example.org");
    let id = text(&own, "created_by").strip_prefix("user:").unwrap();
    let path = format!("/users/{id}");
    assert_eq!(delete(&api, &path, &api.ours.admin).await.status, StatusCode::NO_CONTENT);
    for key in [&own, &next] {
        let refused = api.get("/api/v1/hosts", text(key, "key")).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.text);
    }
    let kept = api.get("/api/v1/hosts", text(&others, "key")).await;
    assert_eq!(kept.status, StatusCode::OK, "{}", kept.text);
    let (own, others) = named().await;
    assert!(own["revoked_at"].is_string() && others.get("revoked_at").is_none());
    let log = api.get("/api/v1/audit?action=api_key.revoke", &api.ours.admin).await.items();
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|entry| entry["after"]["user_removed"] == id), "{log:?}");
}

#[tokio::test]
async fn operators_give_a_company_another_name_and_nobody_else_does() {
    let api = Api::new().await;
    let path = format!("/companies/{}", api.ours.company);
    let rename = async |key: &str, name: &str| {
        let body = json!({ "name": name });
        api.write((Method::PATCH, &path), key, &[], &body).await
    };
    rename(&api.ours.admin, "Mine").await.refuses(403, "companies:manage");
    for name in ["", " ", "a\nb"] {
        rename(&api.operator, name).await.blames("name", "1 to 200 characters, none of control");
    }
    rename(&api.operator, "theirs").await.refuses(409, "there is a company with this name");
    let renamed = rename(&api.operator, " Acme ").await;
    assert_eq!((renamed.status, &renamed.json()["name"]), (StatusCode::OK, &json!("Acme")));
    api.hand.advance(Duration::from_secs(1));
    // Its own name in other letters is no other company's.
    assert_eq!(rename(&api.operator, "ACME").await.status, StatusCode::OK);
    assert_eq!(api.get("/api/v1/hosts", &api.ours.viewer).await.items().len(), 1);
    let nobody = format!("/companies/{}", Uuid::nil());
    let nobody = (Method::PATCH, nobody.as_str());
    let body = json!({ "name": "x" });
    api.write(nobody, &api.operator, &[], &body).await.refuses(404, "there is no such company");
    let log = api.get("/api/v1/operator/audit?action=company.rename", &api.operator).await.items();
    assert_eq!(
        (&log[1]["before"]["name"], &log[1]["after"]["name"]),
        (&json!("Ours"), &json!("Acme"))
    );
}

#[tokio::test]
async fn the_lines_that_install_are_given_for_every_system_and_hold_no_token() {
    let api = Api::new().await;
    let path = "/api/v1/enrolment-tokens/install-commands";
    let asked = format!("{path}?packages=https://packages.example&labels=site=north,tier=web");
    let given = api.get(&asked, &api.ours.admin).await;
    let systems = given.json()["systems"].as_array().unwrap().clone();
    let names: Vec<&str> = systems.iter().map(|one| text(one, "system")).collect();
    assert_eq!(names, ["debian", "rpm", "windows", "macos"]);
    let fetch = &systems[0]["lines"][1];
    assert_eq!(fetch["command"], "curl -fsSLO https://packages.example/install.sh");
    assert!(given.text.contains("--label site=north --label tier=web"), "{}", given.text);
    let wrong = |query: &str| format!("{path}?{query}");
    api.get(&wrong("packages=$(id)"), &api.ours.admin).await.blames("packages", "https://");
    api.get(&wrong("labels=site"), &api.ours.admin).await.blames("labels", "site=north");
    api.get(path, &api.ours.analyst).await.refuses(403, "tokens:manage");
}
