//! Microsoft's months: a list, and a document for each.

use collector::feeds::{Outcome, Wanted};
use enrichment::matching;
use enrichment::subject::{Platform, Subject};
use serde_json::json;

use crate::server::{Answer, Asked, Server};
use crate::site::Site;

/// A month whose one CVE is repaired by an update of Windows 10 22H2 at a build.
fn month(id: &str, cve: &str, update: &str, build: &str) -> String {
    json!({
        "DocumentTitle": { "Value": id },
        "DocumentTracking": {
            "Identification": { "ID": { "Value": id } }, "CurrentReleaseDate": "2023-11-01T07:00:00"
        },
        "ProductTree": { "FullProductName": [
            { "ProductID": "12097", "Value": "Windows 10 Version 22H2 for x64-based Systems" }
        ] },
        "Vulnerability": [{
            "CVE": cve,
            "ProductStatuses": [{ "ProductID": ["12097"], "Type": 3 }],
            "Remediations": [{
                "Description": { "Value": update }, "ProductID": ["12097"], "Type": 2,
                "SubType": "Security Update", "FixedBuild": build
            }]
        }]
    })
    .to_string()
}

fn october() -> String {
    month("2023-Oct", "CVE-2023-36563", "5031356", "10.0.19045.3570")
}

fn november() -> String {
    month("2023-Nov", "CVE-2023-36025", "5032189", "10.0.19045.3693")
}

fn list(months: &[(&str, &str)]) -> String {
    let months = months.iter().map(|(id, date)| {
        json!({ "ID": id, "Alias": id, "DocumentTitle": "Security Updates", "Severity": null,
                "InitialReleaseDate": "2023-10-10T07:00:00Z", "CurrentReleaseDate": date,
                // Never to be followed: addresses are made of the months' names.
                "CvrfUrl": format!("https://elsewhere.example/cvrf/{id}") })
    });
    json!({ "@odata.context": "x", "value": months.collect::<Vec<_>>() }).to_string()
}

const BOTH: [(&str, &str); 2] =
    [("2023-Oct", "2023-10-10T07:00:00Z"), ("2023-Nov", "2023-11-14T08:00:00Z")];

/// A server of a list and of what it answers to months.
fn answering(
    list: String,
    month: impl Fn(&str) -> Answer + Send + 'static,
) -> impl FnMut(&Asked) -> Answer + Send + 'static {
    move |asked| match asked.target.strip_prefix("/v3.0/") {
        Some("updates") => Answer::ok(list.clone()),
        Some(target) => month(target.trim_start_matches("cvrf/")),
        None => Answer::status(404),
    }
}

fn good(id: &str) -> Answer {
    match id {
        "2023-Oct" => Answer::ok(october()),
        "2023-Nov" => Answer::ok(november()),
        _ => Answer::status(404),
    }
}

async fn site(server: &Server) -> Site {
    let url = &server.url;
    Site::new(&format!("sources = [\"msrc\"]\nmsrc_url = \"{url}/v3.0/\"")).await
}

fn targets(server: &Server) -> Vec<String> {
    let asked = server.asked().into_iter();
    asked.map(|asked| asked.target).collect()
}

/// The CVEs of a Windows of a build by the site's index.
fn cves(site: &Site, build: &str) -> Vec<String> {
    let subject = Subject {
        source: "os",
        name: "Windows 10 Pro",
        version: build,
        arch: "x86_64",
        platform: Platform { family: "windows", id: "", version: build },
        ..Subject::default()
    };
    let findings = matching::evaluate(&site.index(), &subject).findings;
    findings.into_iter().map(|finding| finding.cve.into()).collect()
}

