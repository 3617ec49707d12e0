//! Random requests of random principals, against a model of who may do what where.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use store::permission::Permission;
use store::tenant::Role;
use uuid::Uuid;

use super::harness::{Answer, Api};
use super::walk::{Operation, operations};

/// Requests that are made.
const REQUESTS: usize = 1_500;

/// Numbers that only look random, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // A linear congruential generator, after Knuth.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[self.roll(among.len())]
    }
}

/// Somebody with a key, or nobody.
struct Caller {
    key: Option<String>,
    home: Option<Uuid>,
    role: Role,
    only: Option<Permission>,
}

/// What the model says of a request.
#[derive(Debug, PartialEq)]
enum Verdict {
    Refused(StatusCode, &'static str),
    /// In this company, if it is one's.
    LetIn(Option<Uuid>),
}

fn verdict(caller: &Caller, operation: &Operation, named: Option<&str>) -> Verdict {
    if caller.key.is_none() {
        return Verdict::Refused(StatusCode::UNAUTHORIZED, "unauthenticated");
    }
    let Some(permission) = operation.document["x-muster-permission"].as_str() else {
        // What is a person's own is no key's; what is nobody's is everybody's.
        let is_persons = operation.path.contains("/me/") || operation.path.contains("/sessions");
        return if is_persons {
            Verdict::Refused(StatusCode::FORBIDDEN, "not-a-person")
        } else {
            Verdict::LetIn(None)
        };
    };
    let permission = Permission::parse(permission).unwrap();
    let may = caller.role >= permission.role() && caller.only.is_none_or(|only| only == permission);
    let forbidden = Verdict::Refused(StatusCode::FORBIDDEN, "forbidden");
    if operation.document["x-muster-operators"] == true {
        return if may { Verdict::LetIn(None) } else { forbidden };
    }
    let named = match named.map(Uuid::parse_str) {
        Some(Err(_)) => return Verdict::Refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        Some(Ok(company)) => Some(company),
        None => caller.home,
    };
    let Some(company) = named else {
        return Verdict::Refused(StatusCode::BAD_REQUEST, "company-missing");
    };
    let is_open = if caller.role == Role::Operator {
        !company.is_nil()
    } else {
        caller.home == Some(company)
    };
    match (is_open, may) {
        (false, _) => Verdict::Refused(StatusCode::NOT_FOUND, "not-found"),
        (true, false) => forbidden,
        // What is a person's own in a company is no key's there either.
        (true, true) if operation.path.contains("/me/") => {
            Verdict::Refused(StatusCode::FORBIDDEN, "not-a-person")
        }
        (true, true) => Verdict::LetIn(Some(company)),
    }
}

async fn callers(api: &Api) -> Vec<Caller> {
    let body = r#"{ "name": "narrow", "role": "admin", "scopes": ["hosts:scan"] }"#;
    let post = axum::http::Method::POST;
    let narrow = api.send(post, "/api/v1/api-keys", Some(&api.ours.admin), Some(body)).await;
    let narrow = narrow.json()["key"].as_str().unwrap().to_owned();
    let mut callers = vec![
        Caller { key: None, home: None, role: Role::Viewer, only: None },
        Caller { key: Some(api.operator.clone()), home: None, role: Role::Operator, only: None },
        Caller {
            key: Some(narrow),
            home: Some(api.ours.company.0),
            role: Role::Admin,
            only: Some(Permission::ScanHosts),
        },
    ];
    for tenant in [&api.ours, &api.theirs] {
        for (role, key) in [
            (Role::Viewer, &tenant.viewer),
            (Role::Analyst, &tenant.analyst),
            (Role::Admin, &tenant.admin),
        ] {
            let (key, home) = (Some(key.clone()), Some(tenant.company.0));
            callers.push(Caller { key, home, role, only: None });
        }
    }
    callers
}

async fn ask(
    api: &Api,
    caller: &Caller,
    operation: &Operation,
    path: &str,
    named: Option<&str>,
) -> Answer {
    let mut request = Request::builder()
        .method(operation.method.clone())
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::IF_MATCH, "*");
    if let Some(key) = &caller.key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    if let Some(named) = named {
        request = request.header("Muster-Company", named);
    }
    api.answer(request.body(Body::from("{}")).unwrap()).await
}

#[tokio::test]
async fn nobody_does_or_sees_what_the_model_does_not_let_them() {
    let api = Api::new().await;
    let (callers, operations) = (callers(&api).await, operations());
    let operations: Vec<_> = operations.iter().filter(|one| !one.is_open()).collect();
    let (ours, theirs) = (&api.ours, &api.theirs);
    let (our_id, their_id) = (ours.company.to_string(), theirs.company.to_string());
    let nil = Uuid::nil().to_string();
    let names = [None, None, Some(&*our_id), Some(&*their_id), Some(&*nil), Some("acme")];
    let mut dice = Dice(20_261_121);
    for number in 0..REQUESTS {
        let (caller, operation) = (dice.pick(&callers), *dice.pick(&operations));
        let named = *dice.pick(&names);
        let object = *dice.pick(&[ours, theirs]);
        let path = operation.path_of(object.company.0, object.host.0, object.software);
        let expected = verdict(caller, operation, named);
        let answer = ask(&api, caller, operation, &path, named).await;
        let what = format!(
            "{number}: {} {path} as {} of {:?} naming {named:?}: {} {}",
            operation.method,
            caller.role.as_str(),
            caller.home,
            answer.status,
            answer.text
        );
        assert!(!answer.status.is_server_error(), "{what}");
        let kind = answer.json()["type"].as_str().unwrap_or_default().to_owned();
        match expected {
            Verdict::Refused(status, word) => {
                assert_eq!(answer.status, status, "{what}");
                assert_eq!(kind, format!("urn:muster:problem:{word}"), "{what}");
            }
            Verdict::LetIn(company) => {
                let is_refusal = matches!(answer.status.as_u16(), 401 | 403)
                    || kind == "urn:muster:problem:company-missing";
                assert!(!is_refusal, "{what}");
                let other = match company {
                    Some(company) if company == ours.company.0 => theirs,
                    Some(_) => ours,
                    None => continue,
                };
                // The ids of the other's things, and its versions, which hold its number.
                let shown = [other.host.to_string(), other.company.to_string()];
                let is_success = answer.status.is_success();
                assert!(!(is_success && shown.iter().any(|id| answer.text.contains(id))), "{what}");
            }
        }
    }
}
