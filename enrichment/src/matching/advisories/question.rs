//! What is asked of the advisories: the packages that they may call the subject by, and the version
//! that each name has.

use std::borrow::Cow;
use std::rc::Rc;

use smol_str::SmolStr;

use crate::identity;
use crate::index::{Index, NameKind, PackageView};
use crate::matching::advisories::installed::Installed;
use crate::matching::advisories::judge;
use crate::matching::advisories::kernel::{self, Kernel};
use crate::matching::advisories::names::Names;
use crate::matching::advisories::release::{self, Release, Standing};
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

/// A package by one of its names.
pub(super) struct Named<'a> {
    pub(super) kind: NameKind,
    pub(super) name: &'a str,
    /// What its release's advisories say, and what those of places that stand beside it say.
    pub(super) views: Vec<(PackageView<'a>, Standing)>,
    pub(super) installed: Rc<Installed>,
    /// Whether only its own build's tags tell which line of updates it is of.
    pub(super) is_tagged: bool,
    /// Why the answer may not be about the installed package.
    pub(super) doubts: Vec<&'static str>,
}

const GUESSED: &str = "the source package is told from the name of the binary one";

/// What is asked about a subject; `None` for one that advisories are not about.
pub(super) fn ask<'a>(
    index: &'a Index,
    subject: &Subject<'_>,
    names: &Names<'_>,
) -> Option<Asked<'a>> {
    match names {
        Names::Distribution {
            rule,
            source,
            guesses,
        } => Some(
            of_distribution(index, subject, source, guesses).map_or_else(
                |reason| Asked::NotEvaluable {
                    reason,
                    rule: (*rule).to_owned(),
                },
                |question| {
                    Asked::Question(Question {
                        rule: SmolStr::new_static(rule),
                        ..question
                    })
                },
            ),
        ),
        Names::Registry {
            registry,
            scheme,
            name,
        } => of_registry(index, subject, (registry, *scheme, name)),
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
        place: release.shown().into(),
        packages: Vec::new(),
        name: source.name.to_string(),
        rule: SmolStr::default(),
    };
    let binary = Rc::new(installed(scheme, subject, subject.version)?);
    if kernel::of(&source.name, subject.name) == Kernel::Beside {
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
    let built = match &source.version {
        Some(version) => Rc::new(Installed::new(scheme, version.to_string())?),
        None => untold()?,
    };
    let sources = named(index, &release, NameKind::Source, &source.name, built);
    question.packages.extend(sources);
    let names = named(
        index,
        &release,
        NameKind::Binary,
        subject.name,
        Rc::clone(&binary),
    );
    question.packages.extend(names);
    if question.packages.is_empty() && subject.source_name.is_empty() {
        guess(&mut question, &release, (scheme, &untold()?), guesses);
    }
    let mut doubts: Vec<&'static str> = release.doubt.into_iter().collect();
    if kernel::of(&source.name, subject.name) == Kernel::Image {
        match kernel::is_running(subject) {
            Some(true) => {}
            Some(false) => return Err(kernel::not_judged(subject)),
            None => doubts.push(kernel::MAY_NOT_RUN),
        }
    }
    for package in &mut question.packages {
        package.doubts.extend(&doubts);
        package.is_tagged = matches!(release.id.as_str(), "rhel" | "rocky" | "almalinux");
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
    release: &Release,
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
    release: &Release,
    (scheme, built): (Scheme, &Rc<Installed>),
    guesses: &[String],
) {
    for source in guesses {
        let found = named(
            question.index,
            release,
            NameKind::Source,
            source,
            Rc::clone(built),
        );
        let found = found.filter(|package| is_numbered_alike(question.index, package));
        let is_found = found.is_some();
        question.packages.extend(found.map(|mut package| {
            package.doubts.push(GUESSED);
            package
        }));
        if is_found && scheme != Scheme::Deb {
            break;
        }
    }
}

/// The source packages that a subject may be of when nobody says which, the likeliest first.
pub(super) fn guesses(subject: &Subject<'_>) -> Vec<String> {
    if !subject.source_name.is_empty() {
        Vec::new()
    } else if !matches!(subject.source, "rpm" | "apk") {
        identity::ubuntu_kernel(subject.name, subject.version)
            .into_iter()
            .chain(identity::source_packages(subject.name, subject.version))
            .collect()
    } else if is_bare(subject) {
        wholes(subject)
    } else {
        // A record from the header or from apk's database would have named another source.
        Vec::new()
    }
}

/// Whether a guessed source package counts its versions as the binary one does. `telnet` 0.17 was
/// built of netkit-telnet before it came from inetutils 2:1.9.4: another epoch is another history.
fn is_numbered_alike(index: &Index, package: &Named<'_>) -> bool {
    let epoch = |version: &str| {
        version
            .split_once(':')
            .map_or("0", |(epoch, _)| epoch)
            .to_owned()
    };
    package
        .views
        .iter()
        .filter_map(|(view, _)| judge::last_fix(index, view))
        .all(|fix| {
            package.installed.is_without_epoch || epoch(fix) == epoch(&package.installed.text)
        })
}

const fn is_bare(subject: &Subject<'_>) -> bool {
    subject.vendor.is_empty() && subject.source_version.is_empty()
}

/// What a part may be of, the likeliest first. Parts of an rpm or an apk are mostly called after
/// the whole (`systemd-pam`, `ruby-libs`), libraries after it and their version (`libcurl4`,
/// `libopenssl1_1`), and the rest as in Debian (`libcrypto1.1` is of `openssl`).
fn wholes(subject: &Subject<'_>) -> Vec<String> {
    let name = subject.name;
    let mut wholes: Vec<String> = name
        .match_indices('-')
        .rev()
        .map(|(at, _)| name[..at].to_owned())
        .collect();
    if let Some(library) = name.strip_prefix("lib") {
        let is_version = |c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let stem = library.trim_end_matches(is_version);
        let version = library[stem.len()..].trim_start_matches('-');
        wholes.push(format!("lib{stem}"));
        wholes.push(stem.to_owned());
        wholes.push(format!("{stem}-{version}"));
    }
    wholes.extend(identity::source_packages(name, subject.version));
    wholes
}

/// The source package that a record names.
pub(in crate::matching) struct Source<'a> {
    pub(super) name: Cow<'a, str>,
    version: Option<Cow<'a, str>>,
}

