//! Which of a webhook's messages may go now. Pure.

use std::collections::HashSet;

use store::webhooks::Due;
use time::OffsetDateTime;
use uuid::Uuid;

/// The messages of `waiting`, which is in order, that are due and not behind another one about the same.
/// What is on its way, or waits for its next attempt, holds back what comes after it about the same, and
/// nothing else.
pub(super) fn may_go<'a>(
    waiting: &'a [Due],
    on_their_way: &HashSet<Uuid>,
    now: OffsetDateTime,
) -> Vec<&'a Due> {
    let mut held = HashSet::new();
    let mut going = Vec::new();
    for due in waiting {
        let is_behind = due.objects.iter().any(|object| held.contains(object));
        if !is_behind && due.next_at <= now && !on_their_way.contains(&due.id) {
            going.push(due);
        }
        held.extend(due.objects.iter().copied());
    }
    going
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn due(id: u128, objects: &[i64], in_s: i64) -> Due {
        Due {
            id: Uuid::from_u128(id),
            objects: objects.to_vec(),
            attempts: 0,
            next_at: NOW + time::Duration::seconds(in_s),
            gives_up_at: NOW + time::Duration::DAY,
        }
    }

    fn going(waiting: &[Due], on_their_way: &[u128]) -> Vec<u128> {
        let on_their_way = on_their_way.iter().map(|id| Uuid::from_u128(*id)).collect();
        let going = may_go(waiting, &on_their_way, NOW);
        going.iter().map(|due| due.id.as_u128()).collect()
    }

    #[test]
    fn what_is_about_the_same_goes_one_after_the_other_and_the_rest_at_once() {
        let waiting = [due(1, &[1, 2], 0), due(2, &[2, 3], 0), due(3, &[4], 0), due(4, &[3], 0)];
        // The fourth waits for the second, which waits for the first.
        assert_eq!(going(&waiting, &[]), [1, 3]);
        assert_eq!(going(&waiting, &[1]), [3]);
        assert_eq!(going(&waiting[1..], &[3]), [2]);
    }

    #[test]
    fn a_message_that_waits_for_its_next_attempt_holds_back_only_its_own() {
        let waiting = [due(1, &[1], 60), due(2, &[1], 0), due(3, &[2], 0)];
        assert_eq!(going(&waiting, &[]), [3]);
    }
}
