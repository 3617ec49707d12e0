//! The agent as a Windows service: what the service control manager starts, and how it stops it.
//!
//! `muster-agent service` is what the installer registers. It takes over what the installer was told, puts limits
//! on itself that nothing it reads can loosen, and runs the same agent as everywhere. It must never start another
//! program, which its own job object forbids, and never keep a token where other users could read it.

mod limits;
mod log_file;
mod settings;

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use windows_service::service::{
    ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept,
    ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod, ServiceState, ServiceStatus,
    ServiceType,
};
use windows_service::service_control_handler::{
    self, ServiceControlHandlerResult, ServiceStatusHandle,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{define_windows_service, service_dispatcher};

pub use self::log_file::LogFile;
pub use self::settings::{environment, take_token};

/// The service's name, as the installer registers it.
pub const NAME: &str = "MusterAgent";

/// How long a stop may take before the service manager calls it hung.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// After how long the service manager starts a service again that has failed.
const RESTART_AFTER: Duration = Duration::from_secs(60);
/// Exit code of a service whose agent could not run; what was wrong is in its log.
const FAILED: u32 = 1;

define_windows_service!(service_main, serve);

/// What runs: it gets the future that ends when the service is to stop.
pub type Body = fn(tokio::sync::oneshot::Receiver<()>) -> Result<(), String>;

static BODY: std::sync::OnceLock<Body> = std::sync::OnceLock::new();

/// Hands the process over to the service control manager until the service has stopped.
///
/// # Errors
///
/// When no service control manager started this process.
pub fn dispatch(body: Body) -> io::Result<()> {
    BODY.get_or_init(|| body);
    service_dispatcher::start(NAME, service_main).map_err(io::Error::other)
}

/// Limits this process, as systemd does it elsewhere.
///
/// # Errors
///
/// When Windows refuses.
pub fn limit() -> io::Result<()> {
    limits::apply()
}

fn serve(_arguments: Vec<OsString>) {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let stop = std::sync::Mutex::new(Some(stop));
    let handler = move |control| {
        if matches!(control, ServiceControl::Stop | ServiceControl::Shutdown) {
            if let Some(stop) = stop.lock().ok().and_then(|mut stop| stop.take()) {
                // The agent may have ended by itself in this moment.
                stop.send(()).ok();
            }
        } else if control != ServiceControl::Interrogate {
            return ServiceControlHandlerResult::NotImplemented;
        }
        ServiceControlHandlerResult::NoError
    };
    let Ok(handle) = service_control_handler::register(NAME, handler) else {
        return;
    };
    tell(&handle, ServiceState::Running, 0);
    recover();
    let outcome = BODY.get().map_or_else(|| Err("nothing to run".to_owned()), |body| body(stopped));
    // Anything but 0 lets the recovery actions begin.
    let code = if outcome.is_ok() { 0 } else { FAILED };
    tell(&handle, ServiceState::Stopped, code);
}

fn tell(handle: &ServiceStatusHandle, state: ServiceState, code: u32) {
    let is_running = state == ServiceState::Running;
    let status = ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: if is_running {
            ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN
        } else {
            ServiceControlAccept::empty()
        },
        exit_code: if code == 0 {
            ServiceExitCode::Win32(0)
        } else {
            ServiceExitCode::ServiceSpecific(code)
        },
        checkpoint: 0,
        wait_hint: if is_running { Duration::ZERO } else { STOP_WITHIN },
        process_id: None,
    };
    // A manager that does not listen has other worries.
    handle.set_service_status(status).ok();
}

/// Delayed start and recovery, which the installer's own tables cannot say reliably (decision 33): the service
/// sees to them itself, at every start, so that they are also mended.
fn recover() {
    let set = || -> windows_service::Result<()> {
        let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT)?;
        let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
        let service = manager.open_service(NAME, access)?;
        let again = ServiceAction { action_type: ServiceActionType::Restart, delay: RESTART_AFTER };
        service.update_failure_actions(ServiceFailureActions {
            reset_period: ServiceFailureResetPeriod::After(Duration::from_secs(24 * 3600)),
            reboot_msg: None,
            command: None,
            // The last one is for all that follow.
            actions: Some(vec![again.clone(), again.clone(), again]),
        })?;
        service.set_failure_actions_on_non_crash_failures(true)?;
        service.set_delayed_auto_start(true)
    };
    // Without it the agent runs as well, and begins a minute earlier.
    set().ok();
}

/// The state folder's log, to which everything that is said on stderr goes from now on.
///
/// # Errors
///
/// When the file cannot be opened.
pub fn log_to(state_dir: &Path) -> io::Result<LogFile> {
    LogFile::open(state_dir)
}
