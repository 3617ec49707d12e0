//! Keys that may some of what their role may, and what is kept of every key.

use super::*;
use crate::audit::{self, EntryFilter};
use crate::page::PageRequest;
use crate::test_fixtures::company;

#[tokio::test]
async fn a_narrowed_key_may_what_it_names_of_what_its_role_may() {
    let world = World::new().await;
    for (number, (role, scopes, may)) in [
        (Role::Admin, Some(vec![Permission::ScanHosts]), &[Permission::ScanHosts][..]),
        // What the role lacks is not given by naming it.
        (
            Role::Viewer,
            Some(vec![Permission::ScanHosts, Permission::ReadInventory]),
            &[Permission::ReadInventory],
        ),
        (Role::Admin, Some(vec![]), &[]),
        (Role::Viewer, None, &[Permission::ReadInventory, Permission::ExportInventory]),
    ]
    .into_iter()
    .enumerate()
    {
        let key = PresentedKey::new(id(), [7; 32]);
        let new = new_key(&key, None);
        let made = create_narrowed(&world.scope, &new, role, scopes.as_deref(), at(0)).await;
        assert_eq!(made.unwrap().scopes, scopes, "{number}");
        let holder = world.store().authenticate(&key, at(1)).await.unwrap().unwrap();
        let company = world.scope.company();
        let found: Vec<Permission> =
            Permission::ALL.iter().copied().filter(|one| holder.may(*one, company)).collect();
        assert_eq!(found, may, "{number}");
        let listed = list(&world.scope).await.unwrap();
        let listed = listed.iter().find(|one| one.id == key.id()).unwrap();
        assert_eq!(listed.scopes, scopes, "{number}");
    }
}

#[tokio::test]
async fn a_scope_that_a_newer_version_knew_gives_nothing() {
    let world = World::new().await;
    let key = PresentedKey::new(id(), [7; 32]);
    let scopes = [Permission::ReadInventory];
    let new = new_key(&key, None);
    create_narrowed(&world.scope, &new, Role::Admin, Some(&scopes), at(0)).await.unwrap();
    let mut tx = world.tx().await;
    sqlx::query("UPDATE api_keys SET scopes = '{everything:do}' WHERE company_key = $1")
        .bind(world.scope.key())
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let holder = world.store().authenticate(&key, at(1)).await.unwrap().unwrap();
    // Nothing, and not all of what the role may.
    let company = world.scope.company();
    assert!(Permission::ALL.iter().all(|one| !holder.may(*one, company)));
    assert_eq!(list(&world.scope).await.unwrap()[0].scopes, Some(vec![]));
}

#[tokio::test]
async fn a_key_of_a_company_may_nothing_in_another() {
    let world = World::new().await;
    let other = company(world.store(), "Other").await;
    let key = PresentedKey::new(id(), [7; 32]);
    create(&world.scope, &new_key(&key, None), Role::Admin, at(0)).await.unwrap();
    let holder = world.store().authenticate(&key, at(1)).await.unwrap().unwrap();
    assert_eq!(holder.role_in(other.company()), None);
    assert!(Permission::ALL.iter().all(|one| !holder.may(*one, other.company())));
    let origin = Origin::system();
    assert!(holder.scope(other.company(), &origin).await.unwrap().is_none());
    assert!(holder.scope(world.scope.company(), &origin).await.unwrap().is_some());
    assert!(!revoke(&other, key.id(), at(2)).await.unwrap());
    assert_eq!(list(&other).await.unwrap(), []);
    assert!(lets_in(&world, &key, 3).await);
}

#[tokio::test]
async fn the_log_says_what_a_key_may_and_nothing_that_lets_one_in() {
    let world = World::new().await;
    let key = PresentedKey::new(id(), [7; 32]);
    let scopes = [Permission::ScanHosts];
    let new = new_key(&key, Some(at(100)));
    create_narrowed(&world.scope, &new, Role::Operator, Some(&scopes), at(0)).await.unwrap();
    for _ in 0..2 {
        revoke(&world.scope, key.id(), at(1)).await.unwrap();
    }
    let entries = audit::list(&world.scope, &EntryFilter::default(), &PageRequest::first(10)).await;
    let entries = entries.unwrap().items;
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["api_key.revoke", "api_key.create"]);
    let shown = entries[1].after.as_ref().unwrap();
    let expected = json!({ "name": "reporting", "role": "admin", "scopes": ["hosts:scan"],
                           "expires": at(100).unix_timestamp() });
    assert_eq!(*shown, expected);
}

#[test]
fn a_secret_is_compared_whole() {
    let key = PresentedKey::new(Uuid::from_u128(5), [7; 32]);
    let kept = key.secret_hash();
    assert!(key.is_of(&kept));
    assert!(!key.is_of(&kept[..31]));
    assert!(!key.is_of(&[]));
    assert!(!key.is_of(&[kept.clone(), vec![0]].concat()));
    let mut other = kept;
    other[31] ^= 1;
    assert!(!key.is_of(&other));
}

#[test]
fn a_credential_is_read_as_its_own_kind_and_without_the_space_around_it() {
    let key = PresentedKey::new(Uuid::from_u128(5), [7; 32]);
    for prefix in ["msk_", "mss_", "msi_"] {
        let text = key.expose_as(prefix);
        for other in ["msk_", "mss_", "msi_"] {
            let read = PresentedKey::parse_as(other, &text);
            assert_eq!(read.is_ok(), prefix == other, "{prefix} {other}");
        }
    }
    let text = key.expose();
    assert_eq!(format!(" {text}\n").parse(), Ok(key.clone()));
    // A UUID is written in several ways, and means the same.
    let dashed = text.replacen(
        "00000000000000000000000000000005",
        "00000000-0000-0000-0000-000000000005",
        1,
    );
    assert_eq!(dashed.parse(), Ok(key));
    for text in [
        text.to_uppercase(),
        text.replace('_', "-"),
        format!("{text}="),
        format!("{text}A"),
        text.replacen('_', "__", 1),
    ] {
        assert_eq!(text.parse::<PresentedKey>(), Err(InvalidKey), "{text}");
    }
}
