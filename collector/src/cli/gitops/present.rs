//! What the collector has, in the form that files are compared with.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::Value;

use super::client::Client;
use super::kind::Kind;
use super::spec::normal_of_view;

/// An object that the collector has.
#[derive(Clone, Debug)]
pub(super) struct Present {
    pub(super) kind: Kind,
    /// Empty for what a company has one of; an exception without a name goes by its id.
    pub(super) name: String,
    pub(super) spec: Value,
    /// The path of the object itself.
    pub(super) path: String,
    /// The version that a change names.
    pub(super) tag: Option<String>,
}

/// All that the collector has of some kinds.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) objects: Vec<Present>,
    /// Labels by their id.
    pub(super) labels: BTreeMap<String, String>,
}

/// Reads what the collector has of some kinds, in the order of kinds and of names.
///
/// # Errors
///
/// When the collector does not answer, or shows what this release does not know.
pub(super) async fn read(client: &Client, kinds: BTreeSet<Kind>) -> anyhow::Result<Known> {
    let mut objects = Vec::new();
    let labels = client.list(Kind::Label.path()).await?;
    let by_id = labels.iter().filter_map(|label| {
        Some((label["id"].as_str()?.to_owned(), label["name"].as_str()?.to_owned()))
    });
    let by_id: BTreeMap<_, _> = by_id.collect();
    for kind in kinds {
        if kind.is_single() {
            let answer = client.get(kind.path()).await?;
            objects.push(Present {
                kind,
                name: String::new(),
                spec: normal_of_view(kind, &answer.json)?,
                path: kind.path().to_owned(),
                tag: answer.tag,
            });
            continue;
        }
        for view in views(client, kind, &labels).await? {
            objects.push(named(kind, view, &by_id)?);
        }
    }
    objects.sort_by_cached_key(|object| (object.kind, object.name.to_lowercase()));
    Ok(Known { objects, labels: by_id })
}

async fn views(client: &Client, kind: Kind, labels: &[Value]) -> anyhow::Result<Vec<Value>> {
    if kind == Kind::Label {
        return Ok(labels.to_vec());
    }
    if kind != Kind::Exception {
        return client.list(kind.path()).await;
    }
    let mut views = Vec::new();
    for state in ["active", "requested"] {
        let path = format!("{}?state={state}", kind.path());
        // What came in with a document is that document's, whose next version takes its place.
        let some = client.list(&path).await?.into_iter();
        views.extend(some.filter(|view| view["document"].is_null()));
    }
    Ok(views)
}

fn named(
    kind: Kind,
    mut view: Value,
    labels: &BTreeMap<String, String>,
) -> anyhow::Result<Present> {
    let id = view["id"].as_str().context("the collector shows an object without an id")?.to_owned();
    if let Some(label) = view.get_mut("label") {
        by_name(label, labels);
    }
    if let Some(label) = view.pointer_mut("/rule/label").filter(|_| kind == Kind::Exception) {
        by_name(label, labels);
    }
    let name = view["name"].as_str().unwrap_or(&id).to_owned();
    Ok(Present {
        kind,
        name,
        spec: normal_of_view(kind, &view)?,
        path: format!("{}/{id}", kind.path()),
        tag: view["revision"].as_u64().map(|revision| format!("\"{revision}\"")),
    })
}

/// A label's name in place of its id; one that is gone keeps it.
fn by_name(label: &mut Value, labels: &BTreeMap<String, String>) {
    if let Some(name) = label.as_str().and_then(|id| labels.get(id)) {
        *label = name.clone().into();
    }
}
