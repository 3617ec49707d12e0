//! Which tokens are believed.

use ring::hmac;
use serde_json::json;

use super::*;
use crate::oidc::testing::SigningKey;

const NOW: i64 = 1_800_000_000;

const EXPECTED: Expected<'_> = Expected {
    issuer: "https://id.example",
    client_id: "muster",
    nonce: "n1",
    groups_claim: Some("groups"),
    trusted_domains: &[],
    now: OffsetDateTime::UNIX_EPOCH,
};

fn expected() -> Expected<'static> {
    Expected { now: OffsetDateTime::from_unix_timestamp(NOW).unwrap(), ..EXPECTED }
}

fn claims() -> Value {
    json!({ "iss": "https://id.example", "aud": "muster", "sub": "s1", "nonce": "n1",
            "iat": NOW - 5, "exp": NOW + 300, "email": "Ann@Example.org", "email_verified": true,
            "name": "Ann", "groups": ["a", "b"] })
}

/// Whether an address counts that a token has with these claims, where addresses of `example.org` are trusted.
fn counts(changes: &Value) -> bool {
    let (key, mut claims) = (SigningKey::ec(), claims());
    claims.as_object_mut().unwrap().remove("email_verified");
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let trusted = ["example.org".to_owned()];
    let expected = Expected { trusted_domains: &trusted, ..expected() };
    match read(&key.token("k", &claims), &keys(&[(&key, "k")]), &expected) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error, TokenError::Unverified);
            false
        }
    }
}

#[test]
fn an_address_of_a_trusted_domain_counts_where_the_provider_says_nothing_of_it() {
    assert!(counts(&json!({})));
    assert!(counts(&json!({ "email": "ann@EXAMPLE.org" })));
    for email in ["ann@example.com", "ann@sub.example.org", "example.org", "a@example.org@b.org"] {
        assert!(!counts(&json!({ "email": email })), "{email}");
    }
    // What it says counts.
    for said in [json!(false), json!(null), json!(0)] {
        assert!(!counts(&json!({ "email_verified": said })), "{said}");
        assert!(!counts(&json!({ "xms_edov": said })), "{said}");
    }
}

#[test]
fn a_domain_that_entra_calls_the_tenants_own_is_as_good_as_a_verified_address() {
    for said in [json!(true), json!(1), json!("1"), json!("true")] {
        let changes = json!({ "email_verified": null, "xms_edov": said });
        assert!(with(&changes).is_ok(), "{said}");
        // Beside the claim of the standard it says nothing.
        let changes = json!({ "email_verified": false, "xms_edov": said });
        assert_eq!(with(&changes), Err(TokenError::Unverified), "{said}");
    }
}

fn keys(named: &[(&SigningKey, &str)]) -> Keys {
    let set: Vec<Value> = named.iter().map(|(key, id)| key.jwk(id)).collect();
    Keys::parse(json!({ "keys": set }).to_string().as_bytes()).unwrap()
}

/// What is made of a token with these changes of its claims; null takes one away.
fn with(changes: &Value) -> Result<Identity, TokenError> {
    let (key, mut claims) = (SigningKey::ec(), claims());
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    read(&key.token("k", &claims), &keys(&[(&key, "k")]), &expected())
}

#[test]
fn a_token_of_either_kind_of_key_says_who_it_is() {
    for key in [SigningKey::rsa(), SigningKey::ec()] {
        let token = key.token("k", &claims());
        let who = read(&token, &keys(&[(&key, "k")]), &expected()).unwrap();
        assert_eq!((who.subject.as_str(), who.email.as_str()), ("s1", "Ann@Example.org"));
        assert_eq!((who.name.as_str(), who.groups), ("Ann", vec!["a".to_owned(), "b".to_owned()]));
    }
}

