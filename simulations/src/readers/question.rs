//! What is asked: every list, in every order and with every filter, of every company.

use anyhow::Context as _;
use protocol::ids::CompanyId;
use serde::Deserialize;

use super::connection::Connection;

/// Lists by the name of their figure. What stands in braces is one of the company's own.
const LISTS: [(&str, &str); 69] = [
    ("summary", "summary"),
    ("hosts", "hosts"),
    ("hosts by last seen", "hosts?sort=last_seen"),
    ("hosts by enrolment", "hosts?sort=enrolled"),
    ("hosts by software", "hosts?sort=software"),
    ("hosts by findings", "hosts?sort=findings"),
    ("hosts by critical", "hosts?sort=critical"),
    ("hosts by KEV", "hosts?sort=kev"),
    ("hosts whose name contains", "hosts?query=host-7"),
    ("hosts of a platform", "hosts?platform=linux"),
    ("hosts by silence", "hosts?sort=silent"),
    ("hosts that are overdue", "hosts?overdue=true"),
    ("hosts that were silent", "hosts?silent_since=2020-01-01T00:00:00Z"),
    ("hosts with an older agent", "hosts?agent_version_below=99.0.0"),
    ("hosts without an agent", "hosts?kind=sbom"),
    ("hosts, revoked ones too", "hosts?revoked=true"),
    ("hosts with software", "hosts?software={software}"),
    ("hosts with a CVE", "hosts?cve={cve}"),
    ("hosts with one in KEV", "hosts?kev=true"),
    ("hosts without a critical one", "hosts?critical=false"),
    ("host", "hosts/{host}"),
    ("host: software", "hosts/{host}/software"),
    ("host: findings", "findings?host={host}"),
    ("software", "software"),
    ("software by hosts", "software?sort=hosts"),
    ("software by findings", "software?sort=findings"),
    ("software by first seen", "software?sort=first_seen"),
    ("software whose name contains", "software?query=python"),
    ("software that is vulnerable", "software?vulnerable=true"),
    ("software of a source, by hosts", "software?source=npm&sort=hosts"),
    ("software that is not", "software?vulnerable=false"),
    ("software without a product", "software?status=unmapped"),
    ("software, gone as well", "software?gone=true"),
    ("software whose name contains, by hosts", "software?query=python&sort=hosts"),
    ("software titles", "software/titles"),
    ("software titles that contain", "software/titles?query=python"),
    ("software titles by hosts", "software/titles?sort=hosts"),
    ("software titles that are vulnerable", "software/titles?vulnerable=true"),
    ("CVEs", "cves"),
    ("CVEs by EPSS", "cves?sort=epss"),
    ("CVEs by KEV", "cves?sort=kev"),
    ("CVEs by hosts", "cves?sort=hosts"),
    ("CVEs by publication", "cves?sort=published"),
    ("CVEs that are critical", "cves?severity_min=critical"),
    ("CVEs in KEV", "cves?kev=true"),
    ("CVEs that contain", "cves?query=overflow"),
    ("CVEs on hosts", "cves?on_hosts=true"),
    ("CVEs on hosts, by EPSS", "cves?on_hosts=true&sort=epss"),
    ("CVEs that are critical and in KEV", "cves?severity_min=critical&kev=true"),
    ("CVE", "cves/{cve}"),
    ("findings", "findings"),
    ("findings by EPSS", "findings?sort=epss"),
    ("findings by time", "findings?sort=opened"),
    ("findings by hosts", "findings?sort=hosts"),
    ("findings that are critical", "findings?severity_min=critical"),
    ("findings that are critical, by EPSS", "findings?severity_min=critical&sort=epss"),
    ("findings in KEV", "findings?kev=true"),
    ("findings in KEV, by hosts", "findings?kev=true&sort=hosts"),
    ("findings of a CVE", "findings?cve={cve}"),
    ("findings of software", "findings?software={software}"),
    ("findings by KEV", "findings?sort=kev"),
    ("findings that are sure", "findings?confidence_min=high"),
    ("findings that are likely", "findings?confidence_min=medium"),
    ("findings on hosts", "findings?on_hosts=true"),
    ("findings with a fix", "findings?fix=known"),
    ("findings without a fix", "findings?fix=unknown"),
    ("findings of software whose name contains", "findings?software_name=python"),
    ("findings that are left out", "findings?state=suppressed"),
    ("findings that are resolved", "findings?state=resolved"),
];

/// Rows of the pages on the way to a deep one.
const STEP_ROWS: u32 = 1_000;

/// One request, and the figure that its time belongs to.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) company: Option<CompanyId>,
    pub(super) path: String,
}

