//! What comes: each event once, in few messages, signed with its own secret, of its own company.

use super::*;

#[tokio::test]
async fn a_message_comes_once_with_its_id_and_a_signature_that_is_right() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    let hook = world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    world.judge(&company, &["CVE-2024-1"]).await;
    company.rounds_until_taken(&mut office, &receiver, 1).await;
    company
        .rounds(&mut office, async || {
            !company.messages(Some(DeliveryState::Delivered)).await.is_empty()
        })
        .await;
    let received = receiver.received();
    let [message] = received.as_slice() else {
        panic!("{received:?}");
    };
    let signature = message.header("muster-signature");
    assert!(is_signed(signature, &hook.secret, &message.body));
    assert!(!is_signed(signature, "whsec_other", &message.body));
    assert!(!is_signed(signature, &hook.secret, b"{}"));
    let json = message.json();
    assert_eq!(json["id"], message.header("muster-delivery"));
    assert_eq!(json["company"], company.scope.company().to_string());
    assert_eq!(json["events"][0]["finding"]["software"]["name"], "lodash");
    let delivered = &company.messages(None).await[0];
    assert_eq!((delivered.status, delivered.attempts), (Some(200), 1));
    assert_eq!(delivered.answer.as_deref(), Some("so it is"));
}

#[tokio::test]
async fn a_storm_comes_in_few_messages() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    let cves: Vec<String> = (0..250).map(|n| format!("CVE-2024-{:05}", 10_000 + n)).collect();
    let cves: Vec<&str> = cves.iter().map(String::as_str).collect();
    world.judge(&company, &cves).await;
    company.rounds_until_taken(&mut office, &receiver, 250).await;
    assert_eq!(receiver.received().len(), 3);
}

#[tokio::test]
async fn two_companies_and_two_nodes_are_never_mixed() {
    let world = World::new().await;
    let (ours, theirs) = (world.company(1).await, world.company(2).await);
    let receivers = [Receiver::new().await, Receiver::new().await];
    let hooks = [
        world.hook(&ours, "hook", &receivers[0].url()).await,
        world.hook(&theirs, "hook", &receivers[1].url()).await,
    ];
    let (mut one, mut other) = (world.office(&open()), world.office(&open()));
    world.judge(&ours, &["CVE-2024-1", "CVE-2024-2"]).await;
    world.judge(&theirs, &["CVE-2024-3"]).await;
    let making = async {
        while receivers[0].events().len() < 2 || receivers[1].events().is_empty() {
            for company in [&ours, &theirs] {
                let id = company.scope.company();
                let (first, second) = tokio::join!(one.look(id), other.look(id));
                assert!(first.unwrap() + second.unwrap() <= 1, "one node has it");
            }
            one.rest().await;
            other.rest().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, making).await.unwrap();
    let counts = receivers.each_ref().map(|one| one.events().len());
    assert_eq!(counts, [2, 1]);
    for (number, company) in [&ours, &theirs].into_iter().enumerate() {
        for message in receivers[number].received() {
            let signature = message.header("muster-signature");
            assert!(is_signed(signature, &hooks[number].secret, &message.body));
            assert!(!is_signed(signature, &hooks[1 - number].secret, &message.body));
            assert_eq!(message.json()["company"], company.scope.company().to_string());
        }
    }
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    let hook = world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    let (scope, now) = (&company.scope, world.clock.now());
    let (secret, sealed) = world.sealer.new_secret(scope.company(), hook.id).unwrap();
    let until = now + time::Duration::DAY;
    rows::rotate_secret(scope, hook.id, &sealed, until, now).await.unwrap();
    world.judge(&company, &["CVE-2024-1"]).await;
    company.rounds_until_taken(&mut office, &receiver, 1).await;
    let message = &receiver.received()[0];
    let signature = message.header("muster-signature");
    assert!(is_signed(signature, &secret, &message.body));
    assert!(is_signed(signature, &hook.secret, &message.body));
}

#[tokio::test]
async fn with_another_authority_nothing_is_sent_unsigned() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let store = world.database.store().clone();
    let other = Sealer::new(|_| [6; 32]).unwrap();
    let mut office = Office::new(store, world.clock.clone(), other, &open()).unwrap();
    world.judge(&company, &["CVE-2024-1"]).await;
    company
        .rounds(&mut office, async || {
            let messages = company.messages(None).await;
            messages.first().is_some_and(|message| message.attempts > 0)
        })
        .await;
    let error = company.messages(None).await[0].error.clone().unwrap();
    assert!(error.contains("rotate"), "{error}");
    assert_eq!(receiver.received().len(), 0);
}
