//! Words of publishers about CVEs that nobody has scored: each source counts its own.

use std::io::Write as _;

use serde_json::json;

use crate::server::{Answer, Server};
use crate::site::Site;

/// An archive with one advisory about a CVE.
fn archive(ecosystem: &str, id: &str, cve: &str, severity: &str) -> Vec<u8> {
    let record = json!({
        "id": id, "modified": "2023-11-01T00:00:00Z", "published": "2023-11-01T00:00:00Z",
        "aliases": [cve], "summary": "x",
        "affected": [{
            "package": { "ecosystem": ecosystem, "name": "left-pad" },
            "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "1.0.0" }] }]
        }],
        "database_specific": { "severity": severity }
    });
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    zip.start_file(format!("{id}.json"), options).unwrap();
    zip.write_all(record.to_string().as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn what_each_source_changed_is_said_of_that_source() {
    let server = Server::start(|asked| {
        Answer::ok(match asked.target.contains("npm") {
            true => archive("npm", "GHSA-aaaa-aaaa-aaaa", "CVE-2023-1001", "HIGH"),
            false => archive("PyPI", "GHSA-bbbb-bbbb-bbbb", "CVE-2023-1002", "LOW"),
        })
    })
    .await;
    let site = Site::new(&format!(
        "sources = [\"osv\"]\nosv_url = \"{}/osv\"\nosv_ecosystems = [\"npm\", \"PyPI\"]",
        server.url
    ))
    .await;
    let report = site.sync().await;
    let changed: Vec<_> = report
        .sources
        .iter()
        .map(|source| (source.source.as_str(), source.records, source.changed))
        .collect();
    assert_eq!(changed, [("osv-npm", 1, 1), ("osv-pypi", 1, 1)]);
    for source in ["osv-npm", "osv-pypi"] {
        assert_eq!(site.row(source).await.changed, 1, "{source}");
    }
}
