//! Operators: who works in all companies.

use axum::Json;
use axum::extract::State;
use store::tenant::Role;
use store::users::{self, PEOPLE_MAX};
use uuid::Uuid;

use super::invitations::{InvitationView, NewOperatorInvitation, invite};
use super::users::{UserView, may_give};
use crate::http::answer::{Created, NoContent};
use crate::http::document::Routes;
use crate::http::extract::{Authenticated, Body, Operator, Path, parse_id};
use crate::http::may::ManageOperators;
use crate::http::page::{self, Whole};
use crate::http::problem::Problem;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Operators", "Who runs the collector for all companies.")
        .list("/operator/users", "list_operators", "The operators, by address", list)
        .delete(
            "/operator/users/{user}",
            "remove_operator",
            "Refuse an operator from now on",
            remove,
        )
        .post(
            "/operator/invitations",
            "invite_operator",
            "Invite somebody to be an operator; the link is shown once",
            create_invitation,
        )
}

async fn list(operator: Operator<ManageOperators>) -> Result<Json<Whole<UserView>>, Problem> {
    let operators = users::list_operators(&operator.scope).await?;
    Ok(page::whole_within(operators, PEOPLE_MAX, UserView::from))
}

async fn remove(
    operator: Operator<ManageOperators>,
    State(state): State<ApiState>,
    Path(user): Path<String>,
) -> Result<NoContent, Problem> {
    let id = parse_id::<Uuid>(&user, "operator")?;
    // The last one may go as well: whoever has the collector's machine makes another.
    let is_done = users::remove_operator(&operator.scope, id, state.clock.now()).await?;
    NoContent::where_done(is_done, "operator")
}

async fn create_invitation(
    operator: Operator<ManageOperators>,
    who: Authenticated,
    State(state): State<ApiState>,
    Body(new): Body<NewOperatorInvitation>,
) -> Result<Created<InvitationView>, Problem> {
    may_give(&who, Role::Operator)?;
    let now = state.clock.now();
    let invitation = invite(&new.email, now)?;
    let row =
        store::invitations::create_operator(&operator.scope, &invitation.to_store(), now).await?;
    Ok(Created(InvitationView::shown_once(row, &invitation)))
}
