//! NuGet versions: semantic versions with up to four numbers, whatever the case of their letters.

use super::{Incomparable, semver};

pub(super) fn write(text: &str, out: &mut Vec<u8>) -> Result<(), Incomparable> {
    semver::write_folded(text, |byte| byte.to_ascii_lowercase(), out)
}
