//! Extensions of editors and browsers.
//!
//! An extension is its own product and runs in another: a record about it names what it extends,
//! and a record that does not is about a program of the same name. So a candidate here matches
//! only records with exactly its `target_sw`.

use std::borrow::Cow;

use super::curated::{self, Entry};
use super::name::{Name, split_camel};
use super::table::{Table, split_pair};
use super::{Identification, Identified, TargetSw, candidates, purl};
use crate::subject::Subject;
use crate::version::Scheme;

/// Extensions by what they extend and their product's words; made from the CVE records.
const EXTENSIONS: Table = Table::new(include_str!("../../data/identity/extensions.tsv"));

pub(crate) fn identify(
    subject: &Subject<'_>,
    known: &dyn Fn(&str, &str) -> bool,
) -> Identification {
    let host = match subject.source {
        "vscode" => "visual_studio_code",
        "chrome_extension" => "chrome",
        "safari_extension" => "safari",
        _ => "firefox",
    };
    let purl = purl::of(subject);
    // An editor's extension is `publisher.name`, and some lists give the two apart.
    let whole = match subject.source {
        "vscode" if !subject.name.contains('.') => {
            format!("{}.{}", subject.vendor, subject.name).to_lowercase()
        }
        _ => subject.name.to_lowercase(),
    };
    // From the most exact to the least: the identifier, the name as it is written, the name without
    // what was added to it.
    let found = curated::find(subject.source, &whole)
        .or_else(|| curated::find(subject.source, &subject.name.to_lowercase()))
        .or_else(|| curated::find(subject.source, &Name::clean(subject.name).text()));
    let (pairs, rule): (Vec<&'static str>, String) = match found {
        Some(Entry { pairs, key, .. }) => (pairs.collect(), format!("curated:{key}")),
        None => match agreeing(subject, host) {
            Some((key, pairs)) => (pairs.collect(), format!("extension:{key}")),
            None => {
                return Identification::Unmapped {
                    reason: "no CVE record is known to be about this extension",
                    purl,
                };
            }
        },
    };
    Identification::Identified(Identified {
        // `Only`: an extension named like a program is never judged by the program's records.
        candidates: candidates(pairs.into_iter(), TargetSw::Only(host), known),
        purl,
        rule: Cow::Owned(rule),
        version: subject.version.to_owned(),
        update: String::new(),
        scheme: Scheme::Generic,
    })
}

/// A plugin of a `JetBrains` editor. Records name those by the editor or by nobody, so that only a
/// program of the same name would be found.
pub(crate) fn plugin(subject: &Subject<'_>) -> Identification {
    Identification::NotEvaluable {
        reason: "not evaluable by NVD: its records do not tell plugins of these editors apart",
        purl: purl::of(subject),
        rule: Cow::Borrowed("extension:jetbrains"),
    }
}

/// The products of this name whose vendor the publisher or the name itself also says.
fn agreeing(
    subject: &Subject<'_>,
    host: &str,
) -> Option<(String, impl Iterator<Item = &'static str> + use<>)> {
    let (publisher, title) = match (subject.source, subject.name.split_once('.')) {
        ("vscode", Some((publisher, title))) => (publisher, title),
        _ => (subject.vendor, subject.name),
    };
    let said = format!("{publisher} {} {}", subject.vendor, subject.name).to_lowercase();
    let titles = titles(title, subject.source);
    titles.iter().find_map(|title| {
        let words = Name::clean(title).words;
        // The vendor may stand before the product, in one word or two: `Adobe Acrobat`.
        (0..words.len().min(3)).find_map(|from| {
            let key = format!("{host}/{}", words[from..].join(" "));
            let agrees = |pair: &&'static str| {
                split_pair(pair).is_some_and(|pair| says(&said, pair, subject))
            };
            let found = EXTENSIONS.find(&key)?.split('\t').filter(agrees);
            let pairs: Vec<&'static str> = found.collect();
            (!pairs.is_empty()).then(|| (key, pairs.into_iter()))
        })
    })
}

