//! The nodes of a site, as any one of them shows all.

use axum::http::StatusCode;
use serde_json::json;
use store::nodes;
use uuid::Uuid;

use super::harness::Api;

const PATH: &str = "/api/v1/operator/pipeline";

#[tokio::test]
async fn each_node_is_shown_with_what_it_said_whichever_answers() {
    let api = Api::new().await;
    let store = api.database.store();
    let (a, b, c) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    for (id, name) in [(b, "north"), (a, "east"), (c, "south")] {
        nodes::report(store, id, name, None, None).await.unwrap();
    }
    let index = json!({ "generation": "0a", "cves": 1, "products": 2, "rules": 3 });
    let said = json!({
        "version": "9.0.0", "reports_per_minute": 120, "queued_deltas": 7, "queued_snapshots": 2,
        "queue_bytes": 10, "queue_bytes_max": 100,
        "queue_reports": 9, "queue_reports_max": 10, "oldest_ms": 1_500, "index": index,
    });
    nodes::say(store, a, &said).await.unwrap();
    nodes::say(store, b, &json!({ "version": "9.0.1", "of_later": true })).await.unwrap();
    let gone = "UPDATE nodes SET seen_at = seen_at - interval '20 seconds' WHERE name = 'south'";
    api.database.execute(gone).await;
    let answer = api.get(PATH, &api.operator).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let answer = answer.json();
    let shown = &answer["nodes"];
    assert_eq!(shown.as_array().map(Vec::len), Some(3));
    assert_eq!((&shown[0]["id"], &shown[0]["name"]), (&json!(a), &json!("east")));
    assert_eq!((&shown[0]["is_alive"], &shown[0]["status"]), (&json!(true), &said));
    assert_eq!(
        (&shown[1]["name"], &shown[1]["status"]["version"]),
        (&json!("north"), &json!("9.0.1"))
    );
    assert_eq!(shown[1]["status"]["queued_deltas"], 0);
    // Not heard of any more, and of a release that says nothing.
    assert_eq!((&shown[2]["is_alive"], shown[2].get("status")), (&json!(false), None));
    assert!(shown[2]["seen_at"].is_string(), "{shown}");
    assert_eq!(answer["companies"].as_array().map(Vec::len), Some(2));
    api.get(PATH, &api.ours.admin).await.refuses(403, "");
}
