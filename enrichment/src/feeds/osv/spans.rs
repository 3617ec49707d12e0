//! An OSV range's events as stretches of versions.

use crate::advisory::{End, Span};
use crate::feeds::osv::raw::{RawEvent, RawRange};
use crate::version::{self, Scheme, SortKey};

/// What the ranges of one package come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Spans {
    pub(super) spans: Vec<Span>,
    /// Whether a range says that even the first version has the fix: `fixed: "0"`.
    pub(super) is_never: bool,
}

/// One event: a version, and whether it begins or ends a stretch.
enum Event<'a> {
    Introduced(&'a str),
    Ends(End),
}

impl Event<'_> {
    fn version(&self) -> &str {
        match self {
            Self::Introduced(version) => version,
            Self::Ends(End::Fixed(version) | End::LastAffected(version)) => version,
        }
    }
}

impl Spans {
    /// Reads all ranges of a package.
    pub(super) fn of(ranges: &[RawRange<'_>], scheme: Scheme) -> Result<Self, String> {
        let mut all = Self::default();
        for range in ranges {
            match range.kind.as_ref() {
                // Commits are for who builds it, and no installed package shows them. A record may have
                // versions beside them.
                "GIT" => {}
                "ECOSYSTEM" | "SEMVER" => all.add(range, scheme)?,
                other => {
                    let shown: String = other.chars().take(40).collect();
                    return Err(format!(
                        "a range of type {shown:?}: expected ECOSYSTEM, SEMVER or GIT"
                    ));
                }
            }
        }
        Ok(all)
    }

    fn add(&mut self, range: &RawRange<'_>, scheme: Scheme) -> Result<(), String> {
        // OSV schema, "evaluation": walk the events in order, in from `introduced`, out at `fixed`.
        // `limit` only bounds what a repository is searched for, and is passed over.
        let mut introduced: Option<&str> = None;
        for event in &sorted(&range.events, scheme) {
            match (event, introduced) {
                // Of two beginnings without an end between them the first one counts.
                (Event::Introduced(_), Some(_)) => {}
                (Event::Introduced(version), None) => introduced = Some(version),
                (Event::Ends(End::Fixed(version)), Some("0")) if version == "0" => {
                    self.is_never = true;
                    introduced = None;
                }
                (Event::Ends(end), Some(begin)) => {
                    self.push(begin, Some(end.clone()));
                    introduced = None;
                }
                // A second end of one stretch says nothing new: the first one already ended it.
                (Event::Ends(_), None) if !self.spans.is_empty() || self.is_never => {}
                (Event::Ends(end), None) => {
                    let (End::Fixed(version) | End::LastAffected(version)) = end;
                    return Err(format!("a range ends with {version:?} and has no `introduced`"));
                }
            }
        }
        if let Some(begin) = introduced {
            self.push(begin, None);
        }
        Ok(())
    }

    fn push(&mut self, begin: &str, end: Option<End>) {
        self.spans.push(Span {
            // OSV writes 0 for "before every version".
            introduced: (begin != "0").then(|| begin.to_owned()),
            end,
        });
    }

    /// Whether a version is in one of the spans, where their order can be told.
    pub(super) fn hold(&self, scheme: Scheme, version: &str) -> bool {
        // Kept then, because a version without a place in the order is in no range.
        let Some(at) = version::key(scheme, version) else {
            return false;
        };
        let key = |text: &String| version::key(scheme, text);
        self.spans.iter().any(|span| {
            let is_in = match &span.introduced {
                None => true,
                Some(first) => key(first).is_some_and(|first| first <= at),
            };
            is_in
                && match &span.end {
                    None => true,
                    Some(End::Fixed(fixed)) => key(fixed).is_some_and(|fixed| at < fixed),
                    Some(End::LastAffected(last)) => key(last).is_some_and(|last| at <= last),
                }
        })
    }
}

/// The events in the order of their versions, as the schema wants them read: databases write them
/// in any order. Where a version has no place in the order, the database's own order stays.
fn sorted<'a>(events: &'a [RawEvent<'_>], scheme: Scheme) -> Vec<Event<'a>> {
    let events = events.iter().filter_map(|event| {
        if let Some(version) = event.introduced.as_deref() {
            Some(Event::Introduced(version.trim()))
        } else if let Some(version) = event.fixed.as_deref() {
            Some(Event::Ends(End::Fixed(version.trim().to_owned())))
        } else {
            let last = event.last_affected.as_deref()?;
            Some(Event::Ends(End::LastAffected(last.trim().to_owned())))
        }
    });
    let mut keyed: Vec<(Option<SortKey>, Event<'a>)> =
        events.map(|event| (key(&event, scheme), event)).collect();
    let unknown =
        |(key, event): &(Option<SortKey>, Event<'a>)| key.is_none() && event.version() != "0";
    // One version without a place would sort to the front of all, and turn the range inside out.
    if keyed.len() > 1 && !keyed.iter().any(unknown) {
        // No key sorts before every key, which is what 0 means.
        keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    keyed.into_iter().map(|(_, event)| event).collect()
}

fn key(event: &Event<'_>, scheme: Scheme) -> Option<SortKey> {
    match event {
        Event::Introduced("0") => None,
        Event::Introduced(_) | Event::Ends(_) => version::key(scheme, event.version()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The spans of a range of events `+1.0` (introduced), `-2.0` (fixed) and `=3.0` (last affected).
    fn spans(scheme: Scheme, events: &str) -> Result<Spans, String> {
        let events = events.split_whitespace().map(|event| {
            let (kind, version) = event.split_at(1);
            let of = |wanted: &str| (kind == wanted).then(|| version.into());
            RawEvent { introduced: of("+"), fixed: of("-"), last_affected: of("=") }
        });
        let range = RawRange { kind: "ECOSYSTEM".into(), events: events.collect() };
        Spans::of(&[range], scheme)
    }

    fn shown(spans: &Spans) -> String {
        let one = |span: &Span| {
            let begin = span.introduced.as_deref().unwrap_or("");
            match &span.end {
                None => format!("{begin}.."),
                Some(End::Fixed(end)) => format!("{begin}..{end}"),
                Some(End::LastAffected(end)) => format!("{begin}..={end}"),
            }
        };
        spans.spans.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn stretches_follow_one_another_in_the_order_of_the_scheme() {
        for (scheme, events, expected) in [
            (Scheme::Deb, "+0 -1:9.2p1-2", "..1:9.2p1-2"),
            (Scheme::Deb, "-1:9.2p1-2 +0", "..1:9.2p1-2"),
            (Scheme::Npm, "+10.0.0 -10.1.0 +9.0.0 -9.5.0", "9.0.0..9.5.0 10.0.0..10.1.0"),
            (Scheme::Pypi, "+2.0 =2.0.post1 +3.0", "2.0..=2.0.post1 3.0.."),
            (Scheme::Npm, "+0 +1.0.0 -2.0.0", "..2.0.0"),
            (Scheme::Npm, "+0 -2.0.0 -3.0.0", "..2.0.0"),
            (Scheme::Npm, "", ""),
        ] {
            assert_eq!(shown(&spans(scheme, events).unwrap()), expected, "{events}");
        }
    }

    #[test]
    fn versions_without_an_order_are_read_as_they_stand() {
        let found = spans(Scheme::Npm, "+0 -one +two -three").unwrap();
        assert_eq!(shown(&found), "..one two..three");
        assert!(!found.hold(Scheme::Npm, "1.0.0"), "nobody can tell");
    }

    #[test]
    fn an_end_without_a_beginning_is_refused() {
        let refused = spans(Scheme::Npm, "-1.0.0").unwrap_err();
        assert!(refused.contains("\"1.0.0\""), "{refused}");
    }

    #[test]
    fn a_stretch_holds_its_beginning_and_not_the_fix() {
        let found = spans(Scheme::Pypi, "+1.0 -2.0 +3.0 =3.5").unwrap();
        for (version, is_in) in [
            ("0.9", false),
            ("1.0", true),
            ("1.9.9", true),
            ("2.0rc1", true),
            ("2.0", false),
            ("3.5", true),
            ("3.5.1", false),
            ("no version", false),
        ] {
            assert_eq!(found.hold(Scheme::Pypi, version), is_in, "{version}");
        }
        assert!(spans(Scheme::Pypi, "+0").unwrap().hold(Scheme::Pypi, "7"));
    }
}
