//! Doing what was planned, a step after the other. What is done stays done: after an error the next `apply` goes on.

use std::collections::BTreeMap;

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::kind::Kind;
use super::plan::{Action, Plan, Step};

/// Does all steps.
///
/// # Errors
///
/// At the first that the collector refuses, with the file and the line.
pub(super) async fn all(client: &Client, plan: Plan) -> anyhow::Result<()> {
    let (steps, mut labels) = plan.into_steps();
    for step in steps {
        let made =
            one(client, &step, &labels).await.with_context(|| match step.place.as_str() {
                "" => step.to_string(),
                place => format!("{place}: {step}"),
            })?;
        if step.kind == Kind::Label
            && let Some(id) = made.as_ref().and_then(|made| made.json["id"].as_str())
        {
            labels.insert(step.name.to_lowercase(), id.to_owned());
        }
    }
    Ok(())
}

async fn one(
    client: &Client,
    step: &Step,
    labels: &BTreeMap<String, String>,
) -> anyhow::Result<Option<Answer>> {
    let body = || body(step, labels);
    let (path, tag) = match &step.present {
        Some(present) => (present.path.clone(), present.tag.as_deref()),
        None => (step.kind.path().to_owned(), None),
    };
    match step.action {
        Action::Unchanged | Action::Over => Ok(None),
        Action::Create => client.write(Method::POST, &path, None, Some(&body()?)).await.map(Some),
        // What was agreed to is not changed: another one takes its place.
        Action::Change if step.kind == Kind::Exception => {
            let path = format!("{path}/replace");
            client.write(Method::POST, &path, tag, Some(&body()?)).await.map(Some)
        }
        Action::Change => {
            // Its secret alone moves its version.
            if step.fields.iter().any(|field| field != "secret") {
                client.write(Method::PUT, &path, tag, Some(&body()?)).await?;
            }
            if let Some(secret) = &step.secret {
                let path = format!("{path}/secret");
                let secret = json!({ "secret": secret.expose() });
                client.write(Method::PUT, &path, None, Some(&secret)).await?;
            }
            Ok(None)
        }
        Action::Delete if step.kind == Kind::Exception => {
            let path = format!("{path}/withdraw");
            client.write(Method::POST, &path, None, None).await.map(Some)
        }
        Action::Delete => client.write(Method::DELETE, &path, None, None).await.map(Some),
    }
}

/// What the API is sent.
fn body(step: &Step, labels: &BTreeMap<String, String>) -> anyhow::Result<Value> {
    let mut body = step.spec.clone();
    let label = if step.kind == Kind::Exception { "/rule/label" } else { "/label" };
    if let Some(label) = body.pointer_mut(label)
        && let Some(name) = label.as_str()
    {
        let id = labels.get(&name.to_lowercase());
        *label = id.with_context(|| format!("there is no label {name:?}"))?.clone().into();
    }
    if !step.kind.is_single() {
        body["name"] = step.name.clone().into();
    }
    if step.action == Action::Create
        && let Some(secret) = &step.secret
    {
        body["secret"] = secret.expose().into();
    }
    Ok(body)
}
