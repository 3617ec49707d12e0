//! What the writer is asked to do, taken in groups.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::{AppendError, Entry};

/// Appends in one group.
const GROUP_ENTRIES_MAX: usize = 4_096;
/// Payload bytes after which a group takes no more appends.
pub(super) const GROUP_BYTES_MAX: usize = 8 << 20;

/// How long to wait for appends that are about to come, and how often: together far less than a
/// sync takes.
// Linux adds up to 50 µs of timer slack to so short a sleep, so four moments are a quarter of a
// millisecond at most; the fdatasync of a disk without a battery takes one to ten.
const MOMENT: Duration = Duration::from_micros(20);
const MOMENTS_MAX: u32 = 4;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Command {
    /// Append an entry.
    Append {
        /// The entry.
        entry: Entry,
        /// Whom to tell.
        answer: Answer,
    },
    /// Delete segments that nobody needs, and note which entries are complete.
    Tidy,
    /// End.
    Close,
}

pub(super) type Answer = oneshot::Sender<Result<(), AppendError>>;

/// Takes what waits, up to a group's size, and says whether tidying was asked for.
///
/// Whoever was answered with the group before is often about to append again. Taking the first of
/// them alone would make every second sync one for a single entry, so when fewer wait than before
/// they get a moment.
pub(super) fn take(
    first: Command,
    expected: usize,
    commands: &mut mpsc::Receiver<Command>,
    waiting: &mut Vec<(Entry, Answer)>,
) -> bool {
    let mut is_tidying_due = false;
    let mut bytes = 0;
    let mut moments = 0;
    let mut next = Some(first);
    loop {
        match next {
            Some(Command::Append { entry, answer }) => {
                bytes += entry.frame.payload.len();
                waiting.push((entry, answer));
            }
            Some(Command::Tidy) => is_tidying_due = true,
            // What was sent before is still in the channel, and is served before the end.
            Some(Command::Close) => commands.close(),
            None if waiting.len() < expected && moments < MOMENTS_MAX => {
                moments += 1;
                // The writer has its own thread, so it may. A wait on the channel would wake for
                // the first that comes.
                std::thread::sleep(MOMENT);
            }
            None => return is_tidying_due,
        }
        // Looked at after each: the last one may reach over the bound by one frame. What is left in
        // the channel begins the next group.
        if waiting.len() >= GROUP_ENTRIES_MAX || bytes >= GROUP_BYTES_MAX {
            return is_tidying_due;
        }
        next = commands.try_recv().ok();
    }
}
