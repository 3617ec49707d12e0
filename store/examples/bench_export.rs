//! How many rows a second come out of the exports of a large company, and how much memory its findings
//! take. Prints one JSON object a line: `name, value, unit`.
//!
//! `DATABASE_URL=… cargo run --release -p store --features test-support --example bench_export
//! [SOFTWARE] [HOSTS]`; without numbers 20,000 and 200, each piece of software with ten findings. It
//! makes a database of its own and drops it.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measurement prints, reads the clock, and stops at the first thing that is wrong"
)]

use std::time::Instant;

use protocol::ids::CompanyId;
use store::cves::{self, CveFilter, CveSort};
use store::export::Columns;
use store::findings::{self, FindingFilter, FindingSort};
use store::software::{self, SoftwareFilter, SoftwareSort};
use store::test_support::FreshDatabase;
use time::OffsetDateTime;
use uuid::Uuid;

/// Reads an export to its end, and prints its rows and how many come a second.
macro_rules! read {
    ($name:literal, $export:expr) => {{
        let began = Instant::now();
        let mut export = $export.await.unwrap();
        let mut rows = 0;
        loop {
            let some = export.next().await.unwrap().len();
            if some == 0 {
                break;
            }
            rows += u32::try_from(some).unwrap();
        }
        let rate = f64::from(rows) / began.elapsed().as_secs_f64();
        print(concat!("store: export of ", $name), rate, "rows/s");
        print(concat!("store: rows of the export of ", $name), f64::from(rows), "rows");
    }};
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u32>().unwrap());
    let software = numbers.next().unwrap_or(20_000);
    let hosts = numbers.next().unwrap_or(200);
    let database = FreshDatabase::create().await;
    let operator = database.store().local_operator();
    let id = CompanyId(Uuid::new_v4());
    let now = OffsetDateTime::now_utc();
    store::companies::create(&operator, id, "bench", now).await.unwrap();
    fill(&database, software, hosts).await;
    let scope = operator.scope(id).await.unwrap().unwrap();

    // As the job does for a company of this size.
    store::counts::count(&scope, now, || 0.0).await.unwrap();
    database.execute("ANALYZE").await;
    let before = peak_kib();
    let any = FindingFilter::default();
    let sort = FindingSort::Severity;
    read!("findings", findings::export(&scope, &any, sort, Columns::Cells));
    print("store: memory that it took", f64::from(peak_kib() - before), "KiB");
    read!("software", software::export(&scope, &SoftwareFilter::default(), SoftwareSort::Name));
    read!("CVEs", cves::export(&scope, &CveFilter::default(), CveSort::Severity));
}

fn print(name: &str, value: f64, unit: &str) {
    println!("{}", serde_json::json!({ "name": name, "value": value.round(), "unit": unit }));
}

/// The most memory that this process ever had, in KiB.
fn peak_kib() -> u32 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.unwrap().parse().unwrap()
}

/// Rows as they would come to be, made by the database itself.
async fn fill(database: &FreshDatabase, software: u32, hosts: u32) {
    let company = "(SELECT max(key) FROM companies)";
    for sql in [
        "INSERT INTO cves (id, cvss_score, cvss_severity, summary)
         SELECT 'CVE-2024-' || n, (n % 100) / 10.0, 'high', repeat('About it. ', 30)
         FROM generate_series(10000, 14999) n"
            .to_owned(),
        format!(
            "INSERT INTO software (company_key, software_key, source, name, version, platform_family,
                 platform_id, platform_version, first_seen_at, status, generation, evaluated_at)
             SELECT {company}, md5('s' || n)::uuid, 'deb', 'package-' || n, '1.' || n, 'linux', 'debian',
                    '12', now(), 'evaluated', 1, now()
             FROM generate_series(1, {software}) n"
        ),
        format!(
            "INSERT INTO findings (company_key, software_key, cve, source, opened_at, confidence, why)
             SELECT {company}, md5('s' || n)::uuid, 'CVE-2024-' || 10000 + (n * 7 + c * 499) % 5000,
                    'nvd', now(), 'high',
                    jsonb_build_object('criteria', 'cpe:2.3:a:x:y:*:*:*:*:*:*:*:*', 'range', '< 2')
             FROM generate_series(1, {software}) n, generate_series(1, 10) c
             ON CONFLICT DO NOTHING"
        ),
        format!(
            "INSERT INTO installations (company_key, agent_key, software_key, opened_at, fingerprint)
             SELECT {company}, h, md5('s' || n)::uuid, now(), md5('f' || n)::uuid
             FROM generate_series(1, {hosts}) h, generate_series(h, {software}, 20) n"
        ),
        "ANALYZE".to_owned(),
    ] {
        database.execute(&sql).await;
    }
}
