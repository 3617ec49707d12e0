//! CISA's known exploited vulnerabilities: the catalogue as JSON, and the same as a table.

use std::borrow::Cow;

use serde::Deserialize;

use crate::cve::KevEntry;

/// An entry of the JSON catalogue.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry<'a> {
    #[serde(rename = "cveID", borrow)]
    cve: Cow<'a, str>,
    #[serde(default, borrow)]
    vulnerability_name: Cow<'a, str>,
    #[serde(borrow)]
    date_added: Cow<'a, str>,
    #[serde(default, borrow)]
    due_date: Cow<'a, str>,
    #[serde(default, borrow)]
    required_action: Cow<'a, str>,
    #[serde(default, borrow)]
    known_ransomware_campaign_use: Cow<'a, str>,
}

/// An element of the catalogue's list.
pub(super) fn from_json(record: &[u8]) -> Result<KevEntry, String> {
    let raw: RawEntry<'_> = serde_json::from_slice(record).map_err(|error| error.to_string())?;
    finish(&raw)
}

fn finish(raw: &RawEntry<'_>) -> Result<KevEntry, String> {
    // Strict, because exposure reports sort and subtract these.
    let added_on = date(&raw.date_added)?;
    let due_on = if raw.due_date.is_empty() { String::new() } else { date(&raw.due_date)? };
    Ok(KevEntry {
        cve: raw.cve.parse().map_err(|error: crate::cve::InvalidCveId| error.to_string())?,
        name: raw.vulnerability_name.to_string(),
        added_on,
        due_on,
        required_action: raw.required_action.to_string(),
        ransomware: raw
            .known_ransomware_campaign_use
            // The other word is `Unknown`, which ends alike.
            .eq_ignore_ascii_case("known"),
    })
}

/// A date `YYYY-MM-DD`, without the time that some catalogues add.
pub(super) fn date(text: &str) -> Result<String, String> {
    text.get(..10)
        // Read and not only cut: `2024-13-45` has the form of a date.
        .filter(|date| crate::cve::Timestamp::parse(date).is_some())
        .map(str::to_owned)
        .ok_or_else(|| format!("{:?} is no date", text.chars().take(20).collect::<String>()))
}

/// The columns of a table that are used, by the names in its first row.
#[derive(Debug)]
pub(super) struct Columns {
    cve: usize,
    name: usize,
    added_on: usize,
    due_on: usize,
    required_action: usize,
    ransomware: Option<usize>,
}

impl Columns {
    pub(super) fn new(header: &[String]) -> Result<Self, String> {
        let find = |name: &str| header.iter().position(|column| column == name);
        let need = |name: &str| find(name).ok_or_else(|| format!("there is no column {name}"));
        Ok(Self {
            cve: need("cveID")?,
            name: need("vulnerabilityName")?,
            added_on: need("dateAdded")?,
            due_on: need("dueDate")?,
            required_action: need("requiredAction")?,
            // The catalogue has it since October 2023.
            ransomware: find("knownRansomwareCampaignUse"),
        })
    }

    pub(super) fn entry(&self, row: &[String]) -> Result<KevEntry, String> {
        let field = |at: usize| {
            row.get(at)
                .map(|field| Cow::Borrowed(field.as_str()))
                .ok_or_else(|| format!("{} fields are too few", row.len()))
        };
        finish(&RawEntry {
            cve: field(self.cve)?,
            vulnerability_name: field(self.name)?,
            date_added: field(self.added_on)?,
            due_date: field(self.due_on)?,
            required_action: field(self.required_action)?,
            known_ransomware_campaign_use: self.ransomware.map_or(Ok(Cow::Borrowed("")), field)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"cveID":"CVE-2025-48384","vendorProject":"Git","product":"Git",
        "vulnerabilityName":"Git Link Following Vulnerability","dateAdded":"2025-08-25",
        "shortDescription":"Git contains \u2019","requiredAction":"Apply mitigations",
        "dueDate":"2025-09-15","knownRansomwareCampaignUse":"Known","cwes":["CWE-59"]}"#;

    #[test]
    fn reads_an_entry_and_the_same_entry_of_the_table() {
        let header = "cveID,vendorProject,product,vulnerabilityName,dateAdded,shortDescription,requiredAction,dueDate,knownRansomwareCampaignUse";
        let row = "CVE-2025-48384,Git,Git,Git Link Following Vulnerability,2025-08-25,x,Apply mitigations,2025-09-15,Known";
        let split = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let columns = Columns::new(&split(header)).unwrap();
        let entry = columns.entry(&split(row)).unwrap();
        assert_eq!(entry, from_json(ENTRY.as_bytes()).unwrap());
        assert_eq!(entry.due_on, "2025-09-15");
        assert!(entry.ransomware);
    }

    #[test]
    fn refuses_an_entry_without_an_id_or_a_date() {
        for (from, to) in [
            ("cveID", "id"),
            ("CVE-2025-48384", "CVE-25"),
            ("\"2025-08-25\"", "\"soon\""),
            ("\"2025-08-25\"", "7"),
        ] {
            let entry = ENTRY.replace(from, to);
            assert!(from_json(entry.as_bytes()).is_err(), "{to}");
        }
    }

    #[test]
    fn refuses_a_table_without_the_columns() {
        let header = ["cveID".to_owned()];
        assert!(Columns::new(&header).unwrap_err().contains("vulnerabilityName"));
    }
}
