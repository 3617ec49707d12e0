//! Limits that the process puts on itself and cannot lift: Windows' counterpart of what the systemd unit says.

use std::io;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_CPU_RATE_CONTROL_ENABLE,
    JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP, JOB_OBJECT_LIMIT_ACTIVE_PROCESS,
    JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION, JOB_OBJECT_LIMIT_PRIORITY_CLASS,
    JOB_OBJECT_LIMIT_PROCESS_MEMORY, JOBOBJECT_CPU_RATE_CONTROL_INFORMATION,
    JOBOBJECT_CPU_RATE_CONTROL_INFORMATION_0, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectCpuRateControlInformation, JobObjectExtendedLimitInformation, SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::{BELOW_NORMAL_PRIORITY_CLASS, GetCurrentProcess};

/// Committed memory, in bytes: as much as the systemd unit allows.
const MEMORY_BYTES_MAX: usize = 48 * 1024 * 1024;
/// Share of all processors, in hundredths of a per cent: a quarter of one of four.
const CPU_RATE: u32 = 625;

/// Puts this process into a job object of its own.
#[expect(unsafe_code, reason = "job objects have no safe interface")]
pub(super) fn apply() -> io::Result<()> {
    // SAFETY: no security attributes and no name: both may be null.
    let job = unsafe { CreateJobObjectW(std::ptr::null(), std::ptr::null()) };
    if job.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_ACTIVE_PROCESS
        | JOB_OBJECT_LIMIT_PROCESS_MEMORY
        | JOB_OBJECT_LIMIT_PRIORITY_CLASS
        | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    // Itself: it starts no other program, whatever it has read.
    limits.BasicLimitInformation.ActiveProcessLimit = 1;
    limits.BasicLimitInformation.PriorityClass = BELOW_NORMAL_PRIORITY_CLASS;
    limits.ProcessMemoryLimit = MEMORY_BYTES_MAX;
    set(job, JobObjectExtendedLimitInformation, &limits)?;
    let rate = JOBOBJECT_CPU_RATE_CONTROL_INFORMATION {
        ControlFlags: JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
        Anonymous: JOBOBJECT_CPU_RATE_CONTROL_INFORMATION_0 { CpuRate: CPU_RATE },
    };
    // Not on every edition, and refused where a scheduler of sessions is at work: memory counts more.
    set(job, JobObjectCpuRateControlInformation, &rate).ok();
    // The handle stays open, as long as the process lives.
    // SAFETY: it takes nothing, and what it gives stands for this process as long as it lives.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: both handles are this process's own, and the job was made above.
    if unsafe { AssignProcessToJobObject(job, process) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[expect(unsafe_code, reason = "job objects have no safe interface")]
fn set<T>(job: HANDLE, class: i32, value: &T) -> io::Result<()> {
    let length = u32::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: the pointer is to a value of the length that is given, and is only read.
    let done =
        unsafe { SetInformationJobObject(job, class, std::ptr::from_ref(value).cast(), length) };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
