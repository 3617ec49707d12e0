//! Webhooks: messages about a company's events to addresses that it names.
//!
//! The store says what is to be told and keeps what became of it (decision 41). Here is what decides how:
//! which address may be reached, what a message says and who signs it, which goes next and when one is
//! tried again. It must never reach an address that the operator did not let in, follow a redirect, or
//! send anything but such messages.

mod backoff;
mod client;
mod courier;
mod message;
mod office;
mod order;
mod places;
mod reach;
mod seal;
mod signature;

pub use self::client::ClientError;
pub(crate) use self::client::{judging, plain};
pub(crate) use self::office::Office;
pub use self::reach::Reach;
pub(crate) use self::reach::Unreachable;
pub use self::seal::Sealer;

#[cfg(test)]
mod tests;
