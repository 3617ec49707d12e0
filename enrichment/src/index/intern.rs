//! Numbers for things that occur again and again, given out while records come in.
//!
//! The numbers depend on the order of arrival; `assemble` replaces them by places in sorted order,
//! so that the same records make the same file.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::index::IndexError;
use crate::index::format::NOT_APPLICABLE;

/// Texts, each kept once.
#[derive(Debug, Default)]
pub(super) struct Strings {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

impl Strings {
    pub(super) fn number(&mut self, text: &str) -> Result<u32, IndexError> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let number = next(self.texts.len(), "texts")?;
        // Shared by the map and the list: one copy of a text, of which there are hundreds of
        // thousands.
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        Ok(number)
    }

    pub(super) fn texts(&self) -> &[Arc<str>] {
        &self.texts
    }
}

/// Plain values, each kept once.
#[derive(Debug)]
pub(super) struct Values<T> {
    numbers: HashMap<T, u32>,
    values: Vec<T>,
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), values: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Values<T> {
    pub(super) fn number(&mut self, value: T, what: &'static str) -> Result<u32, IndexError> {
        if let Some(number) = self.numbers.get(&value) {
            return Ok(*number);
        }
        let number = next(self.values.len(), what)?;
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        Ok(number)
    }

    pub(super) fn values(&self) -> &[T] {
        &self.values
    }
}

/// The next number; the two greatest mean something else.
fn next(count: usize, what: &'static str) -> Result<u32, IndexError> {
    u32::try_from(count)
        .ok()
        .filter(|number| *number < NOT_APPLICABLE)
        .ok_or(IndexError::TooLarge(what))
}
