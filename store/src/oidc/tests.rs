//! Whom a company's provider lets in, as what, and into what not.

mod links;

use super::*;
use crate::api_keys::PresentedKey;
use crate::audit::{self, EntryFilter, Origin};
use crate::invitations::tests::{invite, member};
use crate::page::PageRequest;
use crate::permission::Permission;
use crate::sessions::{self, Lasting, NewSession};
use crate::tenant::TenantScope;
use crate::test_fixtures::{World, at, company, id};
use crate::users;

const ISSUER: &str = "https://id.example";
const LASTING: Lasting =
    Lasting { idle: time::Duration::seconds(1_000), absolute: time::Duration::seconds(1_000) };

/// A provider whose group `secops` is admins.
struct Setup {
    issuer: &'static str,
    default_role: Option<Role>,
    has_groups: bool,
}

const PLAIN: Setup = Setup { issuer: ISSUER, default_role: Some(Role::Viewer), has_groups: false };

async fn set_up(scope: &TenantScope, setup: &Setup) {
    let groups = [GroupRole { group: "secops".to_owned(), role: Role::Admin }];
    let change = ProviderChange {
        issuer: setup.issuer,
        client_id: "muster",
        client_secret: Some(b"sealed"),
        domains: &["example.org".to_owned()],
        trusted_domains: &[],
        default_role: setup.default_role,
        groups_claim: setup.has_groups.then_some("groups"),
        group_roles: if setup.has_groups { &groups } else { &[] },
    };
    put(scope, &change, None, at(0)).await.unwrap();
}

async fn arrive(
    scope: &TenantScope,
    subject: &str,
    email: &str,
    groups: &[&str],
) -> Result<Entered, EnterError> {
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    let arrival = Arrival {
        issuer: ISSUER,
        subject,
        email,
        name: "Somebody",
        groups: &groups,
        new_user: id(),
        address: None,
        request_id: "r",
    };
    enter(scope, &arrival, at(2)).await
}

async fn role(scope: &TenantScope, who: &Entered) -> Option<Role> {
    users::find_member(scope, who.user).await.unwrap().map(|member| member.role)
}

async fn actions(scope: &TenantScope) -> Vec<String> {
    let all = audit::list(scope, &EntryFilter::default(), &PageRequest::first(100)).await.unwrap();
    all.items.into_iter().map(|entry| entry.action).collect()
}

#[tokio::test]
async fn somebody_new_gets_an_account_once_and_it_has_no_password() {
    let world = World::new().await;
    set_up(&world.scope, &PLAIN).await;
    let first = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    assert_eq!(role(&world.scope, &first).await, Some(Role::Viewer));
    // Under another address too: the subject is who it is.
    let again = arrive(&world.scope, "s1", "ann.new@example.org", &[]).await.unwrap();
    assert_eq!(again, first);
    let account = users::by_id(world.store(), first.user).await.unwrap().unwrap();
    assert_eq!((account.password.as_str(), account.is_operator), ("", false));
    let log = actions(&world.scope).await;
    assert_eq!(log.iter().filter(|action| *action == "user.create").count(), 1, "{log:?}");
}

#[tokio::test]
async fn accounts_that_are_elsewhere_are_not_opened() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    set_up(&world.scope, &PLAIN).await;
    set_up(&other, &PLAIN).await;
    member(&other, "bob@example.org", Role::Admin).await;
    let operator = users::NewOperator {
        id: id(),
        email: "op@example.org",
        name: "Op",
        password: "$argon2id$x",
    };
    let operators = world.store().local_operator();
    users::create_operator(&operators, &operator, at(0)).await.unwrap();
    for (subject, email) in [("s1", "bob@example.org"), ("s2", "op@example.org")] {
        let entered = arrive(&world.scope, subject, email, &[]).await.unwrap();
        let accounts = users::by_email(world.store(), email).await.unwrap();
        let own = accounts.iter().find(|one| one.id == entered.user).unwrap();
        assert_eq!((accounts.len(), own.is_operator), (2, false), "{email}");
        assert_eq!(role(&world.scope, &entered).await, Some(Role::Viewer));
        assert_eq!(role(&other, &entered).await, None, "{email}");
    }
    // The same subject of the same issuer is another company's word, and stands for another person here.
    let ann = arrive(&other, "s9", "ann@example.org", &[]).await.unwrap();
    let eve = arrive(&world.scope, "s9", "ann@example.org", &[]).await.unwrap();
    assert_ne!(eve.user, ann.user);
}

