//! Text out of files that anyone may have written, made fit for the wire.
//!
//! Nothing leaves the host that is not UTF-8, holds a control character or is longer than its limit;
//! whatever had to be changed for that is counted.

use std::borrow::Cow;

use super::defects::Defects;

/// What stands for a character that may not be shown.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// The bytes as text of at most `max` bytes, without the white space around it.
pub(crate) fn clean(bytes: &[u8], max: usize, defects: &mut Defects) -> String {
    let bytes = bytes.trim_ascii();
    // Four times the limit is more than enough to fill it, and bounds the work for a long line.
    let taken = &bytes[..bytes.len().min(max.saturating_mul(4))];
    let text = String::from_utf8_lossy(taken);
    // A text that was cut for length may end within a character; that is counted as cut, not as
    // damaged.
    let is_damaged = matches!(text, Cow::Owned(_)) && taken.len() == bytes.len();
    let mut text = if text.chars().any(char::is_control) {
        defects.replaced = defects.replaced.saturating_add(1);
        text.replace(char::is_control, REPLACEMENT.encode_utf8(&mut [0; 4]))
    } else {
        if is_damaged {
            defects.replaced = defects.replaced.saturating_add(1);
        }
        text.into_owned()
    };
    // Last, because a replacement can be longer than what it replaces.
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        defects.cut = defects.cut.saturating_add(1);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(bytes: &[u8], max: usize) -> (String, Defects) {
        let mut defects = Defects::default();
        (clean(bytes, max, &mut defects), defects)
    }

    #[test]
    fn leaves_good_text_alone_and_takes_no_more_memory_than_it_needs() {
        let (text, defects) = cleaned(" 360安全卫士\n".as_bytes(), 64);
        assert_eq!(text, "360安全卫士");
        assert_eq!(text.capacity(), text.len());
        assert!(defects.is_empty());
    }

    #[test]
    fn replaces_control_characters_and_counts_the_text_once() {
        let (text, defects) = cleaned(b"a\x1b[31m\0b", 64);
        assert_eq!(text, "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(defects.replaced, 1);
    }

    #[test]
    fn replaces_what_is_not_utf8() {
        let (text, defects) = cleaned(b"caf\xe9", 64);
        assert_eq!(text, "caf\u{fffd}");
        assert_eq!(defects.replaced, 1);
    }

    #[test]
    fn cuts_between_characters_and_says_so() {
        let (text, defects) = cleaned("äöü".as_bytes(), 3);
        assert_eq!(text, "ä");
        assert_eq!((defects.cut, defects.replaced), (1, 0));
    }

    proptest! {
        #[test]
        fn whatever_comes_fits_the_wire(bytes: Vec<u8>, max in 0_usize..40) {
            let (text, _) = cleaned(&bytes, max);
            prop_assert!(text.len() <= max);
            prop_assert!(!text.chars().any(char::is_control));
        }
    }
}
