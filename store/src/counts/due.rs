//! When a company's counts are to be made again.

use time::{Duration, OffsetDateTime};

use crate::error::StoreError;
use crate::tenant::TenantScope;

/// From so many installations, or findings, on a company's counts are kept. Below, a list that counts
/// takes some hundredths of a second.
const INSTALLATIONS_LARGE: i64 = 20_000;
const FINDINGS_LARGE: i64 = 5_000;

/// Counts are made of what has changed no sooner than this after the last time,
const AGAIN_AFTER: Duration = Duration::MINUTE;
/// and than so many times what that took: two in a hundred of a connection's time at most.
const SHARE: f64 = 50.0;
/// Some causes leave no trace that is looked for here, such as a host that was erased or has lost a label.
const ALWAYS_AFTER: Duration = Duration::HOUR;

/// What is known of a company beforehand.
#[derive(Clone, Copy, Debug)]
struct Standing {
    /// Of which moment the oldest of its counts are, and how many seconds they took; none while its hosts were never
    /// counted.
    made: Option<(OffsetDateTime, f64)>,
    /// Whether they were begun, if they were never made to the end.
    is_begun: bool,
    /// When a report of it was applied, a host was let go, something happened to a finding, or an exception was decided
    /// on.
    changed_at: Option<OffsetDateTime>,
    installations: i64,
    /// No more than what makes it large.
    findings: i64,
}

/// Whether the company's counts are to be made. `refreshed_at` is when a feed last brought something:
/// scores order lists as well.
///
/// # Errors
///
/// When the database cannot be used.
pub async fn is_due(
    scope: &TenantScope,
    refreshed_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let standing = standing(scope).await?;
    Ok(standing.is_due(refreshed_at, now))
}

async fn standing(scope: &TenantScope) -> Result<Standing, StoreError> {
    let mut tx = scope.begin("counts.standing").await?;
    let row = sqlx::query!(
        r#"SELECT (SELECT least(counted_at, hosts_counted_at) FROM company_counts
                   WHERE company_key = $1 AND isfinite(counted_at)
                     AND hosts_counted_at IS NOT NULL) AS counted_at,
                  (SELECT seconds FROM company_counts
                   WHERE company_key = $1 AND isfinite(counted_at)) AS seconds,
                  EXISTS (SELECT FROM company_counts WHERE company_key = $1) AS "is_begun!",
                  max(greatest(applied_at, revoked_at)) AS applied_at,
                  (SELECT at FROM finding_events WHERE company_key = $1
                   ORDER BY xact DESC, id DESC LIMIT 1) AS told_at,
                  -- One that runs out is ended a little later, as of the moment at which it ran out.
                  (SELECT max(greatest(created_at, decided_at, ended_at + interval '2 minutes'))
                   FROM exceptions WHERE company_key = $1) AS excepted_at,
                  coalesce(sum(digest_count), 0)::bigint AS "installations!",
                  (SELECT count(*) FROM (
                      SELECT FROM findings WHERE company_key = $1 AND resolved_at = 'infinity'
                      LIMIT $2) few) AS "findings!"
           FROM agents WHERE company_key = $1"#,
        scope.key(),
        FINDINGS_LARGE
    )
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Standing {
        made: row.counted_at.zip(row.seconds),
        is_begun: row.is_begun,
        changed_at: row.applied_at.max(row.told_at).max(row.excepted_at),
        installations: row.installations,
        findings: row.findings,
    })
}

impl Standing {
    fn is_due(&self, refreshed_at: Option<OffsetDateTime>, now: OffsetDateTime) -> bool {
        let Some((made_at, seconds)) = self.made else {
            let is_large =
                self.installations >= INSTALLATIONS_LARGE || self.findings >= FINDINGS_LARGE;
            // What was begun is brought to its end, or its rows would be as old as that for ever.
            return is_large || self.is_begun;
        };
        let age = now - made_at;
        // Not before: what happened in the very moment may have been missed.
        let has_changed =
            [self.changed_at, refreshed_at].into_iter().flatten().any(|at| at >= made_at);
        let rest = AGAIN_AFTER.max(Duration::saturating_seconds_f64(seconds * SHARE));
        // A clock that was set back must not keep counts for ever.
        age >= ALWAYS_AFTER || age.is_negative() || (has_changed && age >= rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_fixtures::at;

    fn made(seconds: f64) -> Standing {
        Standing {
            made: Some((at(1_000), seconds)),
            is_begun: true,
            changed_at: None,
            installations: 0,
            findings: 0,
        }
    }

    #[test]
    fn a_company_is_counted_once_it_is_large() {
        let small = Standing {
            made: None,
            is_begun: false,
            changed_at: Some(at(0)),
            installations: INSTALLATIONS_LARGE - 1,
            findings: FINDINGS_LARGE - 1,
        };
        assert!(!small.is_due(Some(at(0)), at(9_999)));
        for large in [
            Standing { installations: INSTALLATIONS_LARGE, ..small },
            Standing { findings: FINDINGS_LARGE, ..small },
            Standing { is_begun: true, ..small },
        ] {
            assert!(large.is_due(None, at(0)), "{large:?}");
        }
    }

    #[test]
    fn what_has_changed_is_counted_again_a_minute_later_and_what_has_not_within_an_hour() {
        for (changed, refreshed, now, expected) in [
            (None, None, 4_599, false),
            (None, None, 4_600, true),
            (Some(999), Some(999), 4_599, false),
            (Some(1_000), None, 1_059, false),
            (Some(1_000), None, 1_060, true),
            (None, Some(1_030), 1_060, true),
            // The clock went back.
            (None, None, 900, true),
        ] {
            let standing = Standing { changed_at: changed.map(at), ..made(0.1) };
            let due = standing.is_due(refreshed.map(at), at(now));
            assert_eq!(due, expected, "{changed:?} {refreshed:?} {now}");
        }
    }

    #[test]
    fn counting_that_takes_long_is_done_seldom() {
        let standing = Standing { changed_at: Some(at(1_001)), ..made(4.0) };
        assert!(!standing.is_due(None, at(1_199)));
        assert!(standing.is_due(None, at(1_200)));
        let slower = Standing { changed_at: Some(at(1_001)), ..made(1e9) };
        assert!(!slower.is_due(None, at(4_599)));
        assert!(slower.is_due(None, at(4_600)));
    }
}
