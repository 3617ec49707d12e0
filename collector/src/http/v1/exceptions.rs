//! Exceptions: asked for, previewed, agreed to, ended.

mod view;

use axum::Json;
use axum::extract::State;
use enrichment::cve::as_published;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::exceptions::{
    self, CreateError, DecideError, Decision, Exception, ExceptionFilter, ExceptionState,
    NewException, ReplaceError, Settled,
};
use store::tenant::TenantScope;
use uuid::Uuid;

use self::view::{ExceptionBody, ExceptionView, ImpactView, RuleBody};
use super::labels;
use crate::http::answer::Created;
use crate::http::document::Routes;
use crate::http::export::{self, Exported, Format};
use crate::http::extract::{Body, IfMatch, Params, Path, Tenant, parse_id};
use crate::http::may::{
    ApproveExceptions, ExportInventory, ReadInventory, TriageFindings, WriteSettings,
};
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v7;
use crate::jobs::keep_rules;

pub(super) fn routes() -> Routes {
    Routes::of("Exceptions", "What the company has decided not to be told of, why, and until when.")
        .get("/exceptions", "list_exceptions", "Exceptions, a page at a time, newest first", list)
        .post("/exceptions", "create_exception", "Make an exception, or ask for one", create)
        .get("/exceptions/export", "export_exceptions", "Exceptions, whole", export)
        .post(
            "/exceptions/preview",
            "preview_exception",
            "What an exception would leave out",
            preview,
        )
        .get(
            "/exceptions/settings",
            "get_exception_settings",
            "How exceptions come to be in force",
            settings,
        )
        .put(
            "/exceptions/settings",
            "put_exception_settings",
            "Set how exceptions come to be in force",
            set,
        )
        .get("/exceptions/{exception}", "get_exception", "One exception", get)
        .post(
            "/exceptions/{exception}/approve",
            "approve_exception",
            "Let somebody else's exception hold",
            approve,
        )
        .post(
            "/exceptions/{exception}/reject",
            "reject_exception",
            "Refuse an exception that was asked for",
            reject,
        )
        .post(
            "/exceptions/{exception}/replace",
            "replace_exception",
            "Put another exception in one's place: what was agreed to is never changed",
            replace,
        )
        .post(
            "/exceptions/{exception}/withdraw",
            "withdraw_exception",
            "End an exception",
            withdraw,
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "ExceptionQuery")]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// `requested`, `active`, `rejected`, `withdrawn` or `expired`.
    state: Option<String>,
    /// That goes by this name, whatever the letters' case.
    name: Option<String>,
    cve: Option<String>,
    product: Option<String>,
    /// For hosts with this label, by its id or its name.
    label: Option<String>,
    /// That came in with this document.
    document: Option<Uuid>,
    /// Of an export: what it is written as; `csv` when absent.
    format: Option<Format>,
    limit: Option<u32>,
    page_token: Option<String>,
}

async fn list(
    tenant: Tenant<ReadInventory>,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page<ExceptionView>>, Problem> {
    let scope = tenant.scope;
    export::refuse(query.format)?;
    let page = page::request("exceptions", query.limit, query.page_token.as_deref())?;
    let filter = query.filter(&scope).await?;
    let exceptions = exceptions::list(&scope, &filter, &page).await?;
    Ok(page::respond("exceptions", exceptions, ExceptionView::from))
}

async fn export(
    tenant: Tenant<ExportInventory>,
    State(state): State<ApiState>,
    Params(query): Params<ListQuery>,
) -> Result<Exported, Problem> {
    let scope = tenant.scope;
    page::refuse(query.limit, query.page_token.as_deref())?;
    let format = query.format;
    let filter = query.filter(&scope).await?;
    let place = state.exports.place(scope.company())?;
    let all = exceptions::export(&scope, &filter).await?;
    export::respond("exceptions", format, place, all, ExceptionView::from).await
}

impl ListQuery {
    async fn filter(self, scope: &TenantScope) -> Result<ExceptionFilter, Problem> {
        let state = self.state.as_deref().map(|name| {
            ExceptionState::parse(name).ok_or_else(|| {
                let states = "one of requested, active, rejected, withdrawn, expired";
                Problem::field("state", states)
            })
        });
        Ok(ExceptionFilter {
            state: state.transpose()?,
            name: self.name,
            cve: self.cve.as_deref().map(as_published),
            product: self.product,
            label: labels::named(scope, self.label.as_deref()).await?,
            document: self.document,
        })
    }
}

fn id(text: &str) -> Result<Uuid, Problem> {
    parse_id(text, "exception")
}

async fn get(
    tenant: Tenant<ReadInventory>,
    Path(exception): Path<String>,
) -> Result<Json<ExceptionView>, Problem> {
    let exception = exceptions::get(&tenant.scope, id(&exception)?).await?;
    exception.map(|exception| Json(exception.into())).ok_or(Problem::NotFound("exception"))
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::AboutNothing => Self::field("about", error.to_string()),
            CreateError::NoSuch(what) => Self::field(what, error.to_string()),
            CreateError::TooMany
            | CreateError::TooManyDocuments
            | CreateError::TooMuchSaid
            | CreateError::NameTaken => Self::Conflict(error.to_string()),
            CreateError::Store(error) => error.into(),
        }
    }
}

