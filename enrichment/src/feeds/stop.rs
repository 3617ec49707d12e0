//! Why the reading of a file ends before the file does.

use std::io;

use crate::feeds::SinkError;

/// Why reading stops: the file's fault, which the report tells, or the sink's, which is an error.
pub(super) enum Stop {
    Damage(io::Error),
    Sink(SinkError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Damage(error)
    }
}
