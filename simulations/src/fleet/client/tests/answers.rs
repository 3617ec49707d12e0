//! What an agent does with each answer: settles, pauses, begins anew, or leaves.

use super::*;

#[tokio::test]
async fn who_is_not_welcome_stays_away_for_a_minute_and_others_as_long_as_they_are_told() {
    for (reason, told_ms, expected_s) in [
        (RejectReason::AgentRevoked, 0, 60.0),
        (RejectReason::CompanySuspended, 90_000, 90.0),
        (RejectReason::AgentUnknown, 1_000, 60.0),
        (RejectReason::ShuttingDown, 0, 0.0),
        (RejectReason::ShuttingDown, 2_500, 2.5),
        (RejectReason::RateLimited, 7_000, 7.0),
        // No collector may send an agent away for longer than the protocol lets it.
        (RejectReason::ShuttingDown, u32::MAX, f64::from(RETRY_AFTER_MS_MAX) / 1_000.0),
    ] {
        let mut client = client(1, Touch::Told, 1).await;
        let parted = client.welcomed(refuse(reason, told_ms)).expect_err("refused");
        let wait = stays_away(&parted).as_secs_f64();
        assert!((wait - expected_s).abs() < 1e-9, "{reason}: {wait}");
        let later = client.answered(refuse(reason, told_ms)).expect_err("refused");
        assert!((stays_away(&later).as_secs_f64() - expected_s).abs() < 1e-9);
        let rejects = client.context.stats.measured().rejects;
        assert_eq!(rejects[reason.as_str()], 2);
    }
}

#[tokio::test]
async fn words_out_of_turn_end_the_session_and_name_themselves() {
    let mut client = client(1, Touch::Told, 1).await;
    let out_of_turn = [
        CollectorMessage::SendSnapshot,
        CollectorMessage::ScanNow { request: 1 },
        CollectorMessage::Settings(settings(60)),
        CollectorMessage::Rekey,
        CollectorMessage::Gone,
        CollectorMessage::Ack { position: Position::new(1, 1) },
    ];
    for message in out_of_turn {
        let parted = client.welcomed(message.clone()).expect_err("no welcome");
        let Parted::Broken { why, wait } = parted else {
            panic!("{message:?} is taken");
        };
        assert!(why.to_string().contains("out of turn"), "{why}");
        assert_eq!(wait, Duration::ZERO);
    }
    assert!(client.answered(CollectorMessage::Gone).is_err());
    // Told to become another, it stays the agent that it is.
    assert!(matches!(client.answered(CollectorMessage::Rekey), Ok(Next::GoOn)));
}

#[tokio::test]
async fn an_acknowledgement_settles_and_the_first_whole_snapshot_is_counted_once() {
    let mut client = reporting(250).await;
    for (seq, first_snapshots) in [(1, 0), (3, 1)] {
        let position = Position::new(1, seq);
        let answered = client.answered(CollectorMessage::Ack { position });
        assert!(matches!(answered, Ok(Next::GoOn)));
        assert_eq!(client.context.stats.first_snapshots.get(), first_snapshots);
    }
    assert_eq!(client.context.stats.records_acked.get(), 250);
    assert_eq!(client.context.stats.reports_acked.get(), 3);
    // Another snapshot is not a first one.
    assert!(client.answered(CollectorMessage::SendSnapshot).is_ok());
    while client.model().send_next(Clock.now()).is_some() {}
    let position = Position::new(2, 3);
    assert!(client.answered(CollectorMessage::Ack { position }).is_ok());
    assert_eq!(client.context.stats.first_snapshots.get(), 1);
    assert_eq!(client.context.stats.snapshots_asked.get(), 1);
}

#[tokio::test]
async fn a_snapshot_that_is_asked_for_while_one_is_on_its_way_is_that_one() {
    let mut client = reporting(250).await;
    assert!(client.answered(CollectorMessage::SendSnapshot).is_ok());
    assert_eq!(client.model().unanswered(), 3, "no second one was made");
    assert_eq!(client.context.stats.snapshots_asked.get(), 1, "and it is counted");
}

#[tokio::test(start_paused = true)]
async fn a_report_for_later_is_sent_again_behind_the_pause_that_was_asked_for() {
    for (told_ms, least, most) in [(0, 100, 300), (60_000, 60_000, 75_000)] {
        let mut client = reporting(250).await;
        let message = reject(Position::new(1, 2), RejectReason::QueueFull, told_ms);
        let Ok(Next::PauseUntil(until)) = client.answered(message) else {
            panic!("no pause");
        };
        let pause = (until - Clock.now()).as_millis();
        assert!((least..=most).contains(&pause), "{pause} ms of {told_ms}");
        // The one before stands, this one and the next go out again.
        assert!(client.model().is_in_flight(Position::new(1, 1)));
        assert!(!client.model().is_in_flight(Position::new(1, 2)));
        assert_eq!(client.model().unanswered(), 3);
    }
}

#[tokio::test]
async fn a_reject_of_what_was_taken_back_already_is_no_second_one() {
    let mut client = reporting(250).await;
    let first = reject(Position::new(1, 1), RejectReason::RateLimited, 0);
    assert!(matches!(client.answered(first), Ok(Next::PauseUntil(_))));
    // The collector rejects what it still finds behind the first one, which changes nothing.
    let next = reject(Position::new(1, 2), RejectReason::Gap, 0);
    assert!(matches!(client.answered(next), Ok(Next::GoOn)));
    let rejects = client.context.stats.measured().rejects;
    assert_eq!(rejects.len(), 1, "{rejects:?}");
    assert_eq!(client.model().unanswered(), 3, "no new epoch");
}

#[tokio::test]
async fn a_report_that_never_will_be_taken_begins_a_new_epoch() {
    for reason in [RejectReason::Gap, RejectReason::Undecodable, RejectReason::InvalidRecord] {
        let mut client = reporting(250).await;
        let answered = client.answered(reject(Position::new(1, 1), reason, 0));
        assert!(matches!(answered, Ok(Next::PauseUntil(_))), "{reason}");
        let settled = client.model().acknowledge(Position::new(1, 3), Clock.now());
        assert_eq!(settled.records, 0, "the old epoch is over");
        while client.model().send_next(Clock.now()).is_some() {}
        assert!(client.model().is_in_flight(Position::new(2, 1)));
        let errors = client.context.stats.measured().errors;
        assert!(errors.contains_key(&format!("{reason}: so")), "{errors:?}");
    }
}

#[tokio::test]
async fn a_reject_that_is_a_refusal_ends_the_session() {
    for reason in [RejectReason::AgentRevoked, RejectReason::ShuttingDown] {
        let mut client = reporting(10).await;
        let answered = client.answered(reject(Position::new(1, 1), reason, 0));
        assert!(matches!(answered, Err(Parted::Broken { .. })), "{reason}");
    }
}

#[tokio::test]
async fn a_scan_that_is_asked_for_is_done_at_once_and_said() {
    let mut client = reporting(10).await;
    for request in [4, 2] {
        let answered = client.answered(CollectorMessage::ScanNow { request });
        assert!(matches!(answered, Ok(Next::Heartbeat)));
        let AgentMessage::Heartbeat(heartbeat) = client.model().heartbeat() else {
            panic!("no heartbeat");
        };
        assert_eq!(heartbeat.scan_done, 4, "an older request takes nothing back");
    }
}