#[tokio::test]
async fn every_month_is_fetched_as_json_and_then_only_those_that_changed() {
    let server = Server::start(answering(list(&BOTH), good)).await;
    let site = site(&server).await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    let asked = server.asked();
    assert_eq!(asked[1].target, "/v3.0/cvrf/2023-Nov", "the newest first");
    assert!(asked.iter().all(|asked| asked.header("accept") == Some("application/json")));
    assert_eq!(cves(&site, "10.0.19045.3448"), ["CVE-2023-36025", "CVE-2023-36563"]);
    assert_eq!(cves(&site, "10.0.19045.3570"), ["CVE-2023-36025"]);

    assert_eq!(site.sync_one().await.0, Outcome::Unchanged);
    assert_eq!(targets(&server), ["/v3.0/updates"]);

    let revised = [BOTH[0], ("2023-Nov", "2023-11-20T08:00:00Z")];
    server.replace(answering(list(&revised), |_| {
        Answer::ok(month("2023-Nov", "CVE-2023-36025", "5032189", "10.0.19045.3694"))
    }));
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(targets(&server), ["/v3.0/updates", "/v3.0/cvrf/2023-Nov"]);
    assert_eq!(cves(&site, "10.0.19045.3693"), ["CVE-2023-36025"]);
}

#[tokio::test]
async fn a_month_that_is_wrong_keeps_what_was_here_and_stops_no_other_one() {
    let server = Server::start(answering(list(&BOTH[..1]), good)).await;
    let site = site(&server).await;
    site.sync().await;
    let cut = october()[..200].to_owned();
    // A whole document whose only vulnerability has a name that is none.
    let empty = october().replace("CVE-2023-36563", "none");
    let other = "cve,epss,percentile\nCVE-2023-4966,0.5,0.9\n".to_owned();
    for wrong in ["<html>please sign in</html>".to_owned(), cut, empty, other] {
        let changed = [("2023-Oct", "2023-11-10T07:00:00Z"), BOTH[1]];
        let body = wrong.clone();
        server.replace(answering(list(&changed), move |id| match id {
            "2023-Oct" => Answer::ok(body.clone()),
            id => good(id),
        }));
        let (outcome, error) = site.sync_one().await;
        assert_eq!(outcome, Outcome::Failed, "{wrong}");
        assert!(error.contains("2023-Oct"), "{wrong}: {error}");
        assert_eq!(cves(&site, "10.0.19045.3448"), ["CVE-2023-36025", "CVE-2023-36563"]);
        let asked = targets(&server);
        assert!(asked.contains(&"/v3.0/cvrf/2023-Oct".to_owned()), "it is asked for again");
    }
}

#[tokio::test]
async fn a_list_that_is_none_or_suddenly_short_changes_nothing_unless_it_is_forced() {
    let months: Vec<(String, &str)> =
        (1..=6).map(|number| (format!("2023-{number}"), "2023-10-10T07:00:00Z")).collect();
    let all: Vec<(&str, &str)> = months.iter().map(|(id, date)| (id.as_str(), *date)).collect();
    let server = Server::start(answering(list(&all), |_| Answer::ok(october()))).await;
    let site = site(&server).await;
    site.sync().await;
    let before = site.manifest();
    for wrong in ["<html>", "{\"value\":[]}", &list(&all[..2])] {
        let body = wrong.to_owned();
        server.replace(move |_| Answer::ok(body.clone()));
        assert_eq!(site.sync_one().await.0, Outcome::Failed, "{wrong}");
        assert_eq!(site.manifest(), before, "{wrong}");
    }
    server.asked();
    server.replace(answering(list(&all[..2]), |_| Answer::ok(november())));
    site.syncer().sync(&Wanted::All, true).await.unwrap();
    assert_eq!(targets(&server).len(), 3);
    // Months that the list does not name any more stay: nobody said that they are wrong.
    assert_eq!(site.lines("msrc").len(), 6);
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again() {
    let server = Server::start(answering(list(&BOTH), good)).await;
    // Refused first, and then broken off: both are worth another try.
    server.first([Answer::status(503), Answer::ok(list(&BOTH)).cut(40)]);
    let site = site(&server).await;
    assert_eq!(site.sync_one().await.0, Outcome::Changed);
    assert_eq!(site.row("msrc").await.records, 2);
}