#[test]
fn what_was_changed_or_signed_by_another_is_not_believed() {
    let (key, other) = (SigningKey::ec(), SigningKey::ec());
    let set = keys(&[(&key, "k")]);
    let token = key.token("k", &claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let evil = URL_SAFE_NO_PAD.encode(json!({ "sub": "admin" }).to_string());
    for forged in [
        other.token("k", &claims()),
        format!("{header}.{evil}.{signature}"),
        format!("{message}."),
        SigningKey::rsa().token_with(&json!({ "alg": "ES256", "kid": "k" }), &claims()),
    ] {
        assert_eq!(read(&forged, &set, &expected()), Err(TokenError::Signature), "{forged}");
    }
    let unknown = other.token("another", &claims());
    assert_eq!(read(&unknown, &set, &expected()), Err(TokenError::UnknownKey));
}

#[test]
fn the_key_decides_the_algorithm_and_none_is_none() {
    let key = SigningKey::rsa();
    let set = keys(&[(&key, "k")]);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for algorithm in ["none", "None", "NONE", "HS256", "RS1", ""] {
        for name in [json!({ "alg": algorithm, "kid": "k" }), json!({ "alg": algorithm })] {
            let message = format!("{}.{}", part(&name), part(&claims()));
            // The public key as a shared secret, which has fooled many.
            let secret =
                hmac::Key::new(hmac::HMAC_SHA256, key.jwk("k")["n"].to_string().as_bytes());
            let mac = hmac::sign(&secret, message.as_bytes());
            for signature in [String::new(), URL_SAFE_NO_PAD.encode(mac.as_ref())] {
                let read = read(&format!("{message}.{signature}"), &set, &expected());
                assert!(read.is_err(), "{algorithm}");
            }
        }
    }
    // The key says that it is for RS256.
    let other = key.token_with(&json!({ "alg": "PS256", "kid": "k" }), &claims());
    assert_eq!(read(&other, &set, &expected()), Err(TokenError::UnknownKey));
}

#[test]
fn every_claim_that_binds_a_token_is_held_to() {
    for (changes, error) in [
        (json!({ "iss": "https://evil.example" }), TokenError::Issuer),
        (json!({ "iss": "https://id.example/" }), TokenError::Issuer),
        (json!({ "iss": null }), TokenError::Issuer),
        (json!({ "aud": "other" }), TokenError::Audience),
        (json!({ "aud": null }), TokenError::Audience),
        (json!({ "aud": [] }), TokenError::Audience),
        (json!({ "aud": ["other", "muster"] }), TokenError::Audience),
        (json!({ "aud": ["other", "muster"], "azp": "other" }), TokenError::Audience),
        (json!({ "azp": "other" }), TokenError::Audience),
        (json!({ "nonce": "n2" }), TokenError::Nonce),
        (json!({ "nonce": null }), TokenError::Nonce),
        (json!({ "exp": NOW - 61 }), TokenError::Time),
        (json!({ "exp": null }), TokenError::Time),
        (json!({ "exp": "9999999999" }), TokenError::Time),
        (json!({ "exp": i64::MAX, "iat": NOW + 61 }), TokenError::Time),
        (json!({ "iat": null }), TokenError::Time),
        (json!({ "nbf": NOW + 61 }), TokenError::Time),
        (json!({ "nbf": "soon" }), TokenError::Time),
        (json!({ "sub": null }), TokenError::NoSubject),
        (json!({ "sub": "" }), TokenError::NoSubject),
        (json!({ "sub": "s".repeat(256) }), TokenError::NoSubject),
        (json!({ "email": null }), TokenError::Unverified),
        (json!({ "email_verified": false }), TokenError::Unverified),
        (json!({ "email_verified": null }), TokenError::Unverified),
        (json!({ "email_verified": 1 }), TokenError::Unverified),
    ] {
        assert_eq!(with(&changes), Err(error), "{changes}");
    }
}

#[test]
fn what_providers_write_in_other_ways_is_read() {
    for changes in [
        json!({ "aud": ["muster"] }),
        json!({ "aud": ["other", "muster"], "azp": "muster" }),
        json!({ "exp": NOW - 59 }),
        json!({ "exp": 1_800_000_300.5 }),
        json!({ "iat": NOW + 59, "nbf": NOW + 59 }),
        json!({ "email_verified": "true" }),
    ] {
        assert!(with(&changes).is_ok(), "{changes}");
    }
    assert_eq!(with(&json!({ "name": null })).unwrap().name, "Ann@Example.org");
    assert_eq!(with(&json!({ "groups": "one" })).unwrap().groups, ["one"]);
    assert!(with(&json!({ "groups": { "a": 1 } })).unwrap().groups.is_empty());
}

#[test]
fn what_is_no_token_is_refused_whatever_it_is() {
    let set = keys(&[(&SigningKey::ec(), "k")]);
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    for token in [
        String::new(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{}.{}.", part("{}"), part("{}")),
        format!("{}.{}.", part(r#"{"alg":"ES256","crit":["b64"]}"#), part("{}")),
        "a".repeat(BYTES_MAX + 1),
    ] {
        assert_eq!(read(&token, &set, &expected()), Err(TokenError::Malformed));
    }
}
