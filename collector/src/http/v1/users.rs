//! The company's people: who they are, and what they are here.

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::tenant::Role;
use store::users::{self, Member, PEOPLE_MAX, RoleChange};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::answer::{NoContent, Versioned};
use crate::http::document::{DateTime, Routes};
use crate::http::extract::{Authenticated, Body, IfMatch, Path, Tenant, parse_id};
use crate::http::may::ManageUsers;
use crate::http::page::{self, Whole};
use crate::http::problem::Problem;
use crate::http::schema::RoleName;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Users", "Who works in the company, and as what.")
        .list("/users", "list_users", "The company's people, by address", list)
        .get("/users/{user}", "get_user", "One of the company's people", get)
        .patch("/users/{user}", "update_user", "Give somebody another role", update)
        .delete("/users/{user}", "remove_user", "Take somebody out of the company", remove)
}

/// Somebody in the company, or among the operators.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub(super) struct UserView {
    id: Uuid,
    email: String,
    name: String,
    #[schemars(with = "RoleName")]
    role: &'static str,
    #[schemars(with = "DateTime")]
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    has_second_factor: bool,
}

impl From<Member> for UserView {
    fn from(member: Member) -> Self {
        Self {
            id: member.id,
            email: member.email,
            name: member.name,
            role: member.role.as_str(),
            created_at: member.created_at,
            has_second_factor: member.has_second_factor,
        }
    }
}

/// A role out of a request. A company makes no operators.
///
/// # Errors
///
/// When it is none of a company's.
pub(super) fn company_role(name: &str) -> Result<Role, Problem> {
    Role::parse(name)
        .filter(|role| *role < Role::Operator)
        .ok_or_else(|| Problem::field("role", "one of viewer, analyst, admin"))
}

/// That whoever asks may give a role: a key with scopes makes nobody who may do more.
///
/// # Errors
///
/// When a permission of the role is not among them.
pub(super) fn may_give(who: &Authenticated, role: Role) -> Result<(), Problem> {
    who.principal.lacks_of(role).map_or(Ok(()), |lacking| Err(Problem::Forbidden(lacking)))
}

async fn list(tenant: Tenant<ManageUsers>) -> Result<Json<Whole<UserView>>, Problem> {
    let members = users::list_members(&tenant.scope).await?;
    Ok(page::whole_within(members, PEOPLE_MAX, UserView::from))
}

async fn get(
    tenant: Tenant<ManageUsers>,
    Path(user): Path<String>,
) -> Result<Versioned<UserView>, Problem> {
    let id = parse_id::<Uuid>(&user, "user")?;
    let member = users::find_member(&tenant.scope, id).await?;
    member.map(versioned).ok_or(Problem::NotFound("user"))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "UserUpdate")]
#[serde(deny_unknown_fields)]
struct Update {
    #[schemars(with = "RoleName")]
    role: String,
}

async fn update(
    tenant: Tenant<ManageUsers>,
    who: Authenticated,
    State(state): State<ApiState>,
    Path(user): Path<String>,
    IfMatch(version): IfMatch,
    Body(update): Body<Update>,
) -> Result<Versioned<UserView>, Problem> {
    let id = parse_id::<Uuid>(&user, "user")?;
    let role = company_role(&update.role)?;
    may_give(&who, role)?;
    let now = state.clock.now();
    let change = users::set_role(&tenant.scope, id, role, version, now).await?;
    done(change).map(versioned)
}

async fn remove(
    tenant: Tenant<ManageUsers>,
    State(state): State<ApiState>,
    Path(user): Path<String>,
) -> Result<NoContent, Problem> {
    let id = parse_id::<Uuid>(&user, "user")?;
    let change = users::remove_member(&tenant.scope, id, state.clock.now()).await?;
    done(change).map(|_| NoContent)
}

fn versioned(member: Member) -> Versioned<UserView> {
    Versioned(member.revision, member.into())
}

fn done(change: RoleChange) -> Result<Member, Problem> {
    match change {
        RoleChange::Done(member) => Ok(member),
        RoleChange::Stale => Err(Problem::Stale),
        RoleChange::Unknown => Err(Problem::NotFound("user")),
        RoleChange::LastAdmin => Err(Problem::Conflict(
            "the company would have no admin left: make somebody else one first".to_owned(),
        )),
    }
}
