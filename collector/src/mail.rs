//! Mail to people: digests of what happens in their company.
//!
//! The store says what is to be sent, to whom, and keeps what became of it (decision 47). Here is how a message
//! reads, how it goes to the operator's server, and what follows of that server's answers. It must never write
//! an address, a subject or a name into a header that could begin another one, nor speak in the open to another
//! machine.

mod backoff;
mod digest;
mod letter;
mod mailer;
mod pass;

pub(crate) use self::backoff::{is_trouble, judge};
pub(crate) use self::digest::{Content, Standing, Written};
pub(crate) use self::mailer::SendError;
pub use self::mailer::{Mailer, MailerError};
pub use self::pass::Passes;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
