//! Enrolment tokens: made by a company's admin, shown whole once.

mod commands;

use axum::Json;
use axum::extract::State;
use protocol::ids::TokenId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::enrolment_tokens::{self, EnrolmentToken, Labels, NewEnrolmentToken};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::answer::{Created, NoContent};
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Body, Params, Path, Tenant, parse_id};
use crate::http::may::ManageTokens;
use crate::http::page::{self, Page, PageQuery};
use crate::http::problem::Problem;
use crate::http::schema::LabelsSchema;
use crate::http::state::ApiState;
use crate::http::v1::credential::{self, has_control};
use crate::http::v7;

/// Labels of a token.
const LABELS_MAX: usize = 32;
/// Characters of a label's name and of its value.
const LABEL_CHARS_MAX: usize = 100;

pub(super) fn routes() -> Routes {
    const ONE: &str = "/enrolment-tokens/{token}";
    let routes = Routes::of("Enrolment tokens", "What lets a host become the company's.")
        .list("/enrolment-tokens", "list_enrolment_tokens", "Tokens, newest first", list)
        .post("/enrolment-tokens", "create_enrolment_token", "Make a token, shown once", create)
        .get(ONE, "get_enrolment_token", "One token, without its secret", get)
        .delete(ONE, "revoke_enrolment_token", "Refuse a token from now on", revoke);
    commands::add(routes)
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EnrolmentToken")]
struct TokenView {
    #[schemars(with = "Uuid")]
    id: TokenId,
    name: String,
    #[schemars(with = "LabelsSchema")]
    labels: Labels,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    expires_at: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uses_max: Option<u32>,
    uses: u32,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    revoked_at: Option<OffsetDateTime>,
    /// The token whole; only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-muster-secret" = true))]
    token: Option<String>,
}

impl From<EnrolmentToken> for TokenView {
    fn from(token: EnrolmentToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            labels: token.labels,
            created_at: token.created_at,
            expires_at: token.expires_at,
            uses_max: token.uses_max,
            uses: token.uses,
            revoked_at: token.revoked_at,
            token: None,
        }
    }
}

async fn list(
    tenant: Tenant<ManageTokens>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<TokenView>>, Problem> {
    let scope = tenant.scope;
    let page = query.of("enrolment_tokens")?;
    let tokens = enrolment_tokens::list(&scope, &page).await?;
    Ok(page::respond("enrolment_tokens", tokens, TokenView::from))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewEnrolmentToken")]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// What it is for.
    name: String,
    /// What its hosts are labelled with.
    #[serde(default)]
    #[schemars(with = "LabelsSchema")]
    labels: Labels,
    /// How many hosts may use it; as many as come when absent.
    uses_max: Option<u32>,
    /// How long it is valid, in seconds; for ever when absent.
    expires_after_s: Option<u32>,
}

impl NewToken {
    fn check(&self) -> Result<(), Problem> {
        let fits = |text: &str| text.chars().count() <= LABEL_CHARS_MAX && !has_control(text);
        let labels_fit = self.labels.len() <= LABELS_MAX
            && self
                .labels
                .iter()
                .all(|(name, value)| !name.trim().is_empty() && fits(name) && fits(value));
        if !labels_fit {
            let detail = format!(
                "at most {LABELS_MAX} labels, names of 1 to {LABEL_CHARS_MAX} characters, values of at most {LABEL_CHARS_MAX}, none of control"
            );
            return Err(Problem::field("labels", detail));
        }
        if self.uses_max == Some(0) {
            return Err(Problem::field("uses_max", "at least 1; leave it out for no limit"));
        }
        Ok(())
    }
}

async fn create(
    tenant: Tenant<ManageTokens>,
    State(state): State<ApiState>,
    Body(new): Body<NewToken>,
) -> Result<Created<TokenView>, Problem> {
    let scope = tenant.scope;
    let now = state.clock.now();
    let name = credential::name(&new.name)?;
    let expires_at = credential::expires_at(new.expires_after_s, now)?;
    new.check()?;
    let token = state.node.new_token(TokenId(v7(now))).map_err(Problem::Internal)?;
    let row = enrolment_tokens::create(
        &scope,
        &NewEnrolmentToken {
            id: token.id,
            secret: &token.secret,
            name,
            labels: &new.labels,
            expires_at,
            uses_max: new.uses_max,
        },
        now,
    )
    .await?;
    let view = TokenView {
        // The only time that the secret leaves: the table keeps a hash.
        token: Some(token.expose()),
        ..row.into()
    };
    Ok(Created(view))
}

async fn get(
    tenant: Tenant<ManageTokens>,
    Path(token): Path<String>,
) -> Result<Json<TokenView>, Problem> {
    let scope = tenant.scope;
    let id = parse_id::<Uuid>(&token, "enrolment token").map(TokenId)?;
    let token = enrolment_tokens::get(&scope, id).await?;
    token.map(|token| Json(token.into())).ok_or(Problem::NotFound("enrolment token"))
}

async fn revoke(
    tenant: Tenant<ManageTokens>,
    State(state): State<ApiState>,
    Path(token): Path<String>,
) -> Result<NoContent, Problem> {
    let scope = tenant.scope;
    let id = parse_id::<Uuid>(&token, "enrolment token").map(TokenId)?;
    // Revoking twice is revoking once; only a token that never was is not found.
    if enrolment_tokens::revoke(&scope, id, state.clock.now()).await?
        || enrolment_tokens::get(&scope, id).await?.is_some()
    {
        Ok(NoContent)
    } else {
        Err(Problem::NotFound("enrolment token"))
    }
}
