//! What has to be done so that the collector has what the files say: a step an object, in the order of writing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::client::Client;
use super::document::Object;
use super::kind::Kind;
use super::present::{Known, Present};
use crate::clock::Clock;
use crate::config::Secret;

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Create,
    Change,
    Unchanged,
    /// It was to be until an instant that is over.
    Over,
    Delete,
}

/// One object's step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) action: Action,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// What is another way now.
    pub(super) fields: Vec<String>,
    /// What it is to be.
    pub(super) spec: Value,
    /// A webhook's secret, where it is another one.
    pub(super) secret: Option<Secret>,
    /// What there is.
    pub(super) present: Option<Present>,
    /// Where the files say it.
    pub(super) place: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.action {
            Action::Create => "create",
            Action::Change => "change",
            Action::Unchanged => "unchanged",
            Action::Over => "over",
            Action::Delete => "delete",
        };
        write!(f, "{action:<9} {}", self.kind.as_str())?;
        if !self.name.is_empty() {
            write!(f, " {:?}", self.name)?;
        }
        if !self.fields.is_empty() {
            write!(f, " ({})", self.fields.join(", "))?;
        }
        Ok(())
    }
}

/// The kinds that files have.
pub(super) fn kinds(objects: &[Object]) -> BTreeSet<Kind> {
    objects.iter().map(|object| object.kind).collect()
}

/// All steps.
#[derive(Debug)]
pub(super) struct Plan {
    steps: Vec<Step>,
    /// Ids of labels by their names, in small letters.
    pub(super) labels: BTreeMap<String, String>,
}

impl Plan {
    /// What has to be done. Only webhooks' secrets are asked about: nothing shows them.
    ///
    /// # Errors
    ///
    /// When the files name a label that is nowhere, a new webhook has no secret, or the collector does not
    /// answer.
    pub(super) async fn new(
        client: &Client,
        objects: Vec<Object>,
        known: Known,
        prune: bool,
    ) -> anyhow::Result<Self> {
        let labels: BTreeMap<String, String> =
            known.labels.into_iter().map(|(id, name)| (name.to_lowercase(), id)).collect();
        check_labels(&objects, &labels)?;
        let mut steps = compare(objects, known.objects, prune, Clock::system().now())?;
        for step in &mut steps {
            same_secret(client, step).await?;
        }
        Ok(Self { steps, labels })
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    pub(super) fn into_steps(self) -> (Vec<Step>, BTreeMap<String, String>) {
        (self.steps, self.labels)
    }

    /// How many steps change anything.
    pub(super) fn changes(&self) -> usize {
        let same = [Action::Unchanged, Action::Over];
        self.steps.iter().filter(|step| !same.contains(&step.action)).count()
    }
}

/// That every label that is named is there or in the files: found before anything is written.
fn check_labels(objects: &[Object], labels: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let new: BTreeSet<String> = objects
        .iter()
        .filter(|object| object.kind == Kind::Label)
        .map(|object| object.name.to_lowercase())
        .collect();
    for object in objects {
        let named = object.spec.get("label").or_else(|| object.spec.pointer("/rule/label"));
        let Some(name) = named.and_then(Value::as_str) else { continue };
        let key = name.to_lowercase();
        if !labels.contains_key(&key) && !new.contains(&key) {
            bail!("{}: there is no label {name:?}, here or in the files", object.place);
        }
    }
    Ok(())
}

/// Compares files with what there is.
fn compare(
    objects: Vec<Object>,
    present: Vec<Present>,
    prune: bool,
    now: OffsetDateTime,
) -> anyhow::Result<Vec<Step>> {
    let kinds = kinds(&objects);
    let mut left: BTreeMap<(Kind, String), Present> = present
        .into_iter()
        .map(|present| ((present.kind, present.name.to_lowercase()), present))
        .collect();
    let mut steps = Vec::with_capacity(objects.len());
    for object in objects {
        let found = left.remove(&(object.kind, object.name.to_lowercase()));
        steps.push(step(object, found, now)?);
    }
    steps.sort_by_cached_key(|step| (step.kind, step.name.to_lowercase()));
    if prune {
        let gone = left.into_values().rev();
        // What names something goes before what it names.
        let gone =
            gone.filter(|present| kinds.contains(&present.kind) && !present.kind.is_single());
        steps.extend(gone.map(|present| Step {
            action: Action::Delete,
            kind: present.kind,
            name: present.name.clone(),
            fields: Vec::new(),
            spec: Value::Null,
            secret: None,
            present: Some(present),
            place: String::new(),
        }));
    }
    Ok(steps)
}

fn step(object: Object, present: Option<Present>, now: OffsetDateTime) -> anyhow::Result<Step> {
    let fields = present.as_ref().map(|present| differing(&object, present)).unwrap_or_default();
    let action = match &present {
        Some(_) if fields.is_empty() => Action::Unchanged,
        Some(_) => Action::Change,
        // Made again it would be refused, and it has ended as it should.
        None if is_over(&object, now) => Action::Over,
        None => Action::Create,
    };
    if object.kind == Kind::Webhook && action == Action::Create && object.secret.is_none() {
        let place = &object.place;
        bail!("{place}: a new webhook needs a `secret_from`, or nobody would know its secret");
    }
    let Object { kind, name, spec, secret, place } = object;
    Ok(Step { action, kind, name, fields, spec, secret, present, place })
}

/// The fields of an object that are another way.
fn differing(object: &Object, present: &Present) -> Vec<String> {
    let (wanted, there) = (fields(&object.spec), fields(&present.spec));
    let names: BTreeSet<&String> = wanted.keys().chain(there.keys()).copied().collect();
    let differ = names.into_iter().filter(|name| wanted.get(name) != there.get(name));
    let mut differ: Vec<String> = differ.cloned().collect();
    if object.name != present.name {
        differ.push("name".to_owned());
    }
    differ
}

fn fields(spec: &Value) -> BTreeMap<&String, &Value> {
    spec.as_object().into_iter().flatten().collect()
}

/// Whether it is an exception whose end is over.
fn is_over(object: &Object, now: OffsetDateTime) -> bool {
    let until = object.spec.get("expires_at").and_then(Value::as_str);
    let until = until.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    object.kind == Kind::Exception && until.is_some_and(|until| until <= now)
}

/// Asks whether a webhook has the secret that the files name; forgets it where it has.
async fn same_secret(client: &Client, step: &mut Step) -> anyhow::Result<()> {
    let (Some(secret), Some(present)) = (&step.secret, &step.present) else { return Ok(()) };
    let path = format!("{}/secret/check", present.path);
    let body = json!({ "secret": secret.expose() });
    let answer = client.write(Method::POST, &path, None, Some(&body)).await;
    let answer = answer.with_context(|| step.place.clone())?.json;
    if answer["is_current"] == true {
        step.secret = None;
    } else {
        step.action = Action::Change;
        step.fields.push("secret".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
