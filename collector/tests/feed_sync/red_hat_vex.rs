//! Red Hat's VEX documents: a note that names an archive.

use collector::feeds::Outcome;
use serde_json::json;

use crate::server::{Answer, Asked, Server};
use crate::site::Site;

/// An archive of one document, which zstd holds without a tar as well.
fn archive(cve: &str) -> Vec<u8> {
    let document = json!({
        "document": {
            "csaf_version": "2.0", "publisher": { "namespace": "https://www.redhat.com" },
            "tracking": { "id": cve, "current_release_date": "2023-11-01T00:00:00+00:00" }
        },
        "product_tree": {
            "branches": [
                { "product": { "product_id": "rhel", "product_identification_helper": { "cpe": "cpe:/o:redhat:enterprise_linux:9" } } },
                { "product": { "product_id": "curl", "product_identification_helper": { "purl": "pkg:rpm/redhat/curl?arch=src" } } }
            ],
            "relationships": [{
                "full_product_name": { "product_id": "rhel:curl" },
                "product_reference": "curl", "relates_to_product_reference": "rhel"
            }]
        },
        "vulnerabilities": [{ "cve": cve, "product_status": { "known_affected": ["rhel:curl"] } }]
    });
    zstd::encode_all(document.to_string().as_bytes(), 3).unwrap()
}

fn answering(date: &'static str, body: Vec<u8>) -> impl FnMut(&Asked) -> Answer + Send + 'static {
    move |asked| match asked.target.as_str() {
        "/vex/archive_latest.txt" => Answer::ok(format!("csaf_vex_{date}.tar.zst\n")),
        target if target == format!("/vex/csaf_vex_{date}.tar.zst") => Answer::ok(body.clone()),
        _ => Answer::status(404),
    }
}

async fn site(server: &Server) -> Site {
    let url = &server.url;
    Site::new(&format!("sources = [\"redhat-vex\"]\nredhat_vex_url = \"{url}/vex/\"")).await
}

#[tokio::test]
async fn the_archive_is_fetched_when_the_note_names_another_one() {
    let server = Server::start(answering("2023-11-10", archive("CVE-2023-38545"))).await;
    let site = site(&server).await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert!(site.index().has_place("rhel", "9"));
    server.asked();
    assert_eq!(site.sync_one().await.0, Outcome::Unchanged);
    assert_eq!(server.asked().len(), 1, "only the note");
    server.replace(answering("2023-11-11", archive("CVE-2023-38546")));
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(site.row("redhat-vex").await.records, 1);
}

#[tokio::test]
async fn a_wrong_note_or_archive_changes_nothing() {
    let server = Server::start(answering("2023-11-10", archive("CVE-2023-38545"))).await;
    let site = site(&server).await;
    site.sync().await;
    let before = site.manifest();
    let whole = archive("CVE-2023-38545");
    for (date, body) in [
        // A note that would lead to another folder.
        ("../2023-11-11", whole.clone()),
        // Cut within zstd's last block.
        ("2023-11-11", whole[..whole.len() - 9].to_vec()),
        ("2023-11-12", b"<html>please sign in</html>".to_vec()),
        ("2023-11-13", b"cve,epss,percentile\nCVE-2023-4966,0.5,0.9\n".to_vec()),
    ] {
        server.replace(answering(date, body));
        assert_eq!(site.sync_one().await.0, Outcome::Failed, "{date}");
        assert_eq!(site.manifest(), before, "{date}");
    }
}
