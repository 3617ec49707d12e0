//! What the company's agents are told.

use axum::extract::State;
use protocol::limits;
use protocol::message::Settings;
use protocol::software::Source;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use store::companies::{self, Company};

use crate::http::answer::Versioned;
use crate::http::document::Routes;
use crate::http::extract::{Body, IfMatch, Tenant};
use crate::http::may::{ReadInventory, WriteSettings};
use crate::http::problem::Problem;
use crate::http::schema::SourceName;
use crate::http::state::ApiState;

pub(super) fn routes() -> Routes {
    Routes::of("Settings", "What the company's agents are told.")
        .get("/settings", "get_settings", "The company's settings", get)
        .put("/settings", "put_settings", "Set the company's settings", put)
}

/// The company's settings.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Settings")]
#[serde(deny_unknown_fields)]
struct SettingsView {
    /// Time between two heartbeats, in seconds.
    heartbeat_every_s: u32,
    /// Time between two scans, in seconds.
    scan_every_s: u32,
    /// Sources that agents leave out.
    #[schemars(with = "Vec<SourceName>")]
    sources_off: Vec<Source>,
    /// Whether agents visit (true), or hold their connection (false); null leaves it to the collector.
    #[schemars(schema_with = "choice_or_null")]
    visits: Option<bool>,
}

/// Always there, and null where nobody has chosen.
fn choice_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["boolean", "null"] })
}

impl From<Company> for SettingsView {
    fn from(company: Company) -> Self {
        let settings = company.settings;
        Self {
            heartbeat_every_s: settings.heartbeat_every_s,
            scan_every_s: settings.scan_every_s,
            sources_off: settings.sources_off,
            visits: company.visits,
        }
    }
}

impl SettingsView {
    fn check(&self) -> Result<(), Problem> {
        // Refused here, where the store would bring it into the limits: a person sees what they set.
        for (field, value, range) in [
            ("heartbeat_every_s", self.heartbeat_every_s, limits::HEARTBEAT_EVERY_S),
            ("scan_every_s", self.scan_every_s, limits::SCAN_EVERY_S),
        ] {
            if !range.contains(&value) {
                let detail = format!("{} to {} seconds", range.start(), range.end());
                return Err(Problem::field(field, detail));
            }
        }
        if self.sources_off.len() > Source::ALL.len() {
            return Err(Problem::field("sources_off", "each source once"));
        }
        Ok(())
    }
}

async fn get(tenant: Tenant<ReadInventory>) -> Result<Versioned<SettingsView>, Problem> {
    Ok(versioned(companies::own(&tenant.scope).await?))
}

async fn put(
    tenant: Tenant<WriteSettings>,
    State(state): State<ApiState>,
    IfMatch(version): IfMatch,
    Body(new): Body<SettingsView>,
) -> Result<Versioned<SettingsView>, Problem> {
    new.check()?;
    let settings = Settings {
        heartbeat_every_s: new.heartbeat_every_s,
        scan_every_s: new.scan_every_s,
        sources_off: new.sources_off,
        ..Settings::default()
    };
    let now = state.clock.now();
    let edited =
        companies::edit_settings(&tenant.scope, &settings, new.visits, version, now).await?;
    edited.map(versioned).ok_or(Problem::Stale)
}

fn versioned(company: Company) -> Versioned<SettingsView> {
    Versioned(company.settings.revision, company.into())
}
