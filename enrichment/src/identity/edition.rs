//! Editions that are products of their own: long-lived lines with versions beside the others'.
//!
//! Firefox ESR 115.3 is newer than Firefox 116, so a range of one says nothing about the other.
//! Records name the line as a product (`firefox_esr`) or as an edition (`firefox` with `sw_edition`
//! `esr`); an installed copy of the line is asked for under both names and under no other.

use std::borrow::Cow;

use super::{Candidate, Edition};
use crate::subject::Subject;

/// A line: what records call it as a product and as an edition of the main product.
struct Line {
    vendor: &'static str,
    main: &'static str,
    own: &'static str,
    edition: &'static str,
}

const LINES: [Line; 2] = [
    Line { vendor: "mozilla", main: "firefox", own: "firefox_esr", edition: "esr" },
    Line { vendor: "mozilla", main: "thunderbird", own: "thunderbird_esr", edition: "esr" },
];

/// Sets the editions of candidates, and adds the line's other name.
pub(crate) fn settle(mut candidates: Vec<Candidate>, subject: &Subject<'_>) -> Vec<Candidate> {
    for line in &LINES {
        let place = |name: &str| candidates.iter().position(|one| one.is(line.vendor, name));
        let (main, own) = (place(line.main), place(line.own));
        // Most software is neither, and is left as it came.
        let Some(model) = own.or(main).map(|at| candidates[at].clone()) else {
            continue;
        };
        let named =
            |name: &'static str| Candidate { product: Cow::Borrowed(name), ..model.clone() };
        if own.is_none() && !line.is_said_by(subject) {
            // A bundle of macOS looks the same in both lines, everything else says which it is.
            if !matches!(subject.source, "apps" | "pkg") {
                set(&mut candidates, main, &Edition::NotLine(line.edition));
            }
            continue;
        }
        if own.is_none() {
            candidates.insert(0, named(line.own));
        }
        let main = candidates.iter().position(|one| one.is(line.vendor, line.main));
        if main.is_none() {
            candidates.push(named(line.main));
        }
        let main = main.or_else(|| candidates.len().checked_sub(1));
        set(&mut candidates, main, &Edition::Line(line.edition));
    }
    candidates
}

fn set(candidates: &mut [Candidate], at: Option<usize>, edition: &Edition) {
    if let Some(candidate) = at.and_then(|at| candidates.get_mut(at)) {
        candidate.edition = edition.clone();
    }
}

/// The edition that a CPE name says with its `sw_edition`; an empty text says none.
pub(crate) fn of_cpe(vendor: &str, product: &str, edition: &str) -> Edition {
    let line = LINES
        .iter()
        .find(|line| line.vendor == vendor && line.main == product && line.edition == edition);
    match (line, edition) {
        (Some(line), _) => Edition::Line(line.edition),
        (None, "") => Edition::Unknown,
        (None, edition) => Edition::Is(Cow::Owned(edition.to_owned())),
    }
}

impl Line {
    /// Whether the version (`115.3.0esr`) or the name (`firefox@esr`) says that it is this line.
    fn is_said_by(&self, subject: &Subject<'_>) -> bool {
        let version = subject.version.to_ascii_lowercase();
        let in_version = version.match_indices(self.edition).any(|(at, _)| {
            // Behind a number or a divider: the letters alone stand in words too.
            version[..at].ends_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | '~'))
        });
        let in_name = subject
            .name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word.eq_ignore_ascii_case(self.edition));
        in_version || in_name
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{identified, pairs, program, subject};
    use super::*;

    #[test]
    fn an_esr_is_asked_for_as_a_product_and_as_an_edition() {
        for (source, name, version) in [
            ("programs", "Mozilla Firefox ESR (x64 en-US)", "115.3.0"),
            ("programs", "Mozilla Firefox (x64 en-US)", "115.3.0esr"),
            ("homebrew", "firefox@esr", "115.3.0"),
            ("snap", "firefox", "115.3.0esr-1"),
        ] {
            let found =
                identified(&Subject { vendor: "Mozilla", ..subject(source, name, version) });
            assert_eq!(
                pairs(&found),
                ["mozilla:firefox_esr", "mozilla:firefox"],
                "{source} {name}"
            );
            assert_eq!(found.candidates[1].edition, Edition::Line("esr"), "{name}");
        }
    }

    #[test]
    fn an_ordinary_release_is_known_to_be_none() {
        let found = identified(&program("Mozilla Firefox (x64 en-US)", "118.0", "Mozilla"));
        assert_eq!(pairs(&found), ["mozilla:firefox"]);
        assert_eq!(found.candidates[0].edition, Edition::NotLine("esr"));
        let bundle =
            Subject { bundle_id: "org.mozilla.firefox", ..subject("apps", "Firefox.app", "118.0") };
        assert_eq!(identified(&bundle).candidates[0].edition, Edition::Unknown);
    }

    #[test]
    fn letters_within_a_word_are_no_edition() {
        let found = identified(&program("Mozilla Firefox (x64 ESRtest)", "118.0", "Mozilla"));
        assert_eq!(pairs(&found), ["mozilla:firefox"]);
    }

    #[test]
    fn a_cpe_says_its_edition() {
        assert_eq!(of_cpe("mozilla", "firefox", "esr"), Edition::Line("esr"));
        assert_eq!(of_cpe("mozilla", "firefox", ""), Edition::Unknown);
        let lts = Edition::Is(Cow::Borrowed("lts"));
        assert_eq!(of_cpe("nodejs", "node.js", "lts"), lts);
    }
}
