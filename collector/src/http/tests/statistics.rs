//! Statistics over the API: what was measured, of when, within what is kept.

use serde_json::json;
use time::Duration;

use super::harness::{Api, NOW};

const PATH: &str = "/api/v1/statistics";

async fn measure(api: &Api) {
    for tenant in [&api.ours, &api.theirs] {
        store::statistics::measure(&tenant.scope, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_measured_is_shown_with_its_instant() {
    let api = Api::new().await;
    let none = api.get(PATH, &api.ours.viewer).await.json();
    assert_eq!(none["items"], json!([]));
    assert!(none.get("as_of").is_none());
    measure(&api).await;
    // The hour and the day of this very instant begin before it.
    api.hand.advance(std::time::Duration::from_secs(1));
    for (step, at) in [("hour", "2026-03-01T12:00:00Z"), ("day", "2026-03-01T00:00:00Z")] {
        let shown = api.get(&format!("{PATH}?step={step}"), &api.ours.viewer).await.json();
        assert_eq!(shown["step"], step);
        assert_eq!(shown["as_of"], "2026-03-01T12:00:00Z");
        assert_eq!(shown["fixed_within_s"], 30 * 86_400);
        let items = shown["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{shown}");
        assert_eq!((&items[0]["at"], &items[0]["hosts"]), (&json!(at), &json!(1)));
        let findings = &items[0]["findings"];
        // Nobody scored it, and nothing was fixed yet.
        for (group, open) in [("all", 1), ("other", 1), ("critical", 0), ("kev", 0)] {
            assert_eq!(
                (&findings[group]["open"], &findings[group]["exposure"]),
                (&json!(open), &json!(open))
            );
            assert!(findings[group].get("fix_median_s").is_none());
        }
    }
}

#[tokio::test]
async fn a_range_that_is_none_or_longer_than_what_is_kept_is_refused() {
    let api = Api::new().await;
    for (query, field, words) in [
        ("from=2026-03-01T12:00:00Z&to=2026-03-01T12:00:00Z", "from", "not before"),
        ("step=hour&from=2026-01-01T00:00:00Z", "from", "more than 35 days"),
        ("from=2020-01-01T00:00:00Z", "from", "more than 800 days"),
        ("step=week", "query", "week"),
        ("until=2026-03-01T12:00:00Z", "query", "until"),
        ("to=0000-01-01T00:00:00Z", "from", "not before"),
    ] {
        let answer = api.get(&format!("{PATH}?{query}"), &api.ours.viewer).await;
        answer.blames(field, words);
    }
}

#[tokio::test]
async fn a_range_has_what_begins_in_it() {
    let api = Api::new().await;
    measure(&api).await;
    for hours in 1..3 {
        let at = NOW + Duration::hours(hours);
        store::statistics::measure(&api.ours.scope, at).await.unwrap();
    }
    let query = "step=hour&from=2026-03-01T12:30:00Z&to=2026-03-01T14:00:00Z";
    let shown = api.get(&format!("{PATH}?{query}"), &api.ours.viewer).await.json();
    let hours: Vec<_> = shown["items"].as_array().unwrap().iter().map(|item| &item["at"]).collect();
    assert_eq!(hours, ["2026-03-01T13:00:00Z"]);
}
