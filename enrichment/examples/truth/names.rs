//! CPE names and application names against the published tables.

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;

use enrichment::cpe::{self, Attribute, Cpe};
use enrichment::identity::{Identification, identify};
use enrichment::subject::{Platform, Subject};
use enrichment::version::{Bound, Range, Scheme};

use super::{Outcome, json_lines, text};

/// The products that CVE records name.
#[derive(Debug)]
pub(crate) struct Known(Option<HashSet<String>>);

impl Known {
    /// Reads `vendor:product` lines; without a file, every product is known.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let lines = path.map(std::fs::read_to_string).transpose()?;
        Ok(Self(
            lines.map(|lines| lines.lines().map(str::to_owned).collect()),
        ))
    }

    fn has(&self, vendor: &str, product: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|known| known.contains(&format!("{vendor}:{product}")))
    }
}

/// Pairs of names, and whether the record's covers the installed one's.
pub(crate) fn cpe_matching(path: &Path) -> Result<Outcome, Box<dyn Error>> {
    let mut outcome = Outcome::new("dependencytrack_cpe_matching");
    for row in json_lines(path)? {
        let source = Cpe::parse(text(&row, "source_cpe"));
        let target = Cpe::parse(text(&row, "target_cpe"));
        let expected = row["matches"].as_bool();
        let found = match (&source, &target) {
            (Ok(source), Ok(target)) => Some(is_match(source, target, &row["range"])),
            _ => None,
        };
        outcome.row(found == expected, || {
            let range = &row["range"];
            format!(
                "{} to {} {range}: {found:?}",
                text(&row, "source_cpe"),
                text(&row, "target_cpe")
            )
        });
    }
    Ok(outcome)
}

fn is_match(source: &Cpe, target: &Cpe, range: &serde_json::Value) -> bool {
    if !cpe::matches(source, target) {
        return false;
    }
    let bound = |field: &str, is_included| {
        range[field].as_str().map(|version| Bound {
            version,
            is_included,
        })
    };
    let range = Range {
        start: bound("havingStartIncluding", true).or_else(|| bound("havingStartExcluding", false)),
        end: bound("havingEndIncluding", true).or_else(|| bound("havingEndExcluding", false)),
    };
    target
        .get(Attribute::Version)
        .as_value()
        .is_none_or(|version| range.contains(Scheme::Generic, version) == Ok(true))
}

/// Applications and the vendor and product that they are; without one, nothing may be found.
pub(crate) fn applications(path: &Path, known: &Known) -> Result<Outcome, Box<dyn Error>> {
    let mut outcome = Outcome::new("fleet_app_to_cpe");
    for row in json_lines(path)? {
        let source = match text(&row, "source") {
            "chrome_extensions" => "chrome_extension",
            "firefox_addons" => "firefox_addon",
            "homebrew_packages" => "homebrew",
            "python_packages" => "python",
            "vscode_extensions" => "vscode",
            other => other,
        };
        let family = match source {
            "apps" | "homebrew" => "macos",
            "programs" => "windows",
            _ => "linux",
        };
        let found = identify(
            &Subject {
                source,
                name: text(&row, "name"),
                version: text(&row, "version"),
                vendor: text(&row, "vendor"),
                bundle_id: text(&row, "bundle_identifier"),
                platform: Platform {
                    family,
                    ..Platform::default()
                },
                ..Subject::default()
            },
            &|vendor, product| known.has(vendor, product),
        );
        let expected = text(&row, "expected_cpe");
        let is_right = match &found {
            Identification::Identified(identified) if !expected.is_empty() => {
                let expected = Cpe::parse(expected)?;
                identified.candidates.iter().any(|candidate| {
                    expected.get(Attribute::Vendor).as_value() == Some(&candidate.vendor)
                        && expected.get(Attribute::Product).as_value() == Some(&candidate.product)
                })
            }
            Identification::Identified(_) => false,
            Identification::NotEvaluable { .. } | Identification::Unmapped { .. } => {
                expected.is_empty()
            }
        };
        outcome.row(is_right, || {
            format!(
                "{} {:?} wants {expected:?}: {found:?}",
                source,
                text(&row, "name")
            )
        });
    }
    Ok(outcome)
}

/// Display names of Windows, counted right when some product is found for them.
pub(crate) fn windows_names(path: &Path, known: &Known) -> Result<Outcome, Box<dyn Error>> {
    let mut outcome = Outcome::new("winget_arp_names (coverage)");
    for row in json_lines(path)? {
        let subject = Subject {
            source: "programs",
            name: text(&row, "display_name"),
            version: "1.0",
            vendor: text(&row, "publisher"),
            platform: Platform {
                family: "windows",
                ..Platform::default()
            },
            ..Subject::default()
        };
        let found = identify(&subject, &|vendor, product| known.has(vendor, product));
        let is_found = matches!(found, Identification::Identified(_));
        outcome.row(is_found, || {
            format!("{:?} by {:?}", subject.name, subject.vendor)
        });
    }
    Ok(outcome)
}
