//! The API of a node: its listener, and its certificate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;

use super::Base;
use super::node::ThisNode;
use crate::http::{self, WebCertificate};
use crate::metrics::{CERTIFICATE_EXPIRES, LABEL_CERTIFICATE};
use crate::webhooks::Reach;

/// How often the files of the certificate are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// An API that answers.
#[derive(Debug)]
pub(super) struct Api {
    /// Where.
    pub(super) address: SocketAddr,
    /// How often who may ask.
    pub(super) gate: http::Gate,
    /// What it is reached with, if it is reached under TLS.
    pub(super) certificate: Option<Arc<WebCertificate>>,
}

impl Base {
    /// Starts to answer people and their tools.
    ///
    /// # Errors
    ///
    /// When its certificate cannot be used, or nothing can listen there.
    pub(super) async fn start_api(
        &self,
        node: Arc<ThisNode>,
        (live, metrics): (http::Live, PrometheusHandle),
    ) -> anyhow::Result<Api> {
        let config = self.config.http.clone();
        let listener = tokio::net::TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("listen on {} (TCP)", config.listen))?;
        let address = listener.local_addr()?;
        let certificate = config.tls.as_ref().map(WebCertificate::open).transpose()?.map(Arc::new);
        let gate = http::Gate::new(&config);
        let state = http::ApiState {
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics,
            gate: gate.clone(),
            node,
            tasks: self.lifecycle.clone(),
            exports: http::Exports::new(self.lifecycle.clone()),
            uploads: http::Uploads::new(&self.config.http),
            live,
            reach: Reach::new(&self.config.webhooks),
            sealer: self.sealer()?,
            oidc: self.oidc()?,
            mail: self.mailer()?,
            passes: self.passes(),
            history_days: self.config.jobs.retention_days,
            tracer: self.tracer.clone(),
            deletion_wait: self.config.jobs.deletion_wait,
        };
        if let Some(certificate) = &certificate {
            self.keep_certificate(Arc::clone(certificate));
        }
        let (stopping, shown) = (self.lifecycle.soft_token(), certificate.clone());
        self.lifecycle.spawn_essential("http", async move {
            let stop = stopping.cancelled_owned();
            Ok(http::serve(listener, state, &config, shown.as_ref(), stop).await?)
        });
        Ok(Api { address, gate, certificate })
    }

    /// Says until when the certificate is valid, and takes the next one once it lies there.
    fn keep_certificate(&self, certificate: Arc<WebCertificate>) {
        let stopping = self.lifecycle.soft_token();
        self.lifecycle.spawn("http.certificate", async move {
            let mut told = String::new();
            loop {
                let ends = certificate.not_after().unix_timestamp();
                gauge!(CERTIFICATE_EXPIRES, LABEL_CERTIFICATE => "web").set(ends as f64);
                tokio::select! {
                    () = stopping.cancelled() => return,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                told = renew(&certificate, &told);
            }
        });
    }
}

/// Takes what lies there now. `told` is what was said last, and what this gives is what to hand over next time: a
/// trouble that lasts is said once.
pub(super) fn renew(certificate: &WebCertificate, told: &str) -> String {
    match certificate.renew() {
        Ok(true) => {
            tracing::info!(until = %certificate.not_after(), "the API has another certificate");
            String::new()
        }
        Ok(false) => String::new(),
        Err(error) => {
            let error = error.to_string();
            if error != told {
                tracing::error!(
                    "the API keeps its certificate, because the next one cannot be used: {error}"
                );
            }
            error
        }
    }
}
