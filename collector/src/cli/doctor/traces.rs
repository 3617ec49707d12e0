//! Whether whoever was named takes traces.

use super::finding::Finding;
use crate::config::Config;
use crate::traces::{ExportError, probe};

/// Asks by a request with no spans; nothing where traces go nowhere.
pub(super) async fn look(config: &Config) -> Option<Finding> {
    let traces = config.telemetry.traces.as_ref()?;
    let place = &traces.endpoint;
    Some(match probe(traces).await {
        Ok(()) => {
            let what = format!("traces are taken, {} of a million", traces.per_million);
            Finding::good("traces", place, what)
        }
        Err(error @ ExportError::Settings(_)) => {
            Finding::problem("traces", place, error.to_string()).todo("mend the setting")
        }
        // Nothing but traces is lost.
        Err(error) => Finding::remark("traces", place, error.to_string())
            .todo("look there, or at telemetry.traces_endpoint and telemetry.traces_headers_file"),
    })
}