#[tokio::test]
async fn an_account_that_another_company_opened_first_keeps_nobody_out() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    set_up(&world.scope, &PLAIN).await;
    set_up(&other, &PLAIN).await;
    // By an invitation that its maker accepted, and by a provider that says anything.
    member(&other, "ann@example.org", Role::Admin).await;
    arrive(&other, "s1", "bob@example.org", &[]).await.unwrap();
    invite(&world.scope, "ann@example.org", Role::Analyst).await;
    for (subject, email, is) in
        [("s1", "ann@example.org", Role::Analyst), ("s2", "bob@example.org", Role::Viewer)]
    {
        let entered = arrive(&world.scope, subject, email, &[]).await.unwrap();
        assert_eq!(role(&world.scope, &entered).await, Some(is), "{email}");
        assert_eq!(arrive(&world.scope, subject, email, &[]).await.unwrap(), entered);
        assert_eq!(role(&other, &entered).await, None, "{email}");
    }
}

#[tokio::test]
async fn who_had_a_password_and_was_taken_out_comes_back_by_the_provider_once_invited() {
    let world = World::new().await;
    set_up(&world.scope, &PLAIN).await;
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    users::remove_member(&world.scope, ann, at(1)).await.unwrap();
    let refused = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap_err();
    assert!(matches!(refused, EnterError::Removed), "{refused}");
    invite(&world.scope, "ann@example.org", Role::Analyst).await;
    let back = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    assert_eq!((back.user, role(&world.scope, &back).await), (ann, Some(Role::Analyst)));
}

#[tokio::test]
async fn a_member_is_linked_by_address_and_a_second_subject_does_not_inherit_it() {
    let world = World::new().await;
    set_up(&world.scope, &PLAIN).await;
    let ann = member(&world.scope, "ann@example.org", Role::Analyst).await;
    let first = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    assert_eq!((first.user, role(&world.scope, &first).await), (ann, Some(Role::Analyst)));
    assert!(actions(&world.scope).await.contains(&"oidc.link".to_owned()));
    let second = arrive(&world.scope, "s2", "ann@example.org", &[]).await.unwrap_err();
    assert!(matches!(second, EnterError::NotTheirs), "{second}");
}

#[tokio::test]
async fn a_role_follows_the_groups_but_the_last_admin_stays_one() {
    let world = World::new().await;
    let setup = Setup { default_role: None, has_groups: true, ..PLAIN };
    set_up(&world.scope, &setup).await;
    let nobody = arrive(&world.scope, "s1", "ann@example.org", &["staff"]).await.unwrap_err();
    assert!(matches!(nobody, EnterError::NoRole), "{nobody}");
    let ann = arrive(&world.scope, "s1", "ann@example.org", &["staff", "secops"]).await.unwrap();
    assert_eq!(role(&world.scope, &ann).await, Some(Role::Admin));
    set_up(&world.scope, &Setup { default_role: Some(Role::Viewer), ..setup }).await;
    arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    assert_eq!(role(&world.scope, &ann).await, Some(Role::Admin), "nobody else could mend it");
    member(&world.scope, "bob@example.org", Role::Admin).await;
    arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    assert_eq!(role(&world.scope, &ann).await, Some(Role::Viewer));
    assert!(actions(&world.scope).await.contains(&"user.set_role".to_owned()));
}

