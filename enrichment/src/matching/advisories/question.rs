//! What is asked of the advisories: the packages that they may call the subject by, and the version
//! that each name has.

use std::rc::Rc;

use kernels::Part;
use smol_str::SmolStr;

use crate::identity;
use crate::index::{Index, NameKind};
use crate::matching::advisories::installed::Installed;
use crate::matching::advisories::judge;
use crate::matching::advisories::named::Named;
use crate::matching::advisories::names::Names;
use crate::matching::advisories::release::{self, Release, Standing};
use crate::matching::advisories::source::Source;
use crate::matching::kernel;
use crate::subject::Subject;
use crate::version::Scheme;

/// A subject whom advisories are about.
pub(super) enum Asked<'a> {
    /// It can be judged.
    Question(Question<'a>),
    /// It cannot.
    NotEvaluable {
        /// Why, for people.
        reason: String,
        /// The rule that says whose package it is.
        rule: String,
    },
}

/// A subject that can be judged.
pub(super) struct Question<'a> {
    pub(super) index: &'a Index,
    /// `debian 12`, or the registry.
    pub(super) place: SmolStr,
    /// What the advisories call it; none where no advisory ever named it.
    pub(super) packages: Vec<Named<'a>>,
    /// What it would be called, for people.
    pub(super) name: String,
    pub(super) rule: SmolStr,
}

const GUESSED: &str = "the source package is told from the name of the binary one";

/// What is asked about a subject; `None` for one that advisories are not about.
pub(super) fn ask<'a>(
    index: &'a Index,
    subject: &Subject<'_>,
    names: &Names<'_>,
) -> Option<Asked<'a>> {
    match names {
        Names::Distribution { rule, source, guesses } => {
            Some(of_distribution(index, subject, source, guesses).map_or_else(
                |reason| Asked::NotEvaluable { reason, rule: (*rule).to_owned() },
                |question| {
                    Asked::Question(Question { rule: SmolStr::new_static(rule), ..question })
                },
            ))
        }
        Names::Registry { registry, scheme, name } => {
            of_registry(index, subject, (registry, *scheme, name))
        }
        Names::Neither => None,
    }
}

fn of_distribution<'a>(
    index: &'a Index,
    subject: &Subject<'_>,
    source: &Source<'_>,
    guesses: &[String],
) -> Result<Question<'a>, String> {
    let release = release::of(index, subject.platform, subject.version)?;
    let scheme = match subject.source {
        "rpm" => Scheme::Rpm,
        "apk" => Scheme::Apk,
        _ => Scheme::Deb,
    };
    let mut question = Question {
        index,
        place: release.shown(),
        packages: Vec::new(),
        name: source.name.to_string(),
        rule: SmolStr::default(),
    };
    let binary = Rc::new(installed(scheme, subject, subject.version)?);
    let part = kernel::part(subject, &source.name);
    if part == Part::Beside {
        // Known, and nothing of it runs: judged, and never vulnerable by itself.
        return Ok(question);
    }
    let rebuilt_of = without_rebuild(subject.source, subject.version);
    // Mostly all names have one version, whose key is made once.
    let untold = || {
        if rebuilt_of == subject.version {
            Ok(Rc::clone(&binary))
        } else {
            installed(scheme, subject, rebuilt_of).map(Rc::new)
        }
    };
    let built_of = |name: &str| match carried(scheme, subject, name) {
        Some(carried) => carried.map(Rc::new),
        None => untold(),
    };
    let built = match &source.version {
        Some(version) => Rc::new(Installed::new(scheme, version.to_string())?),
        None => built_of(&source.name)?,
    };
    let sources = named(index, &release, NameKind::Source, &source.name, built);
    question.packages.extend(sources);
    // Both names are asked: Red Hat's VEX denies by source packages what its bulletins name by
    // binary ones.
    let names = named(index, &release, NameKind::Binary, subject.name, Rc::clone(&binary));
    question.packages.extend(names);
    if question.packages.is_empty() && subject.source_name.is_empty() {
        guess(&mut question, &release, scheme, &built_of, guesses)?;
    }
    let mut doubts: Vec<&'static str> = release.doubt.into_iter().collect();
    if part == Part::Image && subject.running.is_none() {
        doubts.push(kernel::MAY_NOT_RUN);
    }
    for package in &mut question.packages {
        package.doubts.extend(&doubts);
        package.is_tagged = matches!(release.id, "rhel" | "rocky" | "almalinux");
    }
    Ok(question)
}

