//! Messages that name a host which is erased, and others as well: what they tell of others is told all the same.

use protocol::ids::AgentId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::error::StoreError;

/// Takes a host out of messages of webhooks, and has digests that wait and name it written again. What names nothing else
/// is left to whoever erases all rows that name it.
pub(super) async fn take_out_of_messages(
    tx: &mut PgConnection,
    company_key: i64,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let id = agent.to_string();
    sqlx::query!(
        // The order of its events, and so that of its objects, is as it was.
        "UPDATE webhook_deliveries d
         SET events = (SELECT jsonb_agg(e.event ORDER BY e.place)
                       FROM jsonb_array_elements(d.events) WITH ORDINALITY AS e (event, place)
                       WHERE position($2::text IN e.event::text) = 0)
         WHERE d.company_key = $1 AND position($2 IN d.events::text) > 0
           AND EXISTS (SELECT FROM jsonb_array_elements(d.events) AS e (event)
                       WHERE position($2 IN e.event::text) = 0)",
        company_key,
        id.as_str()
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE webhook_deliveries SET answer = NULL
         WHERE company_key = $1 AND position($2::text IN answer) > 0
           AND position($2 IN events::text) = 0",
        company_key,
        id.as_str()
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        // At once, and of the same time: the message is about to be erased. One of an earlier release does not say since
        // when it tells.
        "UPDATE digests d
         SET next_at = least(d.next_at, $3),
             told_until = least(d.told_until, coalesce(m.told_from, m.created_at -
                 CASE WHEN d.weekday IS NULL THEN interval '1 day' ELSE interval '7 days' END))
         FROM (SELECT w.digest, min(w.told_from) AS told_from, min(w.created_at) AS created_at
               FROM digest_messages w
               WHERE w.company_key = $1 AND w.state = 'pending' AND w.kind = 'digest'
                 AND (position($2::text IN w.body_text) > 0 OR position($2 IN w.body_html) > 0)
               GROUP BY w.digest) m
         WHERE d.company_key = $1 AND d.id = m.digest",
        company_key,
        id.as_str(),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::Duration;

    use super::*;
    use crate::digests::{self, DigestChange, NewMessage, Section};
    use crate::hosts::erase;
    use crate::invitations::tests::member;
    use crate::report_schedules::Every;
    use crate::tenant::Role;
    use crate::test_fixtures::{World, at, id};

    /// A message with these events, and what was answered to it.
    async fn delivery(world: &World, state: &str, events: Value, answer: Option<String>) {
        let mut tx = world.tx().await;
        sqlx::query(
            "INSERT INTO webhook_deliveries (company_key, id, webhook, objects, events, state,
                                             created_at, next_at, gives_up_at, answer)
             VALUES ($1, $2, $2, '{}', $3, $4, $5, $5, $5, $6)",
        )
        .bind(world.scope.key())
        .bind(id())
        .bind(events)
        .bind(state)
        .bind(at(1))
        .bind(answer)
        .execute(&mut *tx)
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    async fn deliveries(world: &World) -> Vec<(String, Value, Option<String>)> {
        let mut tx = world.tx().await;
        sqlx::query_as(
            "SELECT state, events, answer FROM webhook_deliveries WHERE company_key = $1 ORDER BY seq",
        )
        .bind(world.scope.key())
        .fetch_all(&mut *tx)
        .await
        .unwrap()
    }

    #[tokio::test]
    async fn what_webhooks_have_to_be_told_of_others_waits_on_in_its_order() {
        let world = World::new().await;
        let (gone, stays) = (world.agent().await, world.agent().await);
        let of = |host: AgentId, number: i32| json!({ "policy": { "host": host.0 }, "n": number });
        let both = json!([of(stays, 1), of(gone, 2), json!({ "n": 3 }), of(stays, 4)]);
        let left = json!([of(stays, 1), { "n": 3 }, of(stays, 4)]);
        delivery(&world, "pending", both.clone(), None).await;
        delivery(&world, "pending", json!([of(gone, 1)]), None).await;
        delivery(&world, "pending", json!([of(stays, 1)]), Some(format!("no {gone}"))).await;
        delivery(&world, "dead", both, Some("no".to_owned())).await;
        let erased = erase(&world.scope, gone, at(5)).await.unwrap().unwrap();
        assert_eq!(erased["webhook_deliveries"], 1);
        let expected = [
            ("pending".to_owned(), left.clone(), None),
            ("pending".to_owned(), json!([of(stays, 1)]), None),
            ("dead".to_owned(), left, Some("no".to_owned())),
        ];
        assert_eq!(deliveries(&world).await, expected);
    }

    #[tokio::test]
    async fn a_digest_that_waits_and_names_the_host_is_written_again_of_the_same_time() {
        let world = World::new().await;
        let host = world.agent().await;
        let user = member(&world.scope, "ann@example.org", Role::Viewer).await;
        let every = Every { weekday: None, minute: 540, time_zone: "UTC".to_owned() };
        let change = DigestChange { every: &every, sections: &Section::ALL, when_quiet: false };
        let made = digests::put(&world.scope, (user, id()), &change, None, at(2)).await.unwrap();
        let html = format!("<a href=\"/hosts/{host}\">host</a>");
        let message = NewMessage { id: id(), subject: "1 host silent", text: "host", html: &html };
        let now = at(3_630);
        assert!(digests::tell(&world.scope, &made, Some(&message), now).await.unwrap());
        assert_eq!(digests::due(&world.scope, 10, now).await.unwrap(), []);
        let later = now + Duration::MINUTE;
        let erased = erase(&world.scope, host, later).await.unwrap().unwrap();
        assert_eq!(erased["digest_messages"], 1);
        let due = digests::due(&world.scope, 10, later).await.unwrap();
        let due: Vec<_> = due.iter().map(|one| (one.digest.id, one.digest.told_until)).collect();
        assert_eq!(due, [(made.id, made.told_until)]);
    }
}
