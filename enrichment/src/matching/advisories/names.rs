//! What advisories may call a subject: told once, because it is asked for twice, to look the subject
//! up and to say what was looked up.

use std::borrow::Cow;

use crate::advisory::ASSIGNER;
use crate::identity;
use crate::lookup_key::LookupKey;
use crate::matching::advisories::own_copy;
use crate::matching::advisories::source::{Source, guesses};
use crate::subject::Subject;
use crate::version::Scheme;

/// Registries by the source that finds their packages.
const REGISTRIES: [(&str, &str, Scheme); 8] = [
    ("cargo", "cargo", Scheme::Semver),
    ("gem", "gem", Scheme::Gem),
    ("go", "golang", Scheme::Go),
    ("hex", "hex", Scheme::Semver),
    ("maven", "maven", Scheme::Maven),
    ("npm", "npm", Scheme::Npm),
    ("nuget", "nuget", Scheme::Nuget),
    ("python", "pypi", Scheme::Pypi),
];

/// What advisories may call a subject.
pub(in crate::matching) enum Names<'s> {
    /// A package of a distribution.
    Distribution {
        /// The rule that says so.
        rule: &'static str,
        source: Source<'s>,
        /// See [`guesses`].
        guesses: Vec<String>,
    },
    /// A package of a language.
    Registry { registry: &'static str, scheme: Scheme, name: Cow<'s, str> },
    /// Something that advisories are not about.
    Neither,
}

impl<'s> Names<'s> {
    pub(in crate::matching) fn of(subject: &Subject<'s>) -> Self {
        if let "deb" | "rpm" | "apk" | "pacman" = subject.source {
            return match identity::distribution_rule(subject) {
                Some(rule) => Self::Distribution {
                    rule,
                    source: Source::of(subject),
                    guesses: guesses(subject),
                },
                None => Self::Neither,
            };
        }
        let known = |(source, ..): &&(&str, _, _)| *source == subject.source;
        match REGISTRIES.iter().find(known) {
            Some((_, registry, scheme)) => Self::Registry {
                registry,
                scheme: *scheme,
                name: identity::registry_name(registry, subject.name),
            },
            None => Self::Neither,
        }
    }

    /// The keys of all that may be asked, whatever the index holds.
    ///
    /// A package is filed under its name alone, one key for all releases of all distributions: few
    /// names are shared, and which releases stand for a host's own depends on what the index has.
    pub(in crate::matching) fn keys(&self, subject: &Subject<'_>) -> Vec<LookupKey> {
        match self {
            Self::Distribution { source, guesses, .. } => [&*source.name, subject.name]
                .into_iter()
                .chain(guesses.iter().map(String::as_str))
                .map(|name| LookupKey::of_package("", "", "", name))
                // A release that has no advisories yet may get some.
                .chain([LookupKey::of_place("", "")])
                .collect(),
            Self::Registry { registry, name, .. } => {
                let own = LookupKey::of_package(registry, "", "", name);
                // Whether there are advisories of the registry or of the host's release at all
                // decides too.
                let place = format!("{ASSIGNER}{registry}");
                let assigned = LookupKey::of_package(&place, "", "", name);
                [own, assigned, LookupKey::of_place("", "")]
                    .into_iter()
                    .chain(own_copy::keys(subject))
                    .collect()
            }
            Self::Neither => Vec::new(),
        }
    }

    /// The rule that says whose package it is, where it is a distribution's.
    pub(super) fn distribution_rule(&self) -> Option<&str> {
        match self {
            Self::Distribution { rule, .. } => Some(rule),
            Self::Registry { .. } | Self::Neither => None,
        }
    }

    /// Whether it is a package of a language that has a registry.
    pub(in crate::matching) const fn is_of_registry(&self) -> bool {
        matches!(self, Self::Registry { .. })
    }
}
