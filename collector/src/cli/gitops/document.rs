//! Files: documents of YAML, one object each, and objects as documents.
//!
//! A document is read twice: for its kind, and then as what that kind takes, so that whatever is wrong has a line.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kind::Kind;
use super::present::Present;
use super::reference::Reference;
use super::spec::{
    AgentSettings, Exception, ExceptionSettings, Label, Policy, ReportSchedule, Retention, Webhook,
    generic, normal,
};
use crate::config::Secret;

/// Bytes of a file.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Characters of a name, as the API takes it.
const NAME_CHARS_MAX: usize = 200;

/// An object that a file says.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) kind: Kind,
    /// Empty for what a company has one of.
    pub(super) name: String,
    /// What it is to be, in the form that is compared.
    pub(super) spec: Value,
    /// A webhook's secret.
    pub(super) secret: Option<Secret>,
    /// The file and the line.
    pub(super) place: String,
}

/// Reads files and folders of them.
///
/// # Errors
///
/// The first that cannot be read, or what is wrong in it, with its line.
pub(super) fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for path in paths {
        if path.is_dir() {
            for file in files_of(path)? {
                objects.extend(parse(&file, &text_of(&file)?)?);
            }
        } else {
            objects.extend(parse(path, &text_of(path)?)?);
        }
    }
    let mut known: BTreeMap<(Kind, String), &str> = BTreeMap::new();
    for object in &objects {
        let key = (object.kind, object.name.to_lowercase());
        if let Some(first) = known.insert(key, &object.place) {
            let (kind, place) = (object.kind.as_str(), &object.place);
            bail!("{place}: {kind} {:?} stands at {first} already", object.name);
        }
    }
    Ok(objects)
}

/// The files of a folder, by name.
fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let within = || format!("read {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(within)? {
        let path = entry.with_context(within)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_file() && matches!(ending, Some("yaml" | "yml")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    let within = || format!("read {}", path.display());
    let mut text = String::new();
    let source: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(within)?)
    };
    source.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).with_context(within)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        bail!("{} is larger than {} MiB", path.display(), FILE_BYTES_MAX >> 20);
    }
    Ok(text)
}

/// The objects of a file.
fn parse(path: &Path, text: &str) -> anyhow::Result<Vec<Object>> {
    documents(text)
        .into_iter()
        .map(|(line, text)| Document { path, line, text }.object())
        .filter_map(Result::transpose)
        .collect()
}

/// The documents of a text, each with the number of lines before it.
fn documents(text: &str) -> Vec<(u64, String)> {
    let mut documents = vec![(0, String::new())];
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        // No text within a document can begin a line like this (YAML 1.2, section 9.1.2).
        let rest = line
            .strip_prefix("---")
            .filter(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if let Some(rest) = rest {
            // A document may begin on its marker's line.
            documents.push((number - 1, rest.to_owned()));
        } else if let Some((_, document)) = documents.last_mut() {
            document.push_str(line);
        }
    }
    documents
}

/// A document of a file.
struct Document<'a> {
    path: &'a Path,
    /// Lines before it.
    line: u64,
    text: String,
}

/// What says how the rest is read.
#[derive(Deserialize)]
struct Head {
    kind: serde_saphyr::Spanned<String>,
}

/// A document of a kind of which a company has one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Single<T> {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    spec: T,
}

/// A document of something with a name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named<T> {
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    name: serde_saphyr::Spanned<String>,
    spec: T,
}

/// A webhook in a file: its secrets are elsewhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookFile {
    url: Option<String>,
    /// Where the address is read from, where it is a secret.
    url_from: Option<Reference>,
    /// Where the secret that messages are signed with is read from.
    secret_from: Option<Reference>,
    #[serde(default = "generic")]
    template: String,
    kinds: Vec<String>,
    severity_min: Option<String>,
    #[serde(default)]
    kev: bool,
    label: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

