//! Folders on Windows that nobody but the system, administrators and their owner may enter.
//!
//! A folder there inherits rights, and below `ProgramData` that would be everybody's right to read. So
//! it is made with a list of its own, which what is put into it inherits in turn.

use std::ffi::OsStr;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::null_mut;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES};
use windows_sys::Win32::Storage::FileSystem::CreateDirectoryW;

/// Nothing from above; all rights for the system, administrators and the owner, here and below.
const RIGHTS: &str = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)";

/// Makes the folder, whose parent has to exist.
#[expect(unsafe_code, reason = "the standard library makes no folder with rights")]
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let (name, rights) = (wide(path.as_os_str()), wide(OsStr::new(RIGHTS)));
    let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: the text ends with a zero, and the descriptor is written to a place of its own type.
    let described = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            rights.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        )
    };
    if described == 0 {
        return Err(io::Error::last_os_error());
    }
    let attributes = SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: descriptor,
        bInheritHandle: 0,
    };
    // SAFETY: the name ends with a zero, and the attributes and the descriptor live until after it.
    let created = unsafe { CreateDirectoryW(name.as_ptr(), &raw const attributes) };
    // Asked before anything else that could fail.
    let result = if created == 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: Windows has allocated the descriptor above for the caller to free, and nothing uses it
    // any more.
    unsafe { LocalFree(descriptor) };
    result
}

fn wide(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}
