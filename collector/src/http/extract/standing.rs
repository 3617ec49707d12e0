//! What somebody showed to be let in, for whoever has to ask again whether they still are.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use protocol::ids::CompanyId;
use store::audit::Origin;
use store::permission::Permission;

use super::{ApiState, Asks, Credential, Problem};

/// What was shown with a request.
pub(crate) struct Presented(Credential);

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Presented(…)")
    }
}

impl Presented {
    /// Whether its holder is still let in, and may do something in a company.
    ///
    /// # Errors
    ///
    /// When the database cannot be used.
    pub(crate) async fn may(
        &self,
        state: &ApiState,
        permission: Permission,
        company: CompanyId,
    ) -> Result<bool, Problem> {
        let holder = match self.0.holder(state).await {
            Ok(holder) => holder,
            Err(Problem::Unauthenticated) => return Ok(false),
            Err(problem) => return Err(problem),
        };
        let origin = Origin::of_request(holder.actor().clone(), None, String::new());
        let scope = holder.scope(company, &origin).await?;
        Ok(scope.is_some() && holder.may(permission, company))
    }
}

impl FromRequestParts<ApiState> for Presented {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        Credential::of(parts).map(Self)
    }
}

/// Whoever else is extracted says what it takes.
impl Asks for Presented {}
