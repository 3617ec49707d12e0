//! What only Windows has: its registry, and the sources that are read from there.
//!
//! The registry is that of the running system, or the files of another tree's; both look alike to the
//! sources. Nothing is ever written, loaded or locked for it.

pub(super) mod msix;
pub(super) mod os;
pub(super) mod programs;
mod registry;
#[cfg(test)]
mod test_registry;
pub(super) mod updates;