impl From<ReplaceError> for Problem {
    fn from(error: ReplaceError) -> Self {
        match error {
            ReplaceError::Changed => Self::Stale,
            ReplaceError::Ended(_) => Self::Conflict(error.to_string()),
            ReplaceError::Create(error) => error.into(),
        }
    }
}

/// An exception and what its change came to.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ExceptionChanged")]
struct ChangedView {
    #[serde(flatten)]
    exception: ExceptionView,
    /// Findings that are left out from now on, for all hosts.
    suppressed: u64,
    /// Findings that are open again.
    reopened: u64,
}

/// Answers with an exception that changed, and has what is left looked at.
async fn changed(
    state: &ApiState,
    scope: &TenantScope,
    (exception, settled): (Exception, Settled),
) -> Result<ChangedView, Problem> {
    keep_rules::look_again(&state.store, scope.company(), state.clock.now()).await?;
    Ok(ChangedView {
        exception: exception.into(),
        suppressed: settled.suppressed,
        reopened: settled.reopened,
    })
}

async fn create(
    tenant: Tenant<TriageFindings>,
    State(state): State<ApiState>,
    Body(body): Body<ExceptionBody>,
) -> Result<Created<ChangedView>, Problem> {
    let scope = tenant.scope;
    let now = state.clock.now();
    let about = body.rule.about()?;
    let claim = body.claim()?;
    let new = NewException {
        id: v7(now),
        name: body.name()?,
        about: &about,
        hosts: body.rule.hosts()?,
        claim: &claim,
        expires_at: body.expires_at(now)?,
        origin: None,
    };
    let made = exceptions::create(&scope, &new, now).await?;
    Ok(Created(changed(&state, &scope, made).await?))
}

async fn replace(
    tenant: Tenant<TriageFindings>,
    State(state): State<ApiState>,
    Path(exception): Path<String>,
    IfMatch(seen): IfMatch,
    Body(body): Body<ExceptionBody>,
) -> Result<Created<ChangedView>, Problem> {
    let (scope, now) = (tenant.scope, state.clock.now());
    let about = body.rule.about()?;
    let claim = body.claim()?;
    let new = NewException {
        id: v7(now),
        name: body.name()?,
        about: &about,
        hosts: body.rule.hosts()?,
        claim: &claim,
        expires_at: body.expires_at(now)?,
        origin: None,
    };
    let made = exceptions::replace(&scope, id(&exception)?, seen, &new, now).await?;
    let made = made.ok_or(Problem::NotFound("exception"))?;
    Ok(Created(changed(&state, &scope, made).await?))
}

async fn preview(
    tenant: Tenant<TriageFindings>,
    Body(rule): Body<RuleBody>,
) -> Result<Json<ImpactView>, Problem> {
    let impact = exceptions::preview(&tenant.scope, &rule.about()?, &rule.hosts()?).await?;
    Ok(Json(impact.into()))
}

async fn approve(
    tenant: Tenant<ApproveExceptions>,
    State(state): State<ApiState>,
    Path(exception): Path<String>,
) -> Result<Json<ChangedView>, Problem> {
    decide(&tenant.scope, &state, &exception, Decision::Approve).await
}

async fn reject(
    tenant: Tenant<ApproveExceptions>,
    State(state): State<ApiState>,
    Path(exception): Path<String>,
) -> Result<Json<ChangedView>, Problem> {
    decide(&tenant.scope, &state, &exception, Decision::Reject).await
}

async fn decide(
    scope: &TenantScope,
    state: &ApiState,
    exception: &str,
    decision: Decision,
) -> Result<Json<ChangedView>, Problem> {
    let decided = exceptions::decide(scope, id(exception)?, decision, state.clock.now()).await;
    let decided = decided.map_err(|error| match error {
        DecideError::OwnRequest | DecideError::Decided(_) => Problem::Conflict(error.to_string()),
        DecideError::Store(error) => error.into(),
    })?;
    let decided = decided.ok_or(Problem::NotFound("exception"))?;
    Ok(Json(changed(state, scope, decided).await?))
}

async fn withdraw(
    tenant: Tenant<TriageFindings>,
    State(state): State<ApiState>,
    Path(exception): Path<String>,
) -> Result<Json<ChangedView>, Problem> {
    let (scope, now) = (tenant.scope, state.clock.now());
    let ended = exceptions::withdraw(&scope, id(&exception)?, now).await?;
    let ended = ended.ok_or(Problem::NotFound("exception"))?;
    Ok(Json(changed(&state, &scope, ended).await?))
}

/// How exceptions come to be in force.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ExceptionSettings")]
#[serde(deny_unknown_fields)]
struct SettingsView {
    /// Whether another person than who asks has to agree.
    approval_needed: bool,
}

async fn settings(tenant: Tenant<ReadInventory>) -> Result<Json<SettingsView>, Problem> {
    let approval_needed = exceptions::approval(&tenant.scope).await?;
    Ok(Json(SettingsView { approval_needed }))
}

async fn set(
    tenant: Tenant<WriteSettings>,
    State(state): State<ApiState>,
    Body(settings): Body<SettingsView>,
) -> Result<Json<SettingsView>, Problem> {
    let now = state.clock.now();
    exceptions::set_approval(&tenant.scope, settings.approval_needed, now).await?;
    Ok(Json(settings))
}