fn installed(scheme: Scheme, subject: &Subject<'_>, version: &str) -> Result<Installed, String> {
    match (scheme, subject.epoch) {
        (Scheme::Rpm, _) => Installed::of_rpm(subject),
        // dpkg's versions hold their epoch.
        (_, Some(epoch)) if epoch > 0 && !version.contains(':') => {
            Installed::new(scheme, format!("{epoch}:{version}"))
        }
        _ => Installed::new(scheme, version.to_owned()),
    }
}

/// The package by a name, if advisories of the release know it.
fn named<'a>(
    index: &'a Index,
    release: &Release<'_>,
    kind: NameKind,
    name: &str,
    installed: Rc<Installed>,
) -> Option<Named<'a>> {
    let views: Vec<_> = release
        .places
        .iter()
        .filter(|(_, names, _)| *names == kind)
        .filter_map(|(at, _, standing)| Some((index.find_package(*at, name)?, *standing)))
        .collect();
    Some(Named {
        kind,
        name: views.first()?.0.name,
        views,
        installed,
        is_tagged: false,
        doubts: Vec::new(),
    })
}

/// Adds what the subject may be built of, where nobody says it.
fn guess(
    question: &mut Question<'_>,
    release: &Release<'_>,
    scheme: Scheme,
    built_of: &dyn Fn(&str) -> Result<Rc<Installed>, String>,
    guesses: &[String],
) -> Result<(), String> {
    for source in guesses {
        let found = named(question.index, release, NameKind::Source, source, built_of(source)?);
        let found = found.filter(|package| is_numbered_alike(question.index, package));
        let is_found = found.is_some();
        question.packages.extend(found.map(|mut package| {
            package.doubts.push(GUESSED);
            package
        }));
        // Guesses for rpm and apk get ever vaguer, and the first that exists is the best; those of
        // Debian's table are alternatives.
        if is_found && scheme != Scheme::Deb {
            break;
        }
    }
    Ok(())
}

/// The version of the source package that a deb's own version carries, if it does.
fn carried(
    scheme: Scheme,
    subject: &Subject<'_>,
    source: &str,
) -> Option<Result<Installed, String>> {
    let version = identity::carried_version(source, subject.version);
    let version = version.filter(|_| scheme == Scheme::Deb)?;
    let installed = Installed::new(scheme, without_rebuild(subject.source, version).to_owned());
    Some(installed.map(Installed::without_epoch))
}

/// Whether a guessed source package counts its versions as the binary one does. `telnet` 0.17 was
/// built of netkit-telnet before it came from inetutils 2:1.9.4: another epoch is another history.
fn is_numbered_alike(index: &Index, package: &Named<'_>) -> bool {
    let epoch = |version: &str| version.split_once(':').map_or("0", |(epoch, _)| epoch).to_owned();
    package.views.iter().filter_map(|(view, _)| judge::last_fix(index, view)).all(|fix| {
        package.installed.is_without_epoch || epoch(fix) == epoch(&package.installed.text)
    })
}

/// A version without the mark of a rebuild of binaries alone: `5.2.15-2+b2` is built of 5.2.15-2.
fn without_rebuild<'a>(source: &str, version: &'a str) -> &'a str {
    if source != "deb" {
        return version;
    }
    match version.rsplit_once("+b") {
        Some((built, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            built
        }
        _ => version,
    }
}

/// A package of a language, if its registry's advisories know it at all.
fn of_registry<'a>(
    index: &'a Index,
    subject: &Subject<'_>,
    (registry, scheme, name): (&str, Scheme, &str),
) -> Option<Asked<'a>> {
    let at = index.find_place(registry, "", NameKind::Registry)?;
    let view = index.find_package(at, name)?;
    let rule = format!("registry:{registry}/{name}");
    let installed = match Installed::new(scheme, subject.version.to_owned()) {
        Ok(installed) => Rc::new(installed),
        Err(reason) => return Some(Asked::NotEvaluable { reason, rule }),
    };
    Some(Asked::Question(Question {
        index,
        place: SmolStr::new(registry),
        packages: vec![Named {
            kind: NameKind::Registry,
            name: view.name,
            views: vec![(view, Standing::Own)],
            installed,
            is_tagged: false,
            doubts: Vec::new(),
        }],
        name: name.to_owned(),
        rule: rule.into(),
    }))
}