impl Document<'_> {
    /// The object; `None` where the document holds nothing.
    fn object(&self) -> anyhow::Result<Option<Object>> {
        let is_content = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
        if !self.text.lines().any(is_content) {
            return Ok(None);
        }
        let head: Head = self.read()?;
        let line = head.kind.referenced.line();
        let kind = Kind::parse(&head.kind.value).with_context(|| {
            let names: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
            let (place, kind) = (self.place(line), &head.kind.value);
            format!("{place}: {kind:?} is none of {}", names.join(", "))
        })?;
        let object = match kind {
            Kind::AgentSettings => self.single::<AgentSettings>(kind, line, normal),
            Kind::Retention => self.single::<Retention>(kind, line, normal),
            Kind::ExceptionSettings => self.single::<ExceptionSettings>(kind, line, normal),
            Kind::Label => self.named::<Label>(kind, normal),
            Kind::Policy => self.named::<Policy>(kind, normal),
            Kind::Exception => self.named::<Exception>(kind, normal),
            Kind::ReportSchedule => self.named::<ReportSchedule>(kind, normal),
            Kind::Webhook => self.webhook(),
        };
        object.map(Some)
    }

    fn place(&self, line: u64) -> String {
        format!("{}:{}", self.path.display(), self.line + line)
    }

    fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_saphyr::from_str(&self.text).map_err(|error| {
            let line = error.location().map_or(1, |location| location.line());
            // Its own line is the document's, and stands in the text once more.
            let text = error.without_snippet().to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            anyhow::anyhow!("{}: {text}", self.place(line))
        })
    }

    fn single<T: DeserializeOwned>(
        &self,
        kind: Kind,
        line: u64,
        normal: impl Fn(T) -> anyhow::Result<Value>,
    ) -> anyhow::Result<Object> {
        let document: Single<T> = self.read()?;
        let (name, place) = (String::new(), self.place(line));
        Ok(Object { kind, name, spec: normal(document.spec)?, secret: None, place })
    }

    fn named<T: DeserializeOwned>(
        &self,
        kind: Kind,
        normal: impl Fn(T) -> anyhow::Result<Value>,
    ) -> anyhow::Result<Object> {
        let document: Named<T> = self.read()?;
        let place = self.place(document.name.referenced.line());
        let name = name(document.name.value).with_context(|| place.clone())?;
        Ok(Object { kind, name, spec: normal(document.spec)?, secret: None, place })
    }

    fn webhook(&self) -> anyhow::Result<Object> {
        let document: Named<WebhookFile> = self.read()?;
        let place = self.place(document.name.referenced.line());
        let spec = document.spec;
        let url = match (spec.url, &spec.url_from) {
            (Some(url), None) => url,
            (None, Some(from)) => {
                let url = from.read(self.path).with_context(|| format!("{place}: url_from"))?;
                url.expose().to_owned()
            }
            (Some(_), Some(_)) | (None, None) => bail!("{place}: name either `url` or `url_from`"),
        };
        let secret = spec.secret_from.map(|from| from.read(self.path)).transpose();
        let secret = secret.with_context(|| format!("{place}: secret_from"))?;
        let spec = normal(Webhook {
            url,
            template: spec.template,
            kinds: spec.kinds,
            severity_min: spec.severity_min,
            kev: spec.kev,
            label: spec.label,
            enabled: spec.enabled,
        })?;
        let name = name(document.name.value).with_context(|| place.clone())?;
        Ok(Object { kind: Kind::Webhook, name, spec, secret, place })
    }
}

fn name(text: String) -> anyhow::Result<String> {
    let is_good = !text.trim().is_empty()
        && text.trim() == text
        && text.chars().count() <= NAME_CHARS_MAX
        && !text.chars().any(char::is_control);
    if !is_good {
        bail!(
            "a name has 1 to {NAME_CHARS_MAX} characters, none of control and no blank at its ends"
        );
    }
    Ok(text)
}

/// An object that the collector has as a document.
pub(super) fn of(present: Present, with_urls: bool) -> Value {
    let mut spec = present.spec;
    let is_secret = matches!(spec["template"].as_str(), Some("slack" | "teams"));
    if present.kind == Kind::Webhook && is_secret && !with_urls {
        let variable: String = present
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("url");
            let from = json!({ "env": format!("WEBHOOK_URL_{variable}") });
            spec.insert("url_from".to_owned(), from);
        }
    }
    let mut document = json!({ "kind": present.kind.as_str(), "spec": spec });
    if !present.kind.is_single() {
        document["name"] = present.name.into();
    }
    document
}

/// A document as YAML, with what it is about first.
///
/// # Errors
///
/// When it cannot be written, which is a fault of ours.
pub(super) fn to_yaml(document: &Value) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Ordered<'a> {
        kind: &'a Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a Value>,
        spec: &'a Value,
    }
    let (kind, name, spec) = (&document["kind"], document.get("name"), &document["spec"]);
    serde_saphyr::to_string(&Ordered { kind, name, spec }).context("write YAML")
}

#[cfg(test)]
mod tests;
