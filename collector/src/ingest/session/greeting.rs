//! The beginning of a session: the hello, whether the agent is welcome, and what waits for it.

use std::sync::Arc;
use std::time::Duration;

use protocol::limits::FACT_BYTES_MAX;
use protocol::message::{
    AgentMessage, Capabilities, CollectorMessage, Hello, VERSION_MAX, VERSION_MIN, Welcome,
};
use protocol::reject::RejectReason;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Parting, Session};
use crate::ingest::agents::{Admission, Standing};
use crate::ingest::frames::FrameReader;
use crate::ingest::line::Line;
use crate::ingest::registry::Registration;

/// How long a hello may take once the connection stands.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How long the database may take to say whether an agent is welcome.
const ADMIT_WITHIN: Duration = Duration::from_secs(5);

impl<W: AsyncWrite + Unpin> Session<'_, W> {
    pub(super) async fn greet<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut FrameReader<R>,
        registration: &Registration,
    ) -> Result<(), Parting> {
        let hello = tokio::select! {
            biased;
            () = self.shared.lifecycle.stopping() => return self.stop().await,
            // Nothing can be asked of an agent yet; a scan or a snapshot is asked for below.
            parting = ended(registration) => return Err(parting),
            hello = tokio::time::timeout(HELLO_WITHIN, self.hello(reader)) => {
                hello.map_err(|_| Parting::Slow)??
            }
        };
        let version = common_version(&hello)?;
        self.is_of_trusted()?;
        self.presence = hello.presence();
        self.capabilities = Capabilities::current().common(hello.capabilities);
        let standing = self.standing().await?;
        // Behind what any collector acknowledged, not behind what this one's rows have: an
        // acknowledged report may wait in another node's queue.
        self.line = Line::behind(hello.acknowledged);
        tracing::debug!(
            version,
            agent_version = hello.agent_version,
            acknowledged = %hello.acknowledged,
            "welcomed an agent"
        );
        self.is_standing_known = standing.is_some();
        let extension = standing
            .as_ref()
            .map_or_else(Vec::new, |standing| Welcome::extension_of(standing.applied));
        let is_cloned = standing.as_ref().is_some_and(|standing| standing.is_cloned);
        let rest = standing.map(|standing| {
            self.told = Arc::new(standing.told);
            (standing.applied, standing.scan_asked, standing.is_snapshot_asked)
        });
        let capabilities = self.capabilities;
        self.send(&CollectorMessage::Welcome(Welcome {
            version,
            capabilities,
            now_ms: self.shared.clock.now_ms(),
            settings: self.told.settings.clone(),
            extension,
        }))
        .await?;
        if is_cloned {
            self.ask_for_rekey().await?;
        }
        // What the agent has done already is not asked for again, whatever the database still says.
        self.scan_asked = hello.scan_done;
        if let Some((applied, scan_asked, is_snapshot_asked)) = rest {
            self.ask_for_scan(scan_asked).await?;
            // An epoch that is newer than what is stored began with the snapshot that was asked for.
            if is_snapshot_asked && hello.acknowledged.epoch <= applied.epoch {
                self.ask_for_snapshot().await?;
            }
        }
        self.greet_authorities(&hello).await?;
        self.attend(capabilities, registration).await
    }

    async fn hello<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut FrameReader<R>,
    ) -> Result<Hello, Parting> {
        let Some(frame) = reader.next().await? else {
            return Err(Parting::Closed);
        };
        let AgentMessage::Hello(hello) = self.decode(&frame)? else {
            return Err(Parting::refused(
                RejectReason::UnexpectedMessage,
                "the first message has to be a hello",
            ));
        };
        let version = &hello.agent_version;
        if version.len() > FACT_BYTES_MAX || version.chars().any(char::is_control) {
            return Err(Parting::refused(
                RejectReason::Undecodable,
                "the agent's version is too long or holds a control character",
            ));
        }
        Ok(hello)
    }

    /// How the agent stands; `None` when nobody can say: its certificate is good, and a database
    /// that is away must not keep reports away from the queue.
    async fn standing(&mut self) -> Result<Option<Standing>, Parting> {
        let asking = self.shared.agents.admit(self.peer.company, self.peer.agent);
        match tokio::time::timeout(ADMIT_WITHIN, asking).await {
            Ok(Ok(Admission::Admitted(standing))) => Ok(Some(standing)),
            Ok(Ok(Admission::Refused(reason))) => Err(Parting::refused(reason, "")),
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }
}

/// Resolves when the session loses its place, passing over everything else.
async fn ended(registration: &Registration) -> Parting {
    use crate::ingest::registry::Command;
    loop {
        match registration.next().await {
            Command::Refuse(reason) => return Parting::refused(reason, ""),
            Command::Replaced => return Parting::Replaced,
            // What the database says once the hello has come is newer.
            Command::ScanNow { .. }
            | Command::SendSnapshot
            | Command::Rekey
            | Command::Authorities
            | Command::Told(_)
            | Command::Reconsider
            | Command::Leave => {}
        }
    }
}

/// The newest version that both sides speak.
fn common_version(hello: &Hello) -> Result<u16, Parting> {
    let version = hello.version_max.min(VERSION_MAX);
    if version >= hello.version_min.max(VERSION_MIN) {
        Ok(version)
    } else {
        Err(Parting::refused(
            RejectReason::UnsupportedVersion,
            format!(
                "the agent speaks versions {} to {}, this collector {VERSION_MIN} to {VERSION_MAX}",
                hello.version_min, hello.version_max
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::Position;

    use super::*;

    fn version_of(min: u16, max: u16) -> Option<u16> {
        common_version(&Hello {
            version_min: min,
            version_max: max,
            capabilities: Capabilities::default(),
            agent_version: String::new(),
            acknowledged: Position::default(),
            scan_done: 0,
            extension: Vec::new(),
        })
        .ok()
    }

    #[test]
    fn speaks_the_newest_common_version_or_none() {
        assert_eq!(version_of(1, 1), Some(1));
        assert_eq!(version_of(0, 9), Some(1));
        assert_eq!(version_of(2, 9), None);
        assert_eq!(version_of(0, 0), None);
        assert_eq!(version_of(2, 1), None);
    }
}
