//! What people say of a webhook that is to be.

use schemars::JsonSchema;
use serde::Deserialize;
use store::events::company::CompanyEventKind;
use store::tenant::TenantScope;
use store::webhooks::{Only, Template, WebhookChange};

use super::view::{KindName, TemplateName};
use crate::http::problem::Problem;
use crate::http::schema::SeverityName;
use crate::http::state::ApiState;
use crate::http::v1::cves::parse_severity;
use crate::http::v1::{credential, labels};

/// What a webhook is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookBody")]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookBody {
    name: String,
    /// Where messages go: an `https://` address that everybody could reach.
    url: String,
    /// How messages are written; `generic` when absent.
    #[serde(default = "generic")]
    #[schemars(with = "TemplateName")]
    template: String,
    /// What it is told of.
    #[schemars(with = "Vec<KindName>")]
    kinds: Vec<String>,
    /// Of findings, it is told of CVEs that are at least as severe when it is told; of all when absent.
    #[schemars(with = "Option<SeverityName>")]
    severity_min: Option<String>,
    /// Whether of findings it is told of CVEs alone that are known to be exploited.
    #[serde(default)]
    kev: bool,
    /// It is told of what hosts with this label have, by its id or its name: findings of software that one of them has,
    /// and policies on them.
    label: Option<String>,
    /// Whether it is told. What happens while it is not, it is not told later.
    #[serde(default = "yes")]
    enabled: bool,
}

/// A webhook to be made.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "NewWebhookBody")]
#[serde(deny_unknown_fields)]
pub(super) struct NewWebhookBody {
    name: String,
    /// Where messages go: an `https://` address that everybody could reach.
    url: String,
    /// How messages are written; `generic` when absent.
    #[serde(default = "generic")]
    #[schemars(with = "TemplateName")]
    template: String,
    /// What it is told of.
    #[schemars(with = "Vec<KindName>")]
    kinds: Vec<String>,
    /// Of findings, it is told of CVEs that are at least as severe when it is told; of all when absent.
    #[schemars(with = "Option<SeverityName>")]
    severity_min: Option<String>,
    /// Whether of findings it is told of CVEs alone that are known to be exploited.
    #[serde(default)]
    kev: bool,
    /// It is told of what hosts with this label have, by its id or its name: findings of software that one of them has,
    /// and policies on them.
    label: Option<String>,
    /// Whether it is told. What happens while it is not, it is not told later.
    #[serde(default = "yes")]
    enabled: bool,
    /// What messages are signed with: 24 to 200 characters that can be seen. One is made when absent.
    secret: Option<String>,
}

fn generic() -> String {
    Template::Generic.as_str().to_owned()
}

const fn yes() -> bool {
    true
}

impl NewWebhookBody {
    /// What it is to be, and its secret.
    pub(super) fn apart(self) -> (WebhookBody, Option<String>) {
        let Self { name, url, template, kinds, severity_min, kev, label, enabled, secret } = self;
        let body = WebhookBody { name, url, template, kinds, severity_min, kev, label, enabled };
        (body, secret)
    }
}

impl WebhookBody {
    /// The kinds of events, each once.
    ///
    /// # Errors
    ///
    /// When there is none, or one that cannot be asked for.
    pub(super) fn kinds(&self) -> Result<Vec<CompanyEventKind>, Problem> {
        let kind = |name: &String| {
            CompanyEventKind::parse(name)
                .filter(|kind| *kind != CompanyEventKind::WebhookTest)
                .ok_or_else(|| Problem::field("kinds", "no kind of event that can be asked for"))
        };
        let mut kinds: Vec<_> = self.kinds.iter().map(kind).collect::<Result<_, _>>()?;
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.is_empty() {
            return Err(Problem::field("kinds", "at least one kind of event"));
        }
        Ok(kinds)
    }

    /// What it is to be, checked.
    ///
    /// # Errors
    ///
    /// When something of it cannot be, or the database cannot be used.
    pub(super) async fn change<'a>(
        &'a self,
        kinds: &'a [CompanyEventKind],
        scope: &TenantScope,
        state: &ApiState,
    ) -> Result<WebhookChange<'a>, Problem> {
        let template = Template::parse(&self.template)
            .ok_or_else(|| Problem::field("template", "one of generic, slack, teams"))?;
        // Whoever reads an address leaves tabs and line breaks out of it, and writes a zero in another
        // way; what is kept is the text as it came.
        if credential::has_control(&self.url) {
            return Err(Problem::field("url", "an address, with none of control"));
        }
        let checked = state.reach.check(&self.url);
        checked.map_err(|error| Problem::field("url", error.to_string()))?;
        Ok(WebhookChange {
            name: credential::name(&self.name)?,
            url: &self.url,
            template,
            kinds,
            only: self.only(scope).await?,
            is_enabled: self.enabled,
        })
    }

    async fn only(&self, scope: &TenantScope) -> Result<Only, Problem> {
        let severity_min = self.severity_min.as_deref().map(parse_severity).transpose()?;
        if self.label.as_deref().is_some_and(credential::has_control) {
            return Err(Problem::field("label", "no label has this id or name"));
        }
        let label = labels::named(scope, self.label.as_deref()).await?;
        // An id is taken for a label's until somebody looks.
        if let Some(label) = label
            && store::labels::get(scope, label).await?.is_none()
        {
            return Err(Problem::field("label", "no label has this id or name"));
        }
        Ok(Only { severity_min, kev: self.kev, label })
    }
}
