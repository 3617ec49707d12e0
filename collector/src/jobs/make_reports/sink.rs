//! Where a report is written to: parts of one size, each stored as soon as it is full.

use store::report_files::{self, FILE_BYTES_MAX, Making, PART_BYTES, Put};
use store::tenant::TenantScope;

use super::MakeError;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Sink<'a> {
    scope: &'a TenantScope,
    making: &'a Making,
    waiting: Vec<u8>,
    parts: u32,
    bytes: u64,
}

impl<'a> Sink<'a> {
    pub(super) const fn new(scope: &'a TenantScope, making: &'a Making) -> Self {
        Self { scope, making, waiting: Vec::new(), parts: 0, bytes: 0 }
    }

    /// Takes what comes next. Call [`Sink::settle`] every so often.
    pub(super) const fn out(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Stores the parts that are full.
    ///
    /// # Errors
    ///
    /// When the file is too large, or not this attempt's any more.
    pub(super) async fn settle(&mut self) -> Result<(), MakeError> {
        while self.waiting.len() >= PART_BYTES {
            let rest = self.waiting.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.waiting, rest);
            self.store(&part).await?;
        }
        Ok(())
    }

    /// Stores what is left, and gives the length of the whole.
    ///
    /// # Errors
    ///
    /// As [`Sink::settle`].
    pub(super) async fn end(mut self) -> Result<u64, MakeError> {
        self.settle().await?;
        if !self.waiting.is_empty() {
            let part = std::mem::take(&mut self.waiting);
            self.store(&part).await?;
        }
        Ok(self.bytes)
    }

    async fn store(&mut self, part: &[u8]) -> Result<(), MakeError> {
        self.bytes += u64::try_from(part.len()).unwrap_or(u64::MAX);
        if self.bytes > FILE_BYTES_MAX {
            return Err(MakeError::TooLarge);
        }
        match report_files::put_part(self.scope, self.making, self.parts, part).await? {
            Put::Done => {}
            Put::NotOurs => return Err(MakeError::NotOurs),
            Put::NoRoom => return Err(MakeError::NoRoom),
        }
        self.parts += 1;
        Ok(())
    }
}