impl<'a> Source<'a> {
    pub(super) fn of(subject: &Subject<'a>) -> Self {
        let given = |text: &'a str| (!text.is_empty()).then_some(Cow::Borrowed(text));
        let mut source = Self {
            name: given(subject.source_name).unwrap_or(Cow::Borrowed(subject.name)),
            version: given(subject.source_version),
        };
        // dpkg writes `Source: glibc (2.36-9+deb12u4)` where the two versions differ.
        if let Some((name, rest)) = subject.source_name.split_once(" (") {
            source.name = name.into();
            source.version = source.version.or_else(|| given(rest.trim_end_matches(')')));
        }
        // Kernels are built of one source and signed as another, whose version is its own: the
        // package itself has the kernel's.
        if let Some(kernel) = source.name.strip_prefix("linux-signed") {
            let architectures = ["amd64", "arm64", "i386"];
            let line = kernel.strip_prefix('-').unwrap_or(kernel);
            source.name = if line.is_empty() || architectures.contains(&line) {
                "linux".into()
            } else {
                format!("linux-{line}").into()
            };
            source.version = None;
        }
        if subject.source == "rpm" {
            // What an rpm names is the file's version, which its own fields say too.
            source.version = None;
        }
        source
    }
}

/// A version without the mark of a rebuild of binaries alone: `5.2.15-2+b2` is built of 5.2.15-2.
fn without_rebuild<'a>(source: &str, version: &'a str) -> &'a str {
    match version.rsplit_once("+b") {
        Some((built, number))
            if source == "deb"
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            built
        }
        _ => version,
    }
}

/// Registries by the source that finds their packages.
pub(super) const REGISTRIES: [(&str, &str, Scheme); 4] = [
    ("gem", "gem", Scheme::Gem),
    ("go", "golang", Scheme::Go),
    ("npm", "npm", Scheme::Npm),
    ("python", "pypi", Scheme::Pypi),
];

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
