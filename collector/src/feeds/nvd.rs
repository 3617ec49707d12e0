//! NVD: its API 2.0 for what changed, and its feed files for everything.
//!
//! The client's rules are those that other mirrors have found out the hard way, each named where it
//! is kept: sizes of pages, growth while paging, answers that end early, throttling by many names.
//! What NVD takes back is kept beside what it says now, because the index falls back on it.

mod api;
mod feed_files;
mod history;
mod page;
mod paging;
mod record;
mod window;

pub(super) use self::api::{ApiLimits, NvdApi};
pub(super) use self::feed_files::NvdFeedFiles;
pub(super) use self::record::{LineWriter, one_line};
