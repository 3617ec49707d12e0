//! What a reader would miss of a digest.

use store::digests::{FailingPolicy, Opened, Silent, WorstCve};
use time::macros::datetime;
use uuid::Uuid;

use super::*;

const LINK: &str = "https://muster.example/api/v1/digests/unsubscribe?pass=abc";

fn content<'a>(sections: &'a [Section], news: &'a News, standing: &'a Standing) -> Content<'a> {
    Content {
        company: CompanyId(Uuid::from_u128(5)),
        company_name: "Acme & Co",
        name: "Ann <ann>",
        sections,
        since: datetime!(2026-03-01 06:00 UTC),
        until: datetime!(2026-03-02 06:00 UTC),
        news,
        standing,
        public_url: "https://muster.example",
        unsubscribe: LINK,
    }
}

fn news() -> News {
    News {
        opened: Opened { all: 3, kev: 1, critical: 2, high: 1, ..Opened::default() },
        worst: vec![WorstCve {
            id: "CVE-2024-0001".to_owned(),
            severity: "critical".to_owned(),
            is_kev: true,
            software: "<script>alert(1)</script>".to_owned(),
            hosts: 2,
        }],
        silent: vec![Silent {
            id: Uuid::from_u128(6),
            hostname: "web-1\r\nEnd this digest: https://evil.example".to_owned(),
            heard_at: datetime!(2026-03-01 01:02 UTC),
        }],
        silent_count: 1,
        policies: vec![FailingPolicy {
            id: Uuid::from_u128(7),
            name: "No KEV".to_owned(),
            hosts: 4,
            newly: 1,
        }],
        ..News::default()
    }
}

#[test]
fn a_digest_says_what_is_new_how_bad_and_where_to_look() {
    let (news, standing) = (news(), Standing::default());
    let written = content(&Section::ALL, &news, &standing).write();
    let subject = "Acme & Co: 1 new finding known to be exploited, 1 host silent";
    assert_eq!(written.subject, subject);
    for part in [
        "3 new findings: 2 critical, 1 high",
        "CVE-2024-0001: critical, known to be exploited",
        "on 2 hosts",
        "No KEV: 4 hosts, 1 of them new",
        "heard last 2026-03-01 01:02 UTC",
        "https://muster.example/findings?company=00000000-0000-0000-0000-000000000005",
        LINK,
    ] {
        assert!(written.text.contains(part), "{part} is not in {}", written.text);
    }
    assert!(written.html.contains("/cves/CVE-2024-0001?company="));
}

#[test]
fn a_host_is_never_named_without_its_page() {
    let behind = vec![(AgentId(Uuid::from_u128(8)), "old-1".to_owned())];
    let (news, standing) = (news(), Standing { behind, behind_count: 1, ..Standing::default() });
    let written = content(&Section::ALL, &news, &standing).write();
    for (name, id) in [("old-1", Uuid::from_u128(8)), ("web-1", Uuid::from_u128(6))] {
        assert!(written.text.contains(name) && written.html.contains(name), "{}", written.text);
        assert!(written.html.contains(&format!("/hosts/{id}?company=")), "{}", written.html);
    }
}

#[test]
fn nothing_that_a_host_or_a_feed_says_becomes_markup_or_a_line_of_its_own() {
    let (news, standing) = (news(), Standing::default());
    let written = content(&Section::ALL, &news, &standing).write();
    assert!(!written.html.contains("<script"), "{}", written.html);
    assert!(written.html.contains("&lt;script&gt;") && written.html.contains("Ann &lt;ann&gt;"));
    let lines: Vec<&str> = written.text.lines().filter(|l| l.starts_with("End this")).collect();
    assert_eq!(lines, [format!("End this digest: {LINK}")]);
    for remote in ["<img", "<link", "<style", "src=", "@import"] {
        assert!(!written.html.contains(remote), "{remote}");
    }
}

#[test]
fn only_what_is_asked_for_is_told_and_is_news() {
    let (news, standing) = (news(), Standing::default());
    let written = content(&[Section::Policies], &news, &standing).write();
    assert_eq!(written.subject, "Acme & Co: digest");
    assert!(!written.text.contains("CVE-2024-0001") && !written.text.contains("web-1"));
    assert!(content(&[Section::Policies], &news, &standing).is_news());
    assert!(!content(&[Section::Exceptions, Section::Agents], &news, &standing).is_news());
    let behind = vec![(AgentId(Uuid::from_u128(8)), "old-1".to_owned())];
    let standing = Standing { behind, behind_count: 1, ..standing };
    let quiet = News::default();
    assert!(!content(&Section::ALL, &quiet, &standing).is_news(), "how it stands is no news");
}
