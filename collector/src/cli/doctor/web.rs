//! The certificate that the API is reached with: can it be used, and for how long?

use time::OffsetDateTime;

use super::finding::Finding;
use crate::config::{Config, Role};
use crate::http::WebCertificate;

/// How long before its end somebody should know. What is renewed by itself is renewed a month before.
const SOON: time::Duration = time::Duration::days(14);

/// Looks at the certificate of a node that answers people.
pub(super) fn certificate(config: &Config, now: OffsetDateTime) -> Option<Finding> {
    let files = config.http.tls.as_ref().filter(|_| config.node.roles.has(Role::Api))?;
    let place = files.certificate.display();
    let left = match WebCertificate::open(files) {
        Ok(certificate) => certificate.not_after() - now,
        Err(error) => {
            return Some(
                Finding::problem("web", place, error.to_string())
                    .todo("put a certificate and its key there; until then `serve` does not start"),
            );
        }
    };
    let days = left.whole_days();
    let renew = "renew it; the collector takes the new one within a minute";
    Some(if left.is_negative() {
        Finding::problem("web", place, "its certificate has ended: browsers refuse it").todo(renew)
    } else if left < SOON {
        Finding::remark("web", place, format!("its certificate ends in {days} days")).todo(renew)
    } else {
        Finding::good("web", place, format!("its certificate is good for {days} days"))
    })
}
