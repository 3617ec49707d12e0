//! Digests by mail: one's own, how messages fared, and how one is ended from a mail program.

mod ending;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::digests::{
    self, Digest, DigestChange, Message, MessageFilter, MessageKind, MessageState, PutError,
    Section,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::every::{self, Weekday, utc};
use crate::http::answer::{AcceptedAlone, NoContent, Versioned};
use crate::http::document::{DateTime, Routes, names_of};
use crate::http::extract::{Body, IfMatch, Params, Person, Tenant};
use crate::http::may::{ManageUsers, ReadInventory};
use crate::http::page::{self, Page};
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::http::v7;
use crate::jobs::send_mail::{self, Composer};

pub(super) fn routes() -> Routes {
    const OWN: &str = "/me/digest";
    let routes = Routes::of("Digests", "What people of the company are told by mail, and when.")
        .get(OWN, "get_own_digest", "One's own digest", get)
        .put(OWN, "put_own_digest", "Have a digest, or change it", put)
        .delete(OWN, "delete_own_digest", "Have no digest any more", delete)
        .post(
            "/me/digest/test",
            "test_own_digest",
            "Have one's digest sent now, whether anything happened or not",
            test,
        )
        .list(
            "/digests/messages",
            "list_digest_messages",
            "Messages and how they fared, newest first",
            messages,
        );
    ending::add(routes)
}

names_of! {
    /// Something that a digest may tell of.
    SectionName as "DigestSection": Section::ALL.iter().map(|one| one.as_str()).collect()
}

names_of! {
    /// What a message is.
    MessageKindName as "DigestMessageKind":
        MessageKind::ALL.iter().map(|one| one.as_str()).collect()
}

names_of! {
    /// How a message stands.
    MessageStateName as "DigestMessageState":
        MessageState::ALL.iter().map(|one| one.as_str()).collect()
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Changed => Self::Stale,
            PutError::NoTimeZone => Self::field("time_zone", error.to_string()),
            PutError::NotOurs | PutError::TooMany => Self::Conflict(error.to_string()),
            PutError::Store(error) => error.into(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OwnDigest")]
struct OwnView {
    /// Whether the operator has named a server that takes mail; without one nothing is sent.
    is_sent: bool,
    /// One's digest; absent for who wants none.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<DigestView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Digest")]
struct DigestView {
    /// On this day of the week; absent for every day.
    #[serde(skip_serializing_if = "Option::is_none")]
    weekday: Option<Weekday>,
    /// At this time of day, as `06:30`.
    at: String,
    /// Of a clock in this time zone.
    time_zone: String,
    #[schemars(with = "Vec<SectionName>")]
    sections: Vec<&'static str>,
    /// Whether it comes as well when nothing happened.
    when_quiet: bool,
    /// When it comes next.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    next_at: OffsetDateTime,
    revision: u64,
}

impl From<Digest> for DigestView {
    fn from(digest: Digest) -> Self {
        Self {
            weekday: digest.every.weekday.and_then(Weekday::of),
            at: every::time_of_day(digest.every.minute),
            time_zone: digest.every.time_zone,
            sections: digest.sections.into_iter().map(Section::as_str).collect(),
            when_quiet: digest.when_quiet,
            next_at: digest.next_at,
            revision: digest.revision,
        }
    }
}

/// What one's digest is to be.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DigestBody")]
#[serde(deny_unknown_fields)]
struct DigestBody {
    /// On this day of the week; every day when absent.
    weekday: Option<Weekday>,
    /// At this time of day, as `06:30`.
    at: String,
    /// Of a clock in this time zone, by its name in IANA's database, such as `Europe/Berlin`; `UTC` when
    /// absent.
    #[serde(default = "utc")]
    time_zone: String,
    /// What it tells of; everything when absent.
    #[schemars(with = "Option<Vec<SectionName>>")]
    sections: Option<Vec<String>>,
    /// Whether it comes as well when nothing happened.
    #[serde(default)]
    when_quiet: bool,
}

impl DigestBody {
    fn sections(&self) -> Result<Vec<Section>, Problem> {
        let Some(names) = &self.sections else {
            return Ok(Section::ALL.to_vec());
        };
        let section = |name: &String| {
            Section::parse(name).ok_or_else(|| Problem::field("sections", "nothing of this name"))
        };
        let mut sections: Vec<_> = names.iter().map(section).collect::<Result<_, _>>()?;
        sections.sort_unstable();
        sections.dedup();
        if sections.is_empty() {
            return Err(Problem::field("sections", "at least one"));
        }
        Ok(sections)
    }
}

const GONE: Problem = Problem::NotFound("digest");

async fn get(
    tenant: Tenant<ReadInventory>,
    person: Person,
    State(state): State<ApiState>,
) -> Result<Versioned<OwnView>, Problem> {
    let digest = digests::of_user(&tenant.scope, person.user).await?;
    Ok(own(&state, digest))
}

fn own(state: &ApiState, digest: Option<Digest>) -> Versioned<OwnView> {
    let revision = digest.as_ref().map_or(0, |digest| digest.revision);
    let is_sent = state.mail.is_some();
    Versioned(revision, OwnView { is_sent, digest: digest.map(DigestView::from) })
}

async fn put(
    tenant: Tenant<ReadInventory>,
    person: Person,
    State(state): State<ApiState>,
    IfMatch(seen): IfMatch,
    Body(body): Body<DigestBody>,
) -> Result<Versioned<OwnView>, Problem> {
    let now = state.clock.now();
    let every = every::read(body.weekday, &body.at, &body.time_zone)?;
    let sections = body.sections()?;
    let change = DigestChange { every: &every, sections: &sections, when_quiet: body.when_quiet };
    let whose = (person.user, v7(now));
    let digest = digests::put(&tenant.scope, whose, &change, seen, now).await?;
    Ok(own(&state, Some(digest)))
}

async fn delete(
    tenant: Tenant<ReadInventory>,
    person: Person,
    State(state): State<ApiState>,
) -> Result<NoContent, Problem> {
    let is_done = digests::delete(&tenant.scope, person.user, state.clock.now()).await?;
    NoContent::where_done(is_done, "digest")
}

async fn test(
    tenant: Tenant<ReadInventory>,
    person: Person,
    State(state): State<ApiState>,
) -> Result<AcceptedAlone, Problem> {
    let (scope, now) = (tenant.scope, state.clock.now());
    let digest = digests::of_user(&scope, person.user).await?.ok_or(GONE)?;
    let none = "no mail is sent here: the operator has named no server for it";
    let mailer = state.mail.as_ref().ok_or_else(|| Problem::Conflict(none.to_owned()))?;
    let account = store::users::by_id(&state.store, person.user).await?;
    let account = account.ok_or(Problem::Unauthenticated)?;
    let composed = Composer::new(&scope, mailer, now).compose(&digest, &account.name).await?;
    let id = v7(now);
    if !digests::test(&scope, &digest, &composed.anyway(id), now).await? {
        let detail = "some of one's messages wait already: see what became of them first";
        return Err(Problem::Conflict(detail.to_owned()));
    }
    send_mail::ask(&state.store, id, now).await?;
    Ok(AcceptedAlone)
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DigestMessage")]
struct MessageView {
    id: Uuid,
    /// Whom it is for.
    user: Uuid,
    #[schemars(with = "MessageKindName")]
    kind: &'static str,
    #[schemars(with = "MessageStateName")]
    state: &'static str,
    subject: String,
    attempts: u32,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    /// When it is tried next, while it waits.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    next_at: Option<OffsetDateTime>,
    /// When it is given up, while it waits.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    gives_up_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    attempted_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<DateTime>")]
    ended_at: Option<OffsetDateTime>,
    /// The reply code of the mail server last.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        let waits = message.state == MessageState::Pending;
        Self {
            id: message.id,
            user: message.user,
            kind: message.kind.as_str(),
            state: message.state.as_str(),
            subject: message.subject,
            attempts: message.attempts,
            created_at: message.created_at,
            next_at: waits.then_some(message.next_at),
            gives_up_at: waits.then_some(message.gives_up_at),
            attempted_at: message.attempted_at,
            ended_at: message.ended_at,
            code: message.code,
            error: message.error,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DigestMessageQuery")]
#[serde(deny_unknown_fields)]
struct MessageQuery {
    #[schemars(with = "Option<MessageStateName>")]
    state: Option<String>,
    /// For this person.
    user: Option<Uuid>,
    limit: Option<u32>,
    page_token: Option<String>,
}

async fn messages(
    tenant: Tenant<ManageUsers>,
    Params(query): Params<MessageQuery>,
) -> Result<Json<Page<MessageView>>, Problem> {
    const LIST: &str = "digest_messages";
    let state = query.state.as_deref().map(|name| {
        MessageState::parse(name)
            .ok_or_else(|| Problem::field("state", "one of pending, sent, dead"))
    });
    let filter = MessageFilter { user: query.user, state: state.transpose()? };
    let page = page::request(LIST, query.limit, query.page_token.as_deref())?;
    let found = digests::list_messages(&tenant.scope, filter, &page).await?;
    Ok(page::respond(LIST, found, MessageView::from))
}
