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
    /// Whether a range is told in commits, which no installed package shows.
    pub(super) has_commits: bool,
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
                "GIT" => all.has_commits = true,
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
                    return Err(format!(
                        "a range ends with {version:?} and has no `introduced`"
                    ));
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
