//! Which provider a company has: what it can be, who sees it, and what of it nobody sees.

use super::*;

#[tokio::test]
async fn a_secret_is_kept_and_never_shown() {
    let world = World::new(SigningKey::ec()).await;
    let admin = &world.api.ours.admin;
    let shown = world.api.get("/api/v1/oidc", admin).await;
    let json = shown.json();
    assert_eq!(json["redirect_uri"], "https://muster.example/api/v1/oidc/callback");
    assert_eq!(json["provider"]["issuer"], world.provider.issuer());
    assert_eq!(json["provider"]["domains"], json!(["example.org"]));
    assert_eq!(shown.headers[header::ETAG], "\"1\"");
    let log = world.api.get("/api/v1/audit", admin).await;
    assert!(log.text.contains("oidc.create") && log.text.contains("\"new_secret\":true"));
    for text in [&shown.text, &log.text] {
        assert!(!text.contains("s3cret"), "{text}");
    }
    // Without the secret it is what it was.
    let mut body = world.body();
    body.as_object_mut().unwrap().remove("client_secret");
    body["default_role"] = json!("analyst");
    let changed = world.put("\"1\"", &body).await;
    assert_eq!(
        (changed.status, &changed.headers[header::ETAG]),
        (StatusCode::OK, &"\"2\"".parse().unwrap())
    );
    let mut browser = Browser::default();
    assert_eq!(world.sign_in(&mut browser).await, "/hosts?a=b");
    assert_eq!(world.me(&mut browser).await["companies"][0]["role"], "analyst");
    // And to another provider it would be a present.
    let other = Provider::new(SigningKey::ec()).await;
    body["issuer"] = json!(other.issuer());
    world.put("*", &body).await.blames("client_secret", "none yet for this issuer");
    assert_eq!(world.put("\"1\"", &world.body()).await.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn what_a_provider_cannot_be_is_said_with_the_field() {
    let world = World::new(SigningKey::ec()).await;
    let group = json!([{ "group": "g", "role": "operator" }]);
    let named = json!({ "groups_claim": "groups", "group_roles": group });
    for (field, changes, words) in [
        ("issuer", json!({ "issuer": "" }), "1 to 255 characters"),
        ("issuer", json!({ "issuer": "not an address" }), "an address such as"),
        ("issuer", json!({ "issuer": "https://169.254.169.254" }), "is not public"),
        ("issuer", json!({ "issuer": "https://[::1]/" }), "is not public"),
        ("issuer", json!({ "issuer": "http://10.0.0.1:8080/" }), "oidc.allowed_networks"),
        ("issuer", json!({ "issuer": "file:///etc/passwd" }), "an address such as"),
        ("client_id", json!({ "client_id": "a\nb" }), "none of control"),
        ("client_secret", json!({ "client_secret": "" }), "1 to 1024 characters"),
        ("domains", json!({ "domains": [] }), "1 to 20 domains"),
        ("trusted_domains", json!({ "trusted_domains": ["example.com"] }), "that are let in"),
        ("domains", json!({ "domains": ["ann@example.org"] }), "such as example.org"),
        ("domains", json!({ "domains": ["org"] }), "such as example.org"),
        ("default_role", json!({ "default_role": "operator" }), "one of viewer"),
        ("group_roles", named, "one of viewer"),
        (
            "groups_claim",
            json!({ "group_roles": [{ "group": "g", "role": "admin" }] }),
            "the claim",
        ),
    ] {
        let mut body = world.body();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        world.put("*", &body).await.blames(field, words);
    }
    let mut body = world.body();
    body["secret"] = json!("x");
    world.put("*", &body).await.is_no_body("unknown field");
}

#[tokio::test]
async fn a_provider_that_cannot_be_used_is_not_taken() {
    let world = World::new(SigningKey::ec()).await;
    let provider = Provider::new(SigningKey::ec()).await;
    let mut body = world.body();
    body["issuer"] = json!(provider.issuer());
    for (configuration, words) in [
        (json!({ "issuer": "https://accounts.example" }), "calls itself"),
        (json!({ "jwks_uri": "http://10.0.0.1/keys" }), "is not public"),
        (json!({ "token_endpoint": "file:///etc/passwd" }), "an address such as"),
        (json!({ "authorization_endpoint": 7 }), "is none"),
    ] {
        provider.inner().configuration = configuration;
        world.put("*", &body).await.blames("issuer", words);
    }
    for (does, words) in [(Does::Fail, "503"), (Does::Redirect, "307"), (Does::Flood, "more than")]
    {
        provider.inner().does = does;
        world.put("*", &body).await.blames("issuer", words);
    }
    drop(provider);
    world.put("*", &body).await.blames("issuer", "");
}

#[tokio::test]
async fn roles_follow_groups_at_every_sign_in() {
    let world = World::new(SigningKey::ec()).await;
    let mut body = world.body();
    body["groups_claim"] = json!("groups");
    body["group_roles"] =
        json!([{ "group": "staff", "role": "viewer" }, { "group": "secops", "role": "analyst" }]);
    body.as_object_mut().unwrap().remove("default_role");
    assert_eq!(world.put("*", &body).await.status, StatusCode::OK);
    let mut browser = Browser::default();
    assert_eq!(world.sign_in(&mut browser).await, "/sign-in?sso=no-role");
    for (groups, role) in [(json!(["secops", "staff"]), "analyst"), (json!("staff"), "viewer")] {
        world.provider.says(&json!({ "groups": groups }));
        assert_eq!(world.sign_in(&mut browser).await, "/hosts?a=b");
        assert_eq!(world.me(&mut browser).await["companies"][0]["role"], role);
    }
}

#[tokio::test]
async fn a_provider_that_was_taken_away_lets_nobody_in_any_more() {
    let world = World::new(SigningKey::ec()).await;
    let (admin, theirs) = (&world.api.ours.admin, &world.api.theirs.admin);
    let mut browser = Browser::default();
    let sent = world.start(&mut browser).await;
    let path = "/api/v1/oidc";
    let other = world.api.send(Method::DELETE, path, Some(theirs), None).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND, "it is another company's");
    assert!(world.api.get(path, theirs).await.json().get("provider").is_none());
    let gone = world.api.send(Method::DELETE, path, Some(admin), None).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    // Also whoever was on the way.
    let back = world.provider.lets_in(&sent);
    assert_eq!(world.come_back(&mut browser, &back).await, "/sign-in?sso=unknown");
    assert_eq!(world.api.get(path, admin).await.headers[header::ETAG], "\"0\"");
}

#[tokio::test]
async fn who_is_of_a_trusted_domain_signs_in_without_a_word_of_verifying() {
    let world = World::new(SigningKey::ec()).await;
    world.provider.inner().claims.as_object_mut().unwrap().remove("email_verified");
    let refused = world.sign_in(&mut Browser::default()).await;
    assert!(refused.contains("unverified"), "{refused}");
    let mut body = world.body();
    body["trusted_domains"] = json!(["EXAMPLE.org"]);
    let put = world.put("*", &body).await;
    assert_eq!(put.json()["provider"]["trusted_domains"], json!(["example.org"]), "{}", put.text);
    assert_eq!(world.sign_in(&mut Browser::default()).await, "/hosts?a=b");
}