#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<Item>,
    next_page_token: Option<String>,
}

/// Of rows only what names them is read, where something does.
#[derive(Debug, Deserialize)]
struct Item {
    #[serde(default)]
    id: String,
}

/// All questions to all companies that have hosts. `deep` is how many pages of a thousand rows lie before a
/// deep one; a shorter list is asked for its last.
pub(super) async fn questions(
    connection: &mut Connection,
    deep: u16,
) -> anyhow::Result<Vec<Question>> {
    let mut questions = Vec::new();
    for company in page(connection, None, "companies?limit=1000").await?.items {
        let company = Some(CompanyId(company.id.parse().context("read a company's id")?));
        let Some(names) = Names::find(connection, company).await? else {
            continue;
        };
        for (name, list) in LISTS {
            let list = names.put_into(list);
            questions.push(Question { name, company, path: path(&list) });
            if !has_pages(&list) {
                continue;
            }
            if let Some(token) = token_at(connection, company, &list, deep).await? {
                let path = with(&path(&list), "page_token", &token);
                questions.push(Question { name, company, path });
            }
        }
    }
    Ok(questions)
}

/// What a company's questions name: a host, a CVE that many have, a piece of software that many have.
struct Names {
    host: String,
    cve: String,
    software: String,
}

impl Names {
    async fn find(
        connection: &mut Connection,
        company: Option<CompanyId>,
    ) -> anyhow::Result<Option<Self>> {
        let mut first = async |list| -> anyhow::Result<Option<String>> {
            let found = page(connection, company, list).await?.items;
            Ok(found.into_iter().next().map(|item| item.id))
        };
        let host = first("hosts?limit=1").await?;
        let cve = first("cves?sort=hosts&limit=1").await?;
        let software = first("software?sort=hosts&limit=1").await?;
        Ok(match (host, cve, software) {
            (Some(host), Some(cve), Some(software)) => Some(Self { host, cve, software }),
            _ => None,
        })
    }

    fn put_into(&self, list: &str) -> String {
        list.replace("{host}", &self.host)
            .replace("{cve}", &self.cve)
            .replace("{software}", &self.software)
    }
}

/// The token of the page after `deep` pages, or of the last one before the end.
async fn token_at(
    connection: &mut Connection,
    company: Option<CompanyId>,
    list: &str,
    deep: u16,
) -> anyhow::Result<Option<String>> {
    let mut token: Option<String> = None;
    for _ in 0..deep {
        let mut asked = with(list, "limit", &STEP_ROWS.to_string());
        if let Some(token) = &token {
            asked = with(&asked, "page_token", token);
        }
        match page(connection, company, &asked).await?.next_page_token {
            Some(next) => token = Some(next),
            None => break,
        }
    }
    Ok(token)
}

/// Whether it is a list, and not one thing.
fn has_pages(list: &str) -> bool {
    let path = list.split_once('?').map_or(list, |(path, _)| path);
    ["hosts", "software", "software/titles", "cves", "findings"].contains(&path)
        || path.ends_with("/software")
}

async fn page(
    connection: &mut Connection,
    company: Option<CompanyId>,
    list: &str,
) -> anyhow::Result<Page> {
    let body = connection.get(company, &path(list)).await?;
    serde_json::from_slice(&body).with_context(|| format!("read {list}"))
}

fn path(list: &str) -> String {
    format!("/api/v1/{list}")
}

/// A list with one more word in its query. Tokens are letters that a query takes as they are.
fn with(list: &str, field: &str, value: &str) -> String {
    let mark = if list.contains('?') { '&' } else { '?' };
    format!("{list}{mark}{field}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_pages_and_single_things_have_none() {
        let single: Vec<&str> =
            LISTS.iter().filter(|(_, list)| !has_pages(list)).map(|(name, _)| *name).collect();
        assert_eq!(single, ["summary", "host", "CVE"]);
    }

    #[test]
    fn a_word_is_added_to_a_query_or_begins_one() {
        assert_eq!(with("hosts", "limit", "1"), "hosts?limit=1");
        assert_eq!(with("hosts?sort=name", "limit", "1"), "hosts?sort=name&limit=1");
    }

    #[test]
    fn a_company_is_asked_for_its_own_things() {
        let names = Names { host: "h".into(), cve: "CVE-1".into(), software: "s".into() };
        for (_, list) in LISTS {
            assert!(!names.put_into(list).contains('{'), "{list}");
        }
        assert_eq!(names.put_into("findings?cve={cve}"), "findings?cve=CVE-1");
    }
}
