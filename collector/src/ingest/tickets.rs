//! Tickets for resumed handshakes (RFC 8446, section 4.6.1): an agent that was here lately proves who it is
//! without signatures.
//!
//! A ticket holds the session's secret and the agent's certificate, sealed by a key that every node with
//! this authority has and that changes every day; so it is good on any node and after a restart, when a
//! whole fleet comes back, and worth nothing under another authority. It says who, never whether: that
//! the agent is not revoked and its certificate has not ended is asked again for every session.

use std::fmt;
use std::sync::Arc;

use metrics::counter;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::server::ProducesTickets;

use crate::authority::Authority;
use crate::clock::Clock;
use crate::metrics::INGEST_RESUMED;

/// How long one key seals tickets, and then still opens them.
// An agent that visits once a day finds its ticket good. Not longer: a key is used for as few tickets as
// may be, and RFC 8446 allows seven days at most.
const PERIOD_S: u64 = 86_400;
/// Bytes of the number of the key's period, before the nonce.
const PERIOD_BYTES: usize = 8;

/// Seals and opens tickets.
pub(super) struct Tickets {
    authority: Arc<Authority>,
    clock: Clock,
    random: SystemRandom,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    pub(super) fn new(authority: Arc<Authority>, clock: Clock) -> Self {
        Self { authority, clock, random: SystemRandom::new() }
    }

    fn period(&self) -> u64 {
        self.clock.now_ms() / 1_000 / PERIOD_S
    }

    /// The key of a period. Derived for each ticket: an HMAC beside a handshake is nothing, and a key
    /// that is not kept needs no lock and no rotation.
    fn key(&self, period: u64) -> Option<LessSafeKey> {
        let mut purpose = b"tls ticket ".to_vec();
        purpose.extend_from_slice(&period.to_be_bytes());
        let key = self.authority.derive_key(&purpose);
        UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new)
    }

    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let period = self.period();
        // Random, because nodes share the key and know nothing of each other: 2^32 tickets a day are
        // allowed with that (NIST SP 800-38D, section 8.3), fifty thousand a second.
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut ticket = Vec::with_capacity(PERIOD_BYTES + NONCE_LEN + plain.len() + 16);
        ticket.extend_from_slice(&period.to_be_bytes());
        ticket.extend_from_slice(&nonce);
        let mut sealed = plain.to_vec();
        self.key(period)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                // The period's number stands outside of what is sealed, so it is bound to it here.
                Aad::from(period.to_be_bytes()),
                &mut sealed,
            )
            .ok()?;
        ticket.extend_from_slice(&sealed);
        Some(ticket)
    }

    fn unseal(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (period, rest) = ticket.split_first_chunk::<PERIOD_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let number = u64::from_be_bytes(*period);
        let now = self.period();
        // This period's and the last one's, and none of the future's, which a clock that was set back
        // would keep good for as long as it likes.
        if number > now || now - number > 1 {
            return None;
        }
        let mut sealed = sealed.to_vec();
        let plain = self
            .key(number)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(*period), &mut sealed)
            .ok()?
            .len();
        sealed.truncate(plain);
        Some(sealed)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        // As long as every ticket is good, whenever in its period it was made.
        u32::try_from(PERIOD_S).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let plain = self.unseal(ticket)?;
        counter!(INGEST_RESUMED).increment(1);
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::OffsetDateTime;

    use super::*;
    use crate::authority::Home;
    use crate::clock::ManualClock;

    const DAY: Duration = Duration::from_secs(86_400);

    fn authority(dir: &tempfile::TempDir) -> Arc<Authority> {
        let random = SystemRandom::new();
        let now = OffsetDateTime::UNIX_EPOCH + 20_000 * DAY;
        Arc::new(
            Authority::open_or_create(&Home::of(dir.path()), "muster.internal", &random, now)
                .unwrap(),
        )
    }

    fn tickets(authority: &Arc<Authority>) -> (Tickets, ManualClock) {
        let (clock, hand) = Clock::manual(OffsetDateTime::UNIX_EPOCH + 20_000 * DAY);
        (Tickets::new(Arc::clone(authority), clock), hand)
    }

    #[test]
    fn a_ticket_is_good_on_every_node_of_the_authority_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (one, _) = tickets(&authority(&dir));
        let (other, _) = tickets(&authority(&dir));
        let ticket = one.encrypt(b"who").unwrap();
        assert_eq!(other.decrypt(&ticket).as_deref(), Some(&b"who"[..]));
    }

    #[test]
    fn a_ticket_dies_with_its_authority() {
        let dirs = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, _) = tickets(&authority(&dirs.0));
        let (other, _) = tickets(&authority(&dirs.1));
        assert_eq!(other.decrypt(&one.encrypt(b"who").unwrap()), None);
    }

    #[test]
    fn a_ticket_lives_for_a_day_and_never_for_two() {
        let dir = tempfile::tempdir().unwrap();
        let (tickets, hand) = tickets(&authority(&dir));
        hand.advance(DAY - Duration::from_secs(1));
        let late = tickets.encrypt(b"who").unwrap();
        hand.advance(Duration::from_secs(tickets.lifetime().into()));
        assert!(tickets.decrypt(&late).is_some());
        hand.advance(DAY);
        assert!(tickets.decrypt(&late).is_none());
    }

    #[test]
    fn a_clock_that_was_set_back_opens_nothing_of_its_future() {
        let dir = tempfile::tempdir().unwrap();
        let authority = authority(&dir);
        let (ahead, hand) = tickets(&authority);
        hand.advance(DAY);
        let (behind, _) = tickets(&authority);
        assert_eq!(behind.decrypt(&ahead.encrypt(b"who").unwrap()), None);
    }

    #[test]
    fn a_ticket_that_was_changed_anywhere_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let (tickets, _) = tickets(&authority(&dir));
        let ticket = tickets.encrypt(b"who").unwrap();
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(tickets.decrypt(&changed), None, "byte {at}");
        }
        // Also the lengths between the parts: the number, the nonce and the tag.
        for length in 0..ticket.len() {
            assert_eq!(tickets.decrypt(&ticket[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn no_two_tickets_are_the_same_and_none_shows_what_is_inside() {
        let dir = tempfile::tempdir().unwrap();
        let (tickets, _) = tickets(&authority(&dir));
        let ticket = tickets.encrypt(b"a long enough secret").unwrap();
        assert_ne!(ticket, tickets.encrypt(b"a long enough secret").unwrap());
        assert!(!ticket.windows(6).any(|window| window == b"secret"));
    }
}