#[tokio::test]
async fn who_was_taken_out_stays_out_until_invited() {
    let world = World::new().await;
    set_up(&world.scope, &PLAIN).await;
    let ann = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    users::remove_member(&world.scope, ann.user, at(3)).await.unwrap();
    let refused = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap_err();
    assert!(matches!(refused, EnterError::Removed), "{refused}");
    invite(&world.scope, "ann@example.org", Role::Analyst).await;
    let back = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap();
    assert_eq!((back.user, role(&world.scope, &back).await), (ann.user, Some(Role::Analyst)));
    users::remove_member(&world.scope, ann.user, at(4)).await.unwrap();
    let again = arrive(&world.scope, "s1", "ann@example.org", &[]).await.unwrap_err();
    assert!(matches!(again, EnterError::Removed), "an invitation counts once");
}

#[tokio::test]
async fn a_session_by_a_provider_is_good_for_its_company_alone() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    let ann = member(&world.scope, "ann@example.org", Role::Admin).await;
    member(&other, "ann@example.org", Role::Admin).await;
    let begin = async |only, secret| {
        let key = PresentedKey::new(id(), [secret; 32]);
        let origin = Origin::local();
        let (address, agent) = (None, "a browser");
        let new = NewSession {
            key: &key,
            user: ann,
            replaces: None,
            address,
            agent,
            origin: &origin,
            only,
        };
        sessions::begin(world.store(), &new, LASTING, at(1)).await.unwrap();
        key
    };
    let (own, narrow) = (begin(None, 1).await, begin(Some(&world.scope), 2).await);
    let who = world.store().authenticate_session(&narrow, LASTING, at(2)).await.unwrap().unwrap();
    let (here, there) = (world.scope.company(), other.company());
    assert_eq!((who.company(), who.role_in(there)), (Some(here), None));
    assert!(who.may(Permission::ManageUsers, here));
    let list = async |seen_by| {
        let found = sessions::list(world.store(), (ann, seen_by), LASTING, at(2)).await.unwrap();
        found.len()
    };
    assert_eq!((list(own.id()).await, list(narrow.id()).await), (2, 1));
    let (store, origin) = (world.store(), Origin::local());
    let seen_by = (ann, narrow.id());
    assert!(!sessions::revoke(store, seen_by, own.id(), &origin, at(2)).await.unwrap());
    assert!(sessions::revoke(store, seen_by, narrow.id(), &origin, at(2)).await.unwrap());
    assert!(actions(&world.scope).await.contains(&"session.begin".to_owned()));
}

#[tokio::test]
async fn a_secret_is_kept_for_its_issuer_and_changes_are_made_from_what_was_seen() {
    let world = World::new().await;
    let domains = ["example.org".to_owned()];
    let change = ProviderChange {
        issuer: ISSUER,
        client_id: "muster",
        client_secret: None,
        domains: &domains,
        trusted_domains: &[],
        default_role: None,
        groups_claim: None,
        group_roles: &[],
    };
    let none = put(&world.scope, &change, Some(0), at(0)).await.unwrap_err();
    assert!(matches!(none, PutError::SecretMissing), "{none}");
    let with = ProviderChange { client_secret: Some(b"one"), ..change };
    assert_eq!(put(&world.scope, &with, Some(0), at(0)).await.unwrap().revision, 1);
    let renamed = ProviderChange { client_id: "other", ..change };
    let second = put(&world.scope, &renamed, Some(1), at(1)).await.unwrap();
    assert_eq!((second.client_secret.as_slice(), second.revision), (&b"one"[..], 2));
    let moved = ProviderChange { issuer: "https://evil.example", ..change };
    let refused = put(&world.scope, &moved, Some(2), at(1)).await.unwrap_err();
    assert!(matches!(refused, PutError::SecretMissing), "it would be sent there");
    let stale = put(&world.scope, &renamed, Some(1), at(1)).await.unwrap_err();
    assert!(matches!(stale, PutError::Changed), "{stale}");
    let other = company(world.store(), "Other").await;
    assert_eq!(get(&other).await.unwrap(), None);
    assert!(!delete(&other, at(2)).await.unwrap());
    assert!(delete(&world.scope, at(2)).await.unwrap());
    assert_eq!(get(&world.scope).await.unwrap(), None);
}

