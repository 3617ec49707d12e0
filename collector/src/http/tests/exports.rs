//! Lists whole and lists as they were.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use protocol::host::Platform;
use protocol::ids::Position;
use protocol::report::{Report, ReportBody};
use protocol::software::{SoftwareRecord, Source};
use store::reports::{self, IncomingReport};
use time::Duration;

use super::harness::{Api, NOW, evaluation};

const LISTS: [&str; 6] =
    ["hosts", "software", "findings", "cves", "exceptions", "hosts/{host}/software"];

#[tokio::test]
async fn lists_are_exported_one_after_the_other_over_the_same_connections() {
    let api = Api::new().await;
    // More often than there are connections: each has several lists then.
    for round in 0..5 {
        for list in LISTS {
            let list = list.replace("{host}", &api.ours.host.to_string());
            let path = format!("/api/v1/{list}/export");
            let answer = api.get(&path, &api.ours.viewer).await;
            assert_eq!(answer.status, StatusCode::OK, "{list}, {round}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn an_export_that_is_packed_on_its_way_comes_to_its_end() {
    let api = Api::new().await;
    for packing in ["gzip", "zstd"] {
        let request = Request::get("/api/v1/findings/export")
            .header(header::ACCEPT_ENCODING, packing)
            .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.viewer))
            .body(Body::empty())
            .unwrap();
        let (headers, bytes) = api.bytes(request).await;
        assert_eq!(headers[header::CONTENT_ENCODING], packing);
        assert!(!bytes.is_empty(), "{packing}");
    }
}

#[tokio::test]
async fn every_list_comes_whole_in_both_formats_with_the_rows_of_its_pages() {
    let api = Api::new().await;
    for list in LISTS {
        let path = format!("/api/v1/{}", list.replace("{host}", &api.ours.host.to_string()));
        let items = api.get(&path, &api.ours.viewer).await.json()["items"].clone();
        let items = items.as_array().unwrap().clone();
        let csv = api.get(&format!("{path}/export"), &api.ours.viewer).await;
        assert_eq!(csv.status, StatusCode::OK, "{list}: {}", csv.text);
        assert!(csv.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
        assert!(csv.headers["content-disposition"].to_str().unwrap().contains(".csv"));
        let lines: Vec<&str> = csv.text.trim_end().split("\r\n").collect();
        assert_eq!(lines.len(), items.len() + 1, "{list}: {}", csv.text);
        let columns = lines[0].split(',').count();
        for line in &lines {
            assert_eq!(line.split(',').count(), columns, "{list}: {line}");
        }
        let ndjson = format!("{path}/export?format=ndjson");
        let ndjson = api.get(&ndjson, &api.ours.viewer).await;
        let rows: Vec<serde_json::Value> =
            ndjson.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows, items, "{list}");
    }
}

#[tokio::test]
async fn rows_that_are_read_while_others_are_written_come_once_and_in_their_order() {
    let api = Api::new().await;
    let insert = |rows: u32| {
        format!(
            "INSERT INTO audit_log (company_key, at, actor_kind, actor_name, request_id, action, object)
             SELECT c.key, now() + n * interval '1 s', 'local', '', '', 'test', 'row-' || n
             FROM companies c, generate_series(1, {rows}) n"
        )
    };
    // As many as are read at once, and some more.
    for rows in [2_000, 4_500] {
        api.database.execute("DELETE FROM audit_log").await;
        api.database.execute(&insert(rows)).await;
        for format in ["csv", "ndjson"] {
            let path = format!("/api/v1/audit/export?format={format}");
            let answer = api.get(&path, &api.ours.admin).await;
            let shown: Vec<u32> = answer
                .text
                .lines()
                .filter_map(|line| line.split_once("row-"))
                .filter_map(|(_, number)| number.split([',', '"']).next()?.parse().ok())
                .collect();
            assert!(shown.iter().copied().eq((1..=rows).rev()), "{rows} as {format}: {shown:?}");
        }
    }
}

#[tokio::test]
async fn an_export_has_the_filter_of_its_list() {
    let api = Api::new().await;
    let none = api.get("/api/v1/findings/export?kev=true&format=ndjson", &api.ours.viewer).await;
    assert_eq!((none.status, none.text.as_str()), (StatusCode::OK, ""));
    for wrong in [
        "findings/export?page_token=x",
        "findings/export?limit=5",
        "findings/export?format=xlsx",
        "findings/export?color=red",
        // A page in another shape would be a part that looks like the whole.
        "findings?format=csv",
    ] {
        let answer = api.get(&format!("/api/v1/{wrong}"), &api.ours.viewer).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test]
async fn what_a_host_calls_its_software_is_no_formula_in_an_export() {
    let api = Api::new().await;
    let record = SoftwareRecord::new(Source::Deb, "=cmd|' /C calc'!A0", "1");
    let report = Report {
        position: Position::new(1, 2),
        made_at_ms: 0,
        platform: Platform {
            family: "linux".to_owned(),
            id: "debian".to_owned(),
            version: "12".to_owned(),
        },
        facts: None,
        sources: Vec::new(),
        digest: None,
        body: ReportBody::Delta { upserts: vec![record], removes: Vec::new() },
    };
    let incoming = IncomingReport {
        agent: api.ours.host,
        keys: report.validate().unwrap(),
        report,
        received_at: NOW,
    };
    reports::apply(&api.ours.scope, &[incoming], &|_, _, _| evaluation(), 1, NOW).await.unwrap();
    let csv = api.get("/api/v1/software/export", &api.ours.viewer).await;
    assert!(csv.text.contains(",\"'=cmd|' /C calc'!A0\","), "{}", csv.text);
}

#[tokio::test]
async fn lists_can_be_asked_for_as_they_were_within_what_is_kept() {
    let api = Api::new().await;
    let at = |instant: time::OffsetDateTime| {
        instant.format(&time::format_description::well_known::Rfc3339).unwrap()
    };
    for list in ["hosts", "software", "findings"] {
        for (instant, expected) in [(NOW, 1), (NOW - Duration::DAY, 0)] {
            let path = format!("/api/v1/{list}?as_of={}", at(instant));
            let answer = api.get(&path, &api.ours.viewer).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
            let items = answer.json()["items"].as_array().map(Vec::len);
            assert_eq!(items, Some(expected), "{path}");
        }
        for instant in [NOW + Duration::SECOND, NOW - Duration::days(91)] {
            let path = format!("/api/v1/{list}?as_of={}", at(instant));
            let answer = api.get(&path, &api.ours.viewer).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
            assert_eq!(answer.json()["errors"][0]["field"], "as_of");
        }
    }
}

#[tokio::test]
async fn exceptions_go_out_as_one_document_only_where_a_place_for_exports_is_free() {
    let api = Api::new().await;
    let vex = "/api/v1/vex?format=openvex";
    // More than an export writes ahead of its reader.
    api.database
        .execute(
            "INSERT INTO audit_log (company_key, at, actor_kind, actor_name, request_id, action, object)
             SELECT c.key, now(), 'local', '', '', 'test', repeat('x', 1000)
             FROM companies c, generate_series(1, 1000)",
        )
        .await;
    let exporting = async || {
        let request = Request::get("/api/v1/audit/export")
            .header(header::AUTHORIZATION, format!("Bearer {}", api.ours.admin))
            .body(Body::empty())
            .unwrap();
        api.begin(request).await
    };
    // All that one company may have, as long as nobody reads them.
    let places = [exporting().await, exporting().await];
    api.get(vex, &api.ours.viewer).await.refuses(503, "a place for an export");
    let theirs = api.get(vex, &api.theirs.viewer).await;
    assert_eq!(theirs.status, StatusCode::OK, "{}", theirs.text);
    drop(places);
    while api.get(vex, &api.ours.viewer).await.status != StatusCode::OK {
        tokio::task::yield_now().await;
    }
}
