//! Receivers that are down, slow, refuse, or send elsewhere: what is tried again, and what never is.

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_receiver_that_is_down_for_an_hour_misses_nothing_and_gets_it_in_order() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::BreakOff);
    let mut expected = Vec::new();
    for minute in 0..60_usize {
        // One finding comes and goes, so all that happens is about the same.
        let (cves, kind): (&[&str], _) = match minute % 2 {
            0 => (&["CVE-2024-1"], "opened"),
            _ => (&[], "resolved"),
        };
        world.judge(&company, cves).await;
        expected.push((kind, "CVE-2024-1"));
        company.rounds(&mut office, async || company.messages(None).await.len() > minute).await;
        world.hand.advance(Duration::from_secs(60));
    }
    let waiting = company.messages(Some(DeliveryState::Pending)).await;
    assert_eq!(waiting.len(), 60);
    // All wait for the first, which alone was tried.
    let first = waiting.last().unwrap();
    assert!((6..=12).contains(&first.attempts), "{}", first.attempts);
    assert!(first.error.is_some() && first.status.is_none());
    assert_eq!(waiting[0].attempts, 0);
    receiver.does(Does::Take);
    world.hand.advance(Duration::from_secs(900));
    company.rounds_until_taken(&mut office, &receiver, 60).await;
    assert_eq!(receiver.events(), told(&expected));
}

#[tokio::test]
async fn a_server_that_answers_500_is_tried_again_later_and_given_up_after_a_day() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    let hook = world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::Answer(500));
    world.judge(&company, &["CVE-2024-1"]).await;
    company.rounds(&mut office, async || !receiver.received().is_empty()).await;
    // Not before its time.
    office.look(company.scope.company()).await.unwrap();
    office.rest().await;
    assert_eq!(receiver.received().len(), 1);
    let mut hours = 0;
    while company.messages(Some(DeliveryState::Dead)).await.is_empty() {
        world.hand.advance(HOUR);
        office.look(company.scope.company()).await.unwrap();
        office.rest().await;
        hours += 1;
        assert!(hours <= 24);
    }
    assert_eq!(hours, 24);
    let dead = &company.messages(None).await[0];
    assert_eq!(dead.status, Some(500));
    let error = dead.error.as_deref().unwrap();
    assert!(error.contains("500") && error.contains("given up"), "{error}");
    receiver.does(Does::Take);
    let now = world.clock.now();
    assert!(rows::replay(&company.scope, hook.id, dead.id, now).await.unwrap());
    company.rounds_until_taken(&mut office, &receiver, 1).await;
}

#[tokio::test]
async fn a_message_that_is_refused_holds_back_its_own_object_and_no_other() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::TakeBut("CVE-2024-1"));
    let steps: [&[&str]; 4] =
        [&["CVE-2024-1"], &["CVE-2024-1", "CVE-2024-2"], &["CVE-2024-2"], &[]];
    for (number, cves) in steps.into_iter().enumerate() {
        world.judge(&company, cves).await;
        company.rounds(&mut office, async || company.messages(None).await.len() > number).await;
    }
    let second = [("opened", "CVE-2024-2"), ("resolved", "CVE-2024-2")];
    company.rounds_until_taken(&mut office, &receiver, 2).await;
    assert_eq!(receiver.events(), told(&second));
    receiver.does(Does::Take);
    world.hand.advance(HOUR);
    company.rounds_until_taken(&mut office, &receiver, 4).await;
    let first = [("opened", "CVE-2024-1"), ("resolved", "CVE-2024-1")];
    assert_eq!(receiver.events()[2..], told(&first));
}

#[tokio::test]
async fn a_redirect_is_followed_nowhere() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let elsewhere = Receiver::new().await;
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::Redirect(elsewhere.url()));
    world.judge(&company, &["CVE-2024-1"]).await;
    company
        .rounds(&mut office, async || {
            let messages = company.messages(None).await;
            messages.first().is_some_and(|message| message.attempts > 0)
        })
        .await;
    let message = &company.messages(None).await[0];
    assert_eq!((message.state, message.status), (DeliveryState::Pending, Some(307)));
    assert_eq!(elsewhere.received().len(), 0);
}