#[tokio::test]
async fn of_two_who_make_the_first_provider_at_once_the_second_is_told_to_look_again() {
    let world = World::new().await;
    // The first one's, which is not committed yet: the second sees that there is none.
    let mut first = world.tx().await;
    sqlx::query(
        "INSERT INTO oidc_providers (company_key, issuer, client_id, client_secret, domains,
             group_roles, created_at, changed_at)
         VALUES ($1, 'https://first.example', 'muster', 'x', '{first.example}', '[]', now(), now())",
    )
    .bind(world.scope.key())
    .execute(&mut *first)
    .await
    .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for seen in [Some(0), None] {
        let scope = world.scope.clone();
        tasks.spawn(async move {
            let change = ProviderChange {
                issuer: ISSUER,
                client_id: "muster",
                client_secret: Some(b"sealed"),
                domains: &["example.org".to_owned()],
                trusted_domains: &[],
                default_role: None,
                groups_claim: None,
                group_roles: &[],
            };
            (seen, put(&scope, &change, seen, at(1)).await.map(|made| made.revision))
        });
    }
    let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
                   WHERE NOT l.granted AND a.datname = current_database() AND $1 > 0";
    while world.number(waiting).await < 2 {
        tokio::task::yield_now().await;
    }
    first.commit().await.unwrap();
    for (seen, put) in tasks.join_all().await {
        match seen {
            Some(_) => assert!(matches!(put, Err(PutError::Changed)), "{put:?}"),
            // Whoever does not mind what there is replaces it.
            None => assert_eq!(put.unwrap(), 2),
        }
    }
}

#[tokio::test]
async fn a_provider_is_found_by_its_companys_name_or_by_a_domain_that_one_alone_has() {
    let world = World::new().await;
    let (store, other) = (world.store(), company(world.store(), "Other").await);
    assert!(by_company_name(store, "acme").await.unwrap().is_none(), "it has none");
    set_up(&world.scope, &PLAIN).await;
    let found = by_company_name(store, " ACME").await.unwrap().unwrap();
    assert_eq!(found.company(), world.scope.company());
    let found = by_domain(store, "Example.ORG").await.unwrap().unwrap();
    assert_eq!(found.company(), world.scope.company());
    assert!(by_domain(store, "example.com").await.unwrap().is_none());
    // People of the domain who are elsewhere are sent to no provider that merely names it.
    let ann = member(&world.scope, "ann@example.org", Role::Viewer).await;
    assert!(by_domain(store, "example.org").await.unwrap().is_some(), "ours");
    let bob = member(&other, "bob@example.org", Role::Viewer).await;
    assert!(by_domain(store, "example.org").await.unwrap().is_none(), "theirs as well");
    member(&world.scope, "bob@example.org", Role::Viewer).await;
    assert!(by_domain(store, "example.org").await.unwrap().is_some(), "they are ours too");
    users::remove_member(&world.scope, ann, at(1)).await.unwrap();
    assert!(by_domain(store, "example.org").await.unwrap().is_some(), "nobody else has them");
    users::remove_member(&world.scope, bob, at(1)).await.unwrap();
    set_up(&other, &PLAIN).await;
    assert!(by_domain(store, "example.org").await.unwrap().is_none(), "nobody's to guess");
}

#[tokio::test]
async fn a_request_is_answered_once_and_forgotten_when_it_is_too_old() {
    let world = World::new().await;
    let answer = async |number, seconds| {
        let (until, now) = (at(seconds + 100), at(seconds));
        answer_once(world.store(), &[number; 32], until, now).await.unwrap()
    };
    assert!(answer(1, 0).await && answer(2, 0).await);
    assert!(!answer(1, 50).await);
    assert!(answer(3, 200).await);
    let mut tx = users::as_operator(world.store(), "test").await.unwrap();
    let kept: i64 =
        sqlx::query_scalar("SELECT count(*) FROM oidc_answered").fetch_one(&mut *tx).await.unwrap();
    assert_eq!(kept, 1);
}
