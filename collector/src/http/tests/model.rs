//! Random requests of random principals, against a model of who may do what where.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use store::permission::Permission;
use store::tenant::Role;
use uuid::Uuid;

use super::harness::{Answer, Api, Tenant};
use super::people::Browser;
use super::walk::things::{Things, admitted};
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

/// What somebody shows to be let in.
enum Shown {
    Nothing,
    Key(String),
    Session(Browser),
}

/// Somebody, and what they are where.
struct Caller {
    shown: Shown,
    /// The companies in which they have a role.
    homes: Vec<(Uuid, Role)>,
    is_operator: bool,
    only: Option<Permission>,
}

impl Caller {
    fn new(shown: Shown, homes: &[(&Tenant, Role)]) -> Self {
        let homes = homes.iter().map(|(tenant, role)| (tenant.company.0, *role)).collect();
        Self { shown, homes, is_operator: false, only: None }
    }

    /// The company of whoever has but one.
    fn home(&self) -> Option<Uuid> {
        let [(company, _)] = *self.homes else { return None };
        Some(company)
    }

    fn role_in(&self, company: Uuid) -> Option<Role> {
        if self.is_operator {
            return (!company.is_nil()).then_some(Role::Operator);
        }
        self.homes.iter().find(|(home, _)| *home == company).map(|(_, role)| *role)
    }

    fn is_person(&self) -> bool {
        matches!(self.shown, Shown::Session(_))
    }
}

