//! A site with companies that talk, are silent and come in numbers.

use store::test_support::FreshDatabase;
use uuid::Uuid;

use super::super::tests::{scraped, value};
use super::*;

async fn company(database: &FreshDatabase, number: u128) -> CompanyId {
    let id = CompanyId(Uuid::from_u128(number));
    let sql = format!(
        "INSERT INTO companies (id, name, created_at) VALUES ('{id}', 'Company {number}', now())"
    );
    database.execute(&sql).await;
    id
}

/// An agent that was last heard of so many minutes ago.
async fn agent(database: &FreshDatabase, company: CompanyId, minutes: u32, more: &str) {
    let sql = format!(
        "INSERT INTO agents (company_key, id, hostname, agent_version, enrolled_at, last_seen_at, records_applied)
         SELECT key, gen_random_uuid(), 'h', '0.1.0', now(), now() - interval '{minutes} min', 7
         FROM companies WHERE id = '{company}'; {more}"
    );
    database.execute(&sql).await;
}

fn site(database: &FreshDatabase) -> Site {
    Site::new(database.store().clone(), Clock::system(), Duration::from_secs(300))
}

#[tokio::test]
async fn a_site_is_summed_up_over_its_companies() {
    let database = FreshDatabase::create().await;
    let (one, two) = (company(&database, 1).await, company(&database, 2).await);
    agent(&database, one, 1, "").await;
    agent(&database, one, 200, "").await;
    agent(&database, two, 2, "UPDATE agents SET behind_since = now()").await;
    store::nodes::report(database.store(), Uuid::from_u128(9), "a", None, None).await.unwrap();
    let mut site = site(&database);
    let text = scraped(async { site.measure().await.unwrap() }).await;
    for (series, expected) in [
        ("muster_agents{seen=\"hour\"}", 2.0),
        ("muster_agents{seen=\"day\"}", 1.0),
        ("muster_agents_by_version{version=\"0.1.0\"}", 3.0),
        ("muster_agents_by_version{version=\"other\"}", 0.0),
        ("muster_agents_behind", 3.0),
        ("muster_companies", 2.0),
        ("muster_companies_silent", 0.0),
        ("muster_nodes{state=\"alive\"}", 1.0),
    ] {
        let found = value(&text, series);
        assert!((found - expected).abs() < 0.1, "{series}: {found}\n{text}");
    }
    let records = value(&text, &format!("muster_company_records{{company=\"{one}\"}}"));
    assert!((records - 14.0).abs() < 0.1, "{text}");
    let newest = store::backups::newest(database.store()).await.unwrap().unwrap();
    let backup = value(&text, "muster_backup_made_timestamp_seconds");
    assert!((backup - seconds_since_1970(newest.made_at)).abs() < 1.0, "{text}");
}

#[tokio::test]
async fn a_company_is_silent_when_its_last_agent_is_and_heartbeats_do_not_explain_it() {
    let database = FreshDatabase::create().await;
    let company = company(&database, 1).await;
    agent(&database, company, 25, "").await;
    let mut site = site(&database);
    let silent = async |site: &mut Site| {
        let text = scraped(async { site.measure().await.unwrap() }).await;
        value(&text, "muster_companies_silent")
    };
    let text = scraped(async { site.measure().await.unwrap() }).await;
    assert!(text.contains(&format!("muster_company_silent{{company=\"{company}\"}} 1")), "{text}");
    assert!(silent(&mut site).await > 0.5);
    // Its agents are told to say less often that they live.
    database.execute("UPDATE companies SET heartbeat_every_s = 600").await;
    assert!(silent(&mut site).await < 0.5);
    database.execute("UPDATE companies SET heartbeat_every_s = 300").await;
    agent(&database, company, 3, "").await;
    assert!(silent(&mut site).await < 0.5);
}

#[tokio::test]
async fn whoever_sends_the_mail_every_node_says_how_long_it_waits() {
    let database = FreshDatabase::create().await;
    let company = company(&database, 1).await;
    let waits = format!(
        "UPDATE companies SET has_digests = true;
         INSERT INTO digest_messages (company_key, id, digest, user_id, kind, subject, body_text, body_html,
                                      created_at, next_at, gives_up_at)
         SELECT key, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'digest', '', '', '',
                now() - interval '2 hours', now(), now() + interval '1 day'
         FROM companies WHERE id = '{company}'"
    );
    database.execute(&waits).await;
    let mut site = site(&database);
    let text = scraped(async { site.measure().await.unwrap() }).await;
    let waited = value(&text, "muster_mail_oldest_seconds");
    assert!((7_200.0..7_300.0).contains(&waited), "{text}");
    // Another node sends it.
    database.execute("UPDATE digest_messages SET state = 'sent'").await;
    let text = scraped(async { site.measure().await.unwrap() }).await;
    assert!(value(&text, "muster_mail_oldest_seconds") < 0.1, "{text}");
}

#[tokio::test]
async fn a_company_that_goes_is_said_to_have_nothing_any_more() {
    let database = FreshDatabase::create().await;
    let company = company(&database, 1).await;
    agent(&database, company, 1, "").await;
    let mut site = site(&database);
    let text = scraped(async {
        site.measure().await.unwrap();
        database.execute("UPDATE companies SET suspended_at = now()").await;
        site.measure().await.unwrap();
    })
    .await;
    let of = |metric: &str| value(&text, &format!("{metric}{{company=\"{company}\"}}"));
    assert!(of(COMPANY_AGENTS) < 0.5 && of(COMPANY_SILENT_SECONDS) < 0.5, "{text}");
}

fn round(companies: u128, versions: usize) -> Round {
    let fleet = |agents: u128| Fleet {
        seen: Seen { hour: u64::try_from(agents).unwrap(), ..Seen::default() },
        versions: vec![(format!("0.{}.0", agents % versions as u128), 1)],
        ..Fleet::default()
    };
    let companies = (1..=companies).map(|n| (CompanyId(Uuid::from_u128(n)), fleet(n)));
    Round { companies: companies.collect(), ..Round::default() }
}

#[tokio::test]
async fn however_many_companies_and_versions_there_are_the_series_are_bounded() {
    let now = OffsetDateTime::UNIX_EPOCH;
    let mut shown = Shown::default();
    let text = scraped(async {
        shown.say_companies(&round(1_000, 400), now);
        shown.say_versions(&round(1_000, 400));
        // Others, later: a site whose companies come and go stays within the bound.
        shown.say_companies(&round(5_000, 400), now);
    })
    .await;
    let count = |metric: &str| text.lines().filter(|line| line.starts_with(metric)).count();
    assert_eq!(count("muster_company_agents{"), COMPANIES_MAX);
    assert_eq!(count("muster_agents_by_version{"), VERSIONS_MAX + 1);
    // Those with most agents are the ones that are shown.
    let largest = CompanyId(Uuid::from_u128(1_000));
    assert!(
        text.contains(&format!("muster_company_agents{{company=\"{largest}\"}} 1000")),
        "{text}"
    );
    assert!(value(&text, "muster_agents_by_version{version=\"other\"}") > 900.0);
}
