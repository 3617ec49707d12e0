//! What a provider publishes: where it is asked (OpenID Connect Discovery 1.0) and the keys that it signs
//! with (RFC 7517). Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::signature::PublicKey;

/// Keys of a provider that are looked at.
const KEYS_MAX: usize = 100;

/// Where a provider is asked.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Discovered {
    /// What it calls itself.
    pub(super) issuer: String,
    /// Where people are sent.
    pub(super) authorization_endpoint: String,
    /// Where their codes are taken.
    pub(super) token_endpoint: String,
    /// Where its keys are.
    pub(super) jwks_uri: String,
    /// How it may be shown the client's secret.
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

impl Discovered {
    /// Whether the secret stands in the form and not in a header, which is how it is by default.
    pub(super) fn takes_secret_in_form(&self) -> bool {
        let has = |name| self.token_endpoint_auth_methods_supported.iter().any(|one| one == name);
        has("client_secret_post") && !has("client_secret_basic")
    }

    /// Whether it names groups only to who asks for them.
    pub(super) fn has_scope_of_groups(&self) -> bool {
        self.scopes_supported.iter().any(|scope| scope == "groups")
    }
}

/// A key by its name.
#[derive(Clone, Debug)]
pub(super) struct NamedKey {
    /// Its name.
    pub(super) id: Option<String>,
    /// The one algorithm that it is for.
    pub(super) algorithm: Option<String>,
    /// The key.
    pub(super) key: PublicKey,
}

/// A provider's keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(pub(super) Vec<NamedKey>);

impl Keys {
    /// The keys of a set, without those of kinds that nobody here uses.
    ///
    /// # Errors
    ///
    /// When it is no set of keys.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(bytes)?;
        Ok(Self(set.keys.iter().take(KEYS_MAX).filter_map(named_key).collect()))
    }
}

fn named_key(value: &Value) -> Option<NamedKey> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    // A key for secrecy signs nothing.
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let key = match (text("kty")?, text("crv")) {
        ("RSA", _) => PublicKey::rsa(&bytes("n")?, &bytes("e")?),
        ("EC", Some("P-256")) => PublicKey::P256(point(32, &bytes("x")?, &bytes("y")?)?),
        ("EC", Some("P-384")) => PublicKey::P384(point(48, &bytes("x")?, &bytes("y")?)?),
        ("OKP", Some("Ed25519")) => PublicKey::Ed25519(bytes("x")?),
        _ => return None,
    };
    Some(NamedKey {
        id: text("kid").map(str::to_owned),
        algorithm: text("alg").map(str::to_owned),
        key,
    })
}

/// A point of a curve as ring reads it: both coordinates in full, after the byte that says so (SEC 1, 2.3.3).
fn point(length: usize, x: &[u8], y: &[u8]) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [&[4], x, y].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_of_other_kinds_and_purposes_are_passed_over() {
        let x = URL_SAFE_NO_PAD.encode([1; 32]);
        let set = json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "x": x, "y": x, "kid": "a", "use": "sig", "alg": "ES256" },
            { "kty": "EC", "crv": "P-256", "x": x, "y": x, "kid": "b", "use": "enc" },
            { "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode([1; 31]), "y": x },
            { "kty": "EC", "crv": "secp256k1", "x": x, "y": x },
            { "kty": "oct", "k": x },
            { "kty": "RSA", "n": "not base64!", "e": "AQAB" },
            "nonsense",
        ] });
        let keys = Keys::parse(set.to_string().as_bytes()).unwrap();
        let ids: Vec<_> = keys.0.iter().map(|key| key.id.as_deref()).collect();
        assert_eq!(ids, [Some("a")]);
        assert!(Keys::parse(b"[]").is_err());
    }

    #[test]
    fn a_secret_goes_into_the_header_unless_only_the_form_takes_it() {
        let with = |methods: &[&str]| -> Discovered {
            serde_json::from_value(json!({
                "issuer": "i", "authorization_endpoint": "a", "token_endpoint": "t",
                "jwks_uri": "j", "token_endpoint_auth_methods_supported": methods,
            }))
            .unwrap()
        };
        assert!(with(&["client_secret_post"]).takes_secret_in_form());
        assert!(!with(&["client_secret_post", "client_secret_basic"]).takes_secret_in_form());
        assert!(!with(&[]).takes_secret_in_form());
    }
}