/// What the model says of a request.
#[derive(Debug, PartialEq)]
enum Verdict {
    Refused(StatusCode, &'static str),
    /// In this company, if it is one's.
    LetIn(Option<Uuid>),
}

fn verdict(caller: &Caller, operation: &Operation, named: Option<&str>) -> Verdict {
    if matches!(caller.shown, Shown::Nothing) {
        return Verdict::Refused(StatusCode::UNAUTHORIZED, "unauthenticated");
    }
    let forbidden = Verdict::Refused(StatusCode::FORBIDDEN, "forbidden");
    let no_person = Verdict::Refused(StatusCode::FORBIDDEN, "not-a-person");
    let Some(permission) = operation.document["x-muster-permission"].as_str() else {
        // What is a person's own is no key's; what is nobody's is everybody's.
        let is_persons = operation.path.contains("/me/") || operation.path.contains("/sessions");
        let is_let_in = caller.is_person() || !is_persons;
        return if is_let_in { Verdict::LetIn(None) } else { no_person };
    };
    let permission = Permission::parse(permission).unwrap();
    let may =
        |role: Role| role >= permission.role() && caller.only.is_none_or(|only| only == permission);
    if operation.document["x-muster-operators"] == true {
        let is_let_in = caller.is_operator && may(Role::Operator);
        return if is_let_in { Verdict::LetIn(None) } else { forbidden };
    }
    let named = match named.map(Uuid::parse_str) {
        Some(Err(_)) => return Verdict::Refused(StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        Some(Ok(company)) => Some(company),
        None => caller.home(),
    };
    let Some(company) = named else {
        return Verdict::Refused(StatusCode::BAD_REQUEST, "company-missing");
    };
    match caller.role_in(company) {
        None => Verdict::Refused(StatusCode::NOT_FOUND, "not-found"),
        Some(role) if !may(role) => forbidden,
        // What is a person's own in a company is no key's there either.
        Some(_) if operation.path.contains("/me/") && !caller.is_person() => no_person,
        Some(_) => Verdict::LetIn(Some(company)),
    }
}

/// Whether it changes who may do what, or takes a company away: after it the model would have to be another.
fn changes_the_model(operation: &Operation) -> bool {
    let ends = ["suspend_company", "delete_company", "sign_out"];
    let proofs = ["set_own_password", "begin_totp", "confirm_totp", "remove_totp"];
    let name = operation.document["operationId"].as_str().unwrap();
    ends.contains(&name) || proofs.contains(&name)
}

async fn callers(api: &Api) -> Vec<Caller> {
    let (ours, theirs) = (&api.ours, &api.theirs);
    let body = r#"{ "name": "narrow", "role": "admin", "scopes": ["hosts:scan"] }"#;
    let post = Method::POST;
    let narrow = api.send(post, "/api/v1/api-keys", Some(&ours.admin), Some(body)).await;
    let narrow = narrow.json()["key"].as_str().unwrap().to_owned();
    let mut callers = vec![
        Caller::new(Shown::Nothing, &[]),
        Caller { is_operator: true, ..Caller::new(Shown::Key(api.operator.clone()), &[]) },
        Caller {
            only: Some(Permission::ScanHosts),
            ..Caller::new(Shown::Key(narrow), &[(ours, Role::Admin)])
        },
    ];
    for tenant in [ours, theirs] {
        for (role, key) in [
            (Role::Viewer, &tenant.viewer),
            (Role::Analyst, &tenant.analyst),
            (Role::Admin, &tenant.admin),
        ] {
            callers.push(Caller::new(Shown::Key(key.clone()), &[(tenant, role)]));
        }
    }
    for (number, homes) in [
        &[(ours, Role::Analyst)][..],
        &[(theirs, Role::Admin)],
        &[(ours, Role::Viewer), (theirs, Role::Admin)],
        &[(ours, Role::Admin), (theirs, Role::Viewer)],
    ]
    .into_iter()
    .enumerate()
    {
        let named: Vec<_> = homes.iter().map(|(tenant, role)| (*tenant, role.as_str())).collect();
        let email = format!("person{number}@example.org");
        let browser = admitted(api, &named, &email).await;
        callers.push(Caller::new(Shown::Session(browser), homes));
    }
    callers
}

async fn ask(
    api: &Api,
    caller: &Caller,
    operation: &Operation,
    things: &Things,
    named: Option<&str>,
) -> Answer {
    let mut request = Request::builder()
        .method(operation.method.clone())
        .uri(things.path_of(operation))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::IF_MATCH, "*");
    match &caller.shown {
        Shown::Nothing => {}
        Shown::Key(key) => {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        Shown::Session(browser) => {
            let cookie = browser.cookie.as_deref().unwrap_or_default();
            request = request.header(header::COOKIE, cookie).header("Muster-Csrf", "1");
        }
    }
    if let Some(named) = named {
        request = request.header("Muster-Company", named);
    }
    let body = things.body_of(operation).unwrap_or_default();
    api.answer(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn nobody_does_or_sees_what_the_model_does_not_let_them() {
    let api = Api::new().await;
    let (callers, operations) = (callers(&api).await, operations());
    let operations: Vec<_> =
        operations.iter().filter(|one| !one.is_open() && !changes_the_model(one)).collect();
    let (ours, theirs) = (&api.ours, &api.theirs);
    let things = [Things::of(&api, ours).await, Things::of(&api, theirs).await];
    let (our_id, their_id) = (ours.company.to_string(), theirs.company.to_string());
    let nil = Uuid::nil().to_string();
    let names = [None, None, Some(&*our_id), Some(&*their_id), Some(&*nil), Some("acme")];
    let mut dice = Dice(20_261_121);
    let mut done = 0;
    for number in 0..REQUESTS {
        let (caller, operation) = (dice.pick(&callers), *dice.pick(&operations));
        let named = *dice.pick(&names);
        let expected = verdict(caller, operation, named);
        // Whose they must not be who asks in the other company.
        let other = match expected {
            Verdict::LetIn(Some(company)) if company == ours.company.0 => Some(theirs),
            Verdict::LetIn(Some(_)) => Some(ours),
            Verdict::LetIn(None) | Verdict::Refused(..) => None,
        };
        let object = dice.pick(&things);
        let written = other.filter(|_| operation.method != Method::GET);
        let before = rows(&api, written).await;
        let answer = ask(&api, caller, operation, object, named).await;
        let what = format!(
            "{number}: {} {} of {:?} naming {named:?}: {} {}",
            operation.method,
            object.path_of(operation),
            caller.homes,
            answer.status,
            answer.text
        );
        assert!(!answer.status.is_server_error(), "{what}");
        assert!(rows(&api, written).await == before, "the other company changed: {what}");
        done += usize::from(written.is_some() && answer.status.is_success());
        let kind = answer.json()["type"].as_str().unwrap_or_default().to_owned();
        match expected {
            Verdict::Refused(status, word) => {
                assert_eq!(answer.status, status, "{what}");
                assert_eq!(kind, format!("urn:muster:problem:{word}"), "{what}");
            }
            Verdict::LetIn(_) => {
                let is_refusal = matches!(answer.status.as_u16(), 401 | 403)
                    || kind == "urn:muster:problem:company-missing";
                assert!(!is_refusal, "{what}");
            }
        }
        // The ids of the other's things, and its versions, which hold its number.
        let shown = other.map(|other| [other.host.to_string(), other.company.to_string()]);
        let shows = shown.is_some_and(|ids| ids.iter().any(|id| answer.text.contains(id)));
        assert!(!(answer.status.is_success() && shows), "{what}");
    }
    assert!(done > REQUESTS / 50, "{done} of {REQUESTS} requests changed something");
}

/// All that is a company's, of whichever is to be looked at.
async fn rows(api: &Api, of: Option<&Tenant>) -> Vec<String> {
    match of {
        Some(tenant) => api.database.rows_of(tenant.company.0).await,
        None => Vec::new(),
    }
}