#[tokio::test]
async fn an_address_inside_is_not_connected_to_by_number_or_by_name() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    let port = receiver.address.port();
    world.hook(&company, "number", &receiver.url()).await;
    let name = format!("http://localhost:{port}/hook");
    world.hook(&company, "name", &name).await;
    let config = WebhooksConfig { allowed_networks: Vec::new(), ..open() };
    let mut office = world.office(&config);
    world.judge(&company, &["CVE-2024-1"]).await;
    company
        .rounds(&mut office, async || {
            let messages = company.messages(None).await;
            messages.len() == 2 && messages.iter().all(|message| message.attempts > 0)
        })
        .await;
    for message in company.messages(None).await {
        let error = message.error.unwrap();
        assert!(error.contains("is not public"), "{error}");
    }
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn a_server_that_says_nothing_keeps_no_other_waiting() {
    let (world, slow, quick) = (World::new().await, Receiver::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "slow", &slow.url()).await;
    world.hook(&company, "quick", &quick.url()).await;
    let mut office = world.office(&open());
    slow.does(Does::Hang);
    world.judge(&company, &["CVE-2024-1"]).await;
    let both = async {
        let id = company.scope.company();
        while quick.events().is_empty() || slow.received().is_empty() {
            office.look(id).await.unwrap();
            tokio::task::yield_now().await;
        }
        // The second message comes while the first still hangs at the other one.
        world.judge(&company, &[]).await;
        while quick.events().len() < 2 {
            office.look(id).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, both).await.unwrap();
    assert_eq!(slow.events().len(), 0);
    slow.release();
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_none() {
    let (world, slow) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "slow", &slow.url()).await;
    let config = open();
    let mut office = world.office(&config).patient(&config, Duration::from_millis(20));
    slow.does(Does::Hang);
    world.judge(&company, &["CVE-2024-1"]).await;
    let arriving = async {
        company
            .rounds(&mut office, async || {
                let messages = company.messages(None).await;
                messages.first().is_some_and(|message| message.attempts > 0)
            })
            .await;
    };
    arriving.await;
    let error = company.messages(None).await[0].error.clone().unwrap();
    assert!(error.starts_with("no answer within"), "{error}");
}

#[tokio::test]
async fn one_companys_dead_receivers_keep_no_other_companys_messages() {
    let world = World::new().await;
    let (dead, well) = (Receiver::new().await, Receiver::new().await);
    dead.does(Does::Hang);
    let (theirs, ours) = (world.company(1).await, world.company(2).await);
    for number in 0..20 {
        world.hook(&theirs, &format!("dead {number}"), &dead.url()).await;
    }
    world.hook(&ours, "ours", &well.url()).await;
    // More than there are places for.
    assert_eq!(open().requests_max, 16);
    let mut office = world.office(&open()).patient(&open(), HOUR);
    world.judge(&theirs, &["CVE-2024-1"]).await;
    world.judge(&ours, &["CVE-2024-2"]).await;
    let sending = async {
        // Theirs have all that they may have.
        while dead.received().len() < 4 {
            office.look(theirs.scope.company()).await.unwrap();
            tokio::task::yield_now().await;
        }
        while well.events().is_empty() {
            office.look(ours.scope.company()).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), sending).await.unwrap();
    assert_eq!(well.events(), told(&[("opened", "CVE-2024-2")]));
    assert_eq!(dead.received().len(), 4);
}

#[tokio::test]
async fn a_receiver_that_was_silent_is_asked_once_at_a_time_until_it_answers() {
    let (world, receiver) = (World::new().await, Receiver::new().await);
    let company = world.company(1).await;
    world.hook(&company, "ours", &receiver.url()).await;
    let mut office = world.office(&open());
    receiver.does(Does::BreakOff);
    // Messages about different things, of which any may go.
    let cves = ["CVE-2024-1", "CVE-2024-2", "CVE-2024-3", "CVE-2024-4"];
    for count in 1..=cves.len() {
        world.judge(&company, &cves[..count]).await;
        company.rounds(&mut office, async || company.messages(None).await.len() >= count).await;
    }
    world.hand.advance(HOUR);
    receiver.does(Does::Hang);
    let office = &mut office;
    let sending = async {
        while receiver.received().is_empty() {
            office.look(company.scope.company()).await.unwrap();
            tokio::task::yield_now().await;
        }
        // One that is not answered holds no more than its own place.
        for _ in 0..100 {
            company.messages(None).await;
        }
        assert_eq!(receiver.received().len(), 1);
        receiver.does(Does::Take);
        receiver.release();
        office.rest().await;
    };
    tokio::time::timeout(Duration::from_secs(30), sending).await.unwrap();
    assert_eq!(receiver.received().len(), cves.len());
}
