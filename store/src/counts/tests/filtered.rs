//! What a user would miss of filters in a large company: the same rows in the same order as when all is looked at.

use super::*;

/// Every list of a filter that leads to its rows by a way of its own.
async fn filtered(scope: &TenantScope) -> Vec<String> {
    let mut lists = Vec::new();
    let text = |text: &str| Some(text.to_owned());
    for sort in [
        FindingSort::Severity,
        FindingSort::Epss,
        FindingSort::Kev,
        FindingSort::Opened,
        FindingSort::Hosts,
    ] {
        for filter in [
            FindingFilter { name: text("AD1"), ..FindingFilter::default() },
            FindingFilter { name: text("nothing"), ..FindingFilter::default() },
            FindingFilter { has_fix: Some(true), ..FindingFilter::default() },
            FindingFilter { has_fix: Some(false), ..FindingFilter::default() },
            FindingFilter { name: text("bad"), has_fix: Some(true), ..FindingFilter::default() },
            FindingFilter {
                name: text("bad"),
                severity_min: Some(Severity::High),
                on_hosts: Some(true),
                ..FindingFilter::default()
            },
        ] {
            let rows = findings_by(scope, sort, &filter).await;
            lists.push(format!("findings by {sort:?} of {filter:?}: {rows:?}"));
        }
    }
    for sort in
        [SoftwareSort::Name, SoftwareSort::Hosts, SoftwareSort::Findings, SoftwareSort::FirstSeen]
    {
        for filter in [
            SoftwareFilter { text: text("AD"), ..SoftwareFilter::default() },
            SoftwareFilter { text: text("EXAMPLE"), ..SoftwareFilter::default() },
            SoftwareFilter { text: text("oo"), gone: true, ..SoftwareFilter::default() },
            SoftwareFilter { vulnerable: Some(true), ..SoftwareFilter::default() },
            SoftwareFilter { vulnerable: Some(false), ..SoftwareFilter::default() },
            SoftwareFilter { name: text("BAD1"), ..SoftwareFilter::default() },
            SoftwareFilter {
                text: text("ad"),
                vulnerable: Some(true),
                source: Some(protocol::software::Source::Deb),
                ..SoftwareFilter::default()
            },
        ] {
            let rows =
                rows_of(async |page| software::list(scope, &filter, sort, &page).await).await;
            let rows: Vec<_> = rows.into_iter().map(|row| row.software.record.version).collect();
            lists.push(format!("software by {sort:?} of {filter:?}: {rows:?}"));
        }
    }
    lists
}

#[tokio::test]
async fn lists_with_filters_by_kept_counts_are_those_that_look_at_everything() {
    let (world, _) = world().await;
    let fixed = "UPDATE findings SET fixed_in = NULL WHERE cve <> 'CVE-2024-90011'";
    world.database.execute(fixed).await;
    let asked = filtered(&world.scope).await;
    count_at(&world, 10).await;
    let kept = filtered(&world.scope).await;
    for (asked, kept) in asked.iter().zip(&kept) {
        assert_eq!(asked, kept);
    }
    // Both versions of `bad1` have the two of it.
    let named = FindingFilter { name: Some("AD1".to_owned()), ..FindingFilter::default() };
    assert_eq!(findings_by(&world.scope, FindingSort::Severity, &named).await.len(), 4);
    let fixed = FindingFilter { has_fix: Some(true), ..FindingFilter::default() };
    assert_eq!(findings_by(&world.scope, FindingSort::Severity, &fixed).await.len(), 2);
}

async fn clean(world: &World) -> Vec<SoftwareKey> {
    let filter = SoftwareFilter { vulnerable: Some(false), ..SoftwareFilter::default() };
    let (sort, page) = (SoftwareSort::Name, PageRequest::first(10));
    let found = software::list(&world.scope, &filter, sort, &page).await.unwrap();
    found.items.into_iter().map(|item| item.software.key).collect()
}

#[tokio::test]
async fn software_that_has_lost_its_findings_is_without_any_before_the_next_count() {
    let (world, mut endpoints) = world().await;
    count_at(&world, 10_000).await;
    let [good, bad, late] = [record("good", "1"), record("bad2", "1.1"), record("bad3", "1.1")];
    assert_eq!(clean(&world).await, [key(&good)]);
    // Since the count one has lost its findings, and another has come with some.
    let judged = [(key(&bad), evaluation(&[""; 0]))];
    findings::replace(&world.scope, &judged, 2, at(10_001)).await.unwrap();
    world.apply(&[endpoints[3].delta(vec![late], &[])]).await;
    assert_eq!(clean(&world).await, [key(&bad), key(&good)]);
    let judged = [(key(&good), evaluation(&["CVE-2024-7777"]))];
    findings::replace(&world.scope, &judged, 2, at(10_002)).await.unwrap();
    assert_eq!(clean(&world).await, [key(&bad)]);
}

#[tokio::test]
async fn software_whose_findings_are_left_out_is_without_any_before_the_next_count() {
    let (world, _) = world().await;
    count_at(&world, 10_000).await;
    let set = "UPDATE findings SET exception = gen_random_uuid(), suppressed_at = $$2100-01-01$$
               WHERE cve LIKE 'CVE-2024-9002%'";
    world.database.execute(set).await;
    assert_eq!(clean(&world).await, [key(&record("bad2", "1.1")), key(&record("good", "1"))]);
}
