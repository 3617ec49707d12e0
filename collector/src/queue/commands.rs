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

#[cfg(test)]
mod tests {
    use protocol::limits::FRAME_WIRE_BYTES_MAX;

    use super::*;
    use crate::queue::tests::entry;

    fn append(seq: u32, payload_bytes: usize) -> Command {
        Command::Append { entry: entry(seq, payload_bytes), answer: oneshot::channel().0 }
    }

    /// What is taken as one group of what was sent: the seqs, and whether tidying was asked for.
    fn group(commands: &mut mpsc::Receiver<Command>) -> (Vec<u32>, bool) {
        let mut waiting = Vec::new();
        let first = commands.try_recv().unwrap();
        let is_tidying_due = take(first, 0, commands, &mut waiting);
        let seqs = waiting.iter().map(|(entry, _)| entry.position.seq.0);
        (seqs.collect(), is_tidying_due)
    }

    /// A channel with these commands in it.
    fn sent(commands: impl IntoIterator<Item = Command>) -> mpsc::Receiver<Command> {
        let (sender, receiver) = mpsc::channel(10_000);
        for command in commands {
            sender.try_send(command).unwrap();
        }
        receiver
    }

    #[test]
    fn what_waits_is_one_group_up_to_its_number_and_the_rest_is_the_next_one() {
        let most = u32::try_from(GROUP_ENTRIES_MAX).unwrap();
        let mut commands = sent((1..=most + 5).map(|seq| append(seq, 1)));
        assert_eq!(group(&mut commands).0, (1..=most).collect::<Vec<_>>());
        assert_eq!(group(&mut commands).0, (most + 1..=most + 5).collect::<Vec<_>>());
    }

    #[test]
    fn a_group_ends_with_the_entry_that_reaches_its_bytes() {
        let fit = u32::try_from(GROUP_BYTES_MAX / FRAME_WIRE_BYTES_MAX).unwrap();
        let mut commands = sent((1..=fit + 1).map(|seq| append(seq, FRAME_WIRE_BYTES_MAX)));
        assert_eq!(group(&mut commands).0.len(), fit as usize);
        assert_eq!(group(&mut commands).0, [fit + 1]);
        // One byte less in each, and one more goes in: over the bound by less than a frame.
        let mut commands = sent((1..=fit + 2).map(|seq| append(seq, FRAME_WIRE_BYTES_MAX - 1)));
        assert_eq!(group(&mut commands).0.len(), fit as usize + 1);
    }

    #[test]
    fn tidying_is_asked_for_once_however_often_it_was_sent() {
        let mut commands = sent([append(1, 1), Command::Tidy, append(2, 1), Command::Tidy]);
        assert_eq!(group(&mut commands), (vec![1, 2], true));
        let mut commands = sent([Command::Tidy]);
        assert_eq!(group(&mut commands), (Vec::new(), true));
        let mut commands = sent([append(1, 1)]);
        assert_eq!(group(&mut commands), (vec![1], false));
    }

    #[test]
    fn what_was_sent_before_and_behind_the_close_is_served_and_no_more_is_taken() {
        let (sender, mut commands) = mpsc::channel(10);
        for command in [append(1, 1), Command::Close, append(2, 1)] {
            sender.try_send(command).unwrap();
        }
        assert_eq!(group(&mut commands).0, [1, 2]);
        assert!(sender.try_send(append(3, 1)).is_err());
        assert!(commands.try_recv().is_err());
    }

    #[test]
    fn those_that_were_answered_last_get_a_moment_and_no_more() {
        // Nobody comes: as many were expected as ever can be, and it ends all the same.
        let mut commands = sent([append(1, 1)]);
        let first = commands.try_recv().unwrap();
        let mut waiting = Vec::new();
        take(first, GROUP_ENTRIES_MAX, &mut commands, &mut waiting);
        assert_eq!(waiting.len(), 1);
    }
}
