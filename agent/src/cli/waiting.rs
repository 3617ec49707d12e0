//! The enrolment token that an installer has left: `run` uses it up before anything else.
//!
//! An installer does not wait for a network, and a golden image has none. So it only puts the token into the
//! state folder, where nobody else can read it, and the agent enrols as soon as it can: whoever keeps the agent
//! running starts it again after a try in vain. It must never keep a token that has served or that never will.

use std::path::Path;

use protocol::token::EnrolmentToken;

use super::{Context, Failure, enrol};
use crate::enrol::EnrolError;
use crate::identity::Identity;

/// The token's file in the state folder.
pub(super) const FILE: &str = "enrolment-token";

/// Makes the host an agent if a token waits and it is none.
pub(super) fn use_up(context: &Context) -> Result<(), Failure> {
    let path = context.config.state_dir.join(FILE);
    if !path.exists() {
        return Ok(());
    }
    if Identity::load(&context.config.state_dir)?.is_some() {
        // Also after a crash between the enrolment and the removal.
        context
            .log
            .info(format_args!("a token waits and the host is an agent already: it is deleted"));
        return delete(&path);
    }
    let token = match enrol::read_file(&path)?.parse::<EnrolmentToken>() {
        Ok(token) => token,
        Err(error) => {
            // It never becomes one, and half of a secret is one.
            delete(&path)?;
            return Err(Failure(format!("{error}; {} is deleted", path.display())));
        }
    };
    match enrol::become_agent(context, &token, false)? {
        Ok(said) => {
            context.log.info(format_args!("{said}"));
            delete(&path)
        }
        Err(error) if is_final(&error) => {
            delete(&path)?;
            Err(Failure(format!("{error}; the token is deleted")))
        }
        Err(error) => Err(Failure(format!("{error}; the token waits for the next start"))),
    }
}

/// Whether the same token can never serve again.
const fn is_final(error: &EnrolError) -> bool {
    matches!(error, EnrolError::Refused { retry_after: None, .. })
}

fn delete(path: &Path) -> Result<(), Failure> {
    std::fs::remove_file(path)
        .map_err(|error| Failure(format!("delete the used token {}: {error}", path.display())))
}
