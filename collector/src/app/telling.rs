//! What goes out to addresses that companies name: their events to streams and webhooks, and their people to their
//! own providers of identities; and traces, to whoever the operator named.

use super::Base;
use crate::announcements::Announcements;
use crate::clock::Clock;
use crate::config::{Config, Role};
use crate::lifecycle::Lifecycle;
use crate::mail::{Mailer, Passes};
use crate::oidc::Oidc;
use crate::traces::Tracer;
use crate::webhooks::{Office, Sealer};

/// What takes traces, which are sent for as long as somebody has any.
///
/// # Errors
///
/// When the settings cannot be used. Whether anybody takes traces is no error, now or later.
pub(super) fn start_traces(
    config: &Config,
    clock: &Clock,
    lifecycle: &Lifecycle,
) -> anyhow::Result<Tracer> {
    let Some(traces) = &config.telemetry.traces else {
        return Ok(Tracer::default());
    };
    let (tracer, exporter) = Tracer::new(traces, clock.clone())?;
    let stopping = lifecycle.soft_token();
    lifecycle.spawn("traces", async move { exporter.run(&stopping).await });
    tracing::info!(endpoint = traces.endpoint, "traces are sent");
    Ok(tracer)
}

impl Base {
    /// What hears of companies' events, for all on this node that tell of them.
    pub(super) fn announcements(&self) -> Announcements {
        let announcements = Announcements::default();
        let roles = self.config.node.roles;
        if roles.has(Role::Api) || roles.has(Role::Jobs) {
            let (listening, store) = (announcements.clone(), self.store.clone());
            let stopping = self.lifecycle.soft_token();
            self.lifecycle.spawn("announcements", async move {
                listening.listen(&store, &stopping).await;
            });
        }
        announcements
    }

    /// What seals webhooks' secrets on every node.
    ///
    /// # Errors
    ///
    /// When the cipher does not take the key.
    pub(super) fn sealer(&self) -> anyhow::Result<Sealer> {
        Sealer::new(|purpose| self.authority.derive_key(purpose))
    }

    /// What makes and reads the links that end digests, on every node.
    pub(super) fn passes(&self) -> Passes {
        Passes::new(|purpose| self.authority.derive_key(purpose))
    }

    /// What sends mail, where a server for it is named.
    ///
    /// # Errors
    ///
    /// When a setting cannot be used.
    pub(super) fn mailer(&self) -> anyhow::Result<Option<Mailer>> {
        let config = self.config.mail.as_ref();
        Ok(config.map(|config| Mailer::new(config, self.passes())).transpose()?)
    }

    /// What signs people in by companies' own providers.
    ///
    /// # Errors
    ///
    /// When a setting or the key cannot be used.
    pub(super) fn oidc(&self) -> anyhow::Result<Oidc> {
        let derive = |purpose: &[u8]| self.authority.derive_key(purpose);
        Ok(Oidc::new(&self.config.oidc, self.clock.clone(), derive)?)
    }

    /// Starts what sends webhooks' messages.
    ///
    /// # Errors
    ///
    /// When a setting cannot be used.
    pub(super) fn start_webhooks(&self, announcements: &Announcements) -> anyhow::Result<()> {
        let office = Office::new(
            self.store.clone(),
            self.clock.clone(),
            self.sealer()?,
            &self.config.webhooks,
        )?;
        let (waiting, stopping) = (announcements.wait(), self.lifecycle.soft_token());
        self.lifecycle.spawn_essential("webhooks", async move {
            office.run(waiting, &stopping).await;
            Ok(())
        });
        Ok(())
    }
}