/// What an extension may be called in records: its name, what stands before a colon (`Grammarly:
/// Grammar Checker`), the words that are written as one (`WebAdvisor`), and for an editor's
/// extension the name without the editor (`vscode-swiftlint`).
fn titles(title: &str, source: &str) -> Vec<String> {
    let mut titles = vec![title.to_owned()];
    if source == "vscode" {
        let own = title.strip_prefix("vscode-").unwrap_or(title);
        let own = own.strip_suffix("-vscode").unwrap_or(own);
        titles.push(own.to_owned());
        titles.push(own.replace('-', " "));
    } else {
        titles.extend(title.split_once(": ").map(|(before, _)| before.to_owned()));
        titles.extend(split_camel(title));
    }
    titles
}

fn says(said: &str, (vendor, product): (&str, &str), subject: &Subject<'_>) -> bool {
    // NVD calls the vendor of a product without one `<product>_project`; only the full name of an
    // editor's extension, which has a publisher of its own, is enough for that.
    let vendor = match vendor.strip_suffix("_project") {
        Some(own) if subject.source == "vscode" => own,
        // A maker whose site is called so: AdBlock's is getadblock.com.
        _ => vendor.strip_prefix("get").filter(|own| *own == product).unwrap_or(vendor),
    };
    let spaced = vendor.replace('_', " ");
    said.contains(&spaced) || said.contains(vendor) || said.contains(&spaced.replace(' ', "-"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{identified, not_evaluable_rule, pairs, subject, unmapped_reason};
    use super::*;

    #[test]
    fn an_extension_matches_only_records_about_what_it_extends() {
        let found = identified(&subject("vscode", "ms-toolsai.jupyter", "2024.2.0"));
        assert_eq!(pairs(&found), ["microsoft:jupyter"]);
        assert_eq!(found.candidates[0].target_sw, TargetSw::Only("visual_studio_code"));
    }

    #[test]
    fn finds_an_extension_whose_publisher_agrees() {
        let found = identified(&subject("vscode", "stripe.stripe", "2.0"));
        assert_eq!(pairs(&found), ["stripe:stripe"]);
        let found = identified(&subject("chrome_extension", "McAfee Web Advisor", "8.1"));
        assert_eq!(pairs(&found), ["mcafee:web_advisor"]);
    }

    #[test]
    fn finds_an_extension_under_the_ways_to_write_it() {
        for (source, name, pair) in [
            ("vscode", "vknabel.vscode-swiftlint", "swiftlint_project:swiftlint"),
            ("vscode", "glen-84.sass-lint", "sass_lint_project:sass_lint"),
            ("vscode", "LaurentTreguier.rpm-spec", "rpm_spec_project:rpm_spec"),
            (
                "chrome_extension",
                "Grammarly: Grammar Checker and AI Writing App",
                "grammarly:grammarly",
            ),
            ("chrome_extension", "McAfee® WebAdvisor", "mcafee:web_advisor"),
            ("chrome_extension", "AdBlock — block ads across the web", "getadblock:adblock"),
        ] {
            let found = identified(&subject(source, name, "1.0"));
            assert_eq!(pairs(&found), [pair], "{name}");
        }
    }

    #[test]
    fn does_not_take_an_extension_for_a_product_of_the_same_name() {
        for (source, name) in [
            ("chrome_extension", "Docs"),
            ("chrome_extension", "Protection"),
            ("firefox_addon", "Password Manager"),
            ("vscode", "someone.jupyter"),
            ("vscode", "no-publisher"),
        ] {
            assert!(unmapped_reason(&subject(source, name, "1.0")).contains("extension"), "{name}");
        }
    }

    #[test]
    fn an_extension_of_safari_is_none_of_chrome_and_a_plugin_is_no_program() {
        let reason = unmapped_reason(&subject("safari_extension", "Grammarly", "1.0"));
        assert!(reason.contains("extension"), "{reason}");
        let plugin = subject("jetbrains_plugin", "Python", "241.1");
        assert_eq!(not_evaluable_rule(&plugin), "extension:jetbrains");
    }

    #[test]
    fn the_table_is_sorted() {
        let keys: Vec<&str> = EXTENSIONS.lines().map(|(key, _)| key).collect();
        assert!(keys.is_sorted_by(|a, b| a < b));
    }
}
