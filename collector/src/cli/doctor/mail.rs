//! The server that takes mail: can it be reached, and does it let us in?

use super::finding::Finding;
use crate::config::{Config, Role};
use crate::mail::{Mailer, Passes};

/// Looks at the server of a node that sends mail.
pub(super) async fn server(config: &Config) -> Option<Finding> {
    let mail = config.mail.as_ref().filter(|_| config.node.roles.has(Role::Jobs))?;
    let place = format!("{}:{}", mail.host, mail.port);
    // Nothing is sent, so no link is made.
    let mailer = match Mailer::new(mail, Passes::new(|_| [0; 32])) {
        Ok(mailer) => mailer,
        Err(error) => {
            return Some(
                Finding::problem("mail", place, error.to_string())
                    .todo("mend the setting; `muster-collector config default` explains every one"),
            );
        }
    };
    Some(match mailer.probe().await {
        Ok(()) => Finding::good("mail", place, "takes mail from us"),
        Err(error) => Finding::problem("mail", place, error.to_string()).todo(
            "see that mail.host, mail.port, mail.tls and the account are right; until then digests wait, \
             for a day at most",
        ),
    })
}
