//! The installed version, ready to be compared with the bounds of statements.

use std::cmp::Ordering;

use smol_str::SmolStr;

use crate::index::BoundView;
use crate::matching::advisories::stream;
use crate::subject::Subject;
use crate::version::{self, Scheme, SortKey};

/// A version under its distribution's or registry's own scheme.
#[derive(Debug)]
pub(super) struct Installed {
    /// As it is compared.
    pub(super) text: SmolStr,
    pub(super) scheme: Scheme,
    key: SortKey,
    /// Whether it comes from a list that leaves epochs out.
    pub(super) is_without_epoch: bool,
    /// Whether it is a build of a module.
    pub(super) is_of_module: bool,
}

impl Installed {
    /// The version, unless it has no order.
    pub(super) fn new(scheme: Scheme, text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the version is unknown".to_owned());
        }
        match version::key(scheme, &text) {
            Some(key) => Ok(Self {
                // Asked once here: it decides for each of hundreds of bounds whether their builders
                // have to be looked at.
                is_of_module: text.contains(".module"),
                text: text.into(),
                scheme,
                key,
                is_without_epoch: false,
            }),
            None => Err(format!("version {text:?} has no order")),
        }
    }

    /// The same, to be compared with bounds as if they had no epoch either.
    pub(super) fn without_epoch(mut self) -> Self {
        self.is_without_epoch = true;
        self
    }

    /// The version of an rpm: epoch, version and release, an epoch of 0 left out.
    pub(super) fn of_rpm(subject: &Subject<'_>) -> Result<Self, String> {
        let (version, release) = (subject.version, subject.release);
        if release.is_empty() && !version.contains('-') {
            // A version alone would come before each of its own releases.
            return Err("the release of the package is unknown".to_owned());
        }
        let mut text = match subject.epoch {
            Some(epoch) if epoch > 0 => format!("{epoch}:"),
            Some(_) | None => String::with_capacity(version.len() + release.len() + 1),
        };
        text.push_str(version);
        if !release.is_empty() {
            text.push('-');
            text.push_str(release);
        }
        let mut installed = Self::new(Scheme::Rpm, text)?;
        installed.is_without_epoch =
            subject.epoch.is_none() && !installed.text.contains(':') && is_bare(subject);
        Ok(installed)
    }

    /// The order of this version and a bound; `None` where they have none.
    pub(super) fn compare(&self, bound: &BoundView<'_>, scheme: &str) -> Option<Ordering> {
        // Only where feeds and packages disagree, as in an advisory of another kind of package
        // under the same name.
        if scheme != self.scheme.as_str() {
            let scheme: Scheme = scheme.parse().ok()?;
            return version::compare(scheme, &self.text, bound.text()).ok();
        }
        if self.is_without_epoch
            && let Some((epoch, rest)) = bound.text().split_once(':')
            // Without one is the same as 0, which Red Hat writes before most.
            && epoch != "0"
        {
            let without = |text: &str| stream::without_builder(text);
            return if stream::are_of_two_builders(&self.text, rest) {
                version::compare(self.scheme, &without(&self.text)?, &without(rest)?).ok()
            } else {
                version::compare(self.scheme, &self.text, rest).ok()
            };
        }
        if self.is_of_module && stream::are_of_two_builders(&self.text, bound.text()) {
            let own = stream::without_builder(&self.text)?;
            let other = stream::without_builder(bound.text())?;
            return version::compare(self.scheme, &own, &other).ok();
        }
        // The way that nearly all comparisons take: two keys, of which neither has to be made.
        version::compare_bytes(self.key.as_bytes(), bound.key).ok()
    }

    /// Whether a bound has an epoch that this version had to be compared without.
    pub(super) fn lacks_epoch_of(&self, bound: &BoundView<'_>) -> bool {
        self.is_without_epoch && bound.text().split_once(':').is_some_and(|(epoch, _)| epoch != "0")
    }
}

/// Whether a record says no more than `rpm -qa` prints. A record that was read from the header
/// has at least the vendor or the source package, and then no epoch means 0.
const fn is_bare(subject: &Subject<'_>) -> bool {
    subject.vendor.is_empty()
        && subject.source_name.is_empty()
        && subject.source_version.is_empty()
        && subject.origin.is_empty()
}
