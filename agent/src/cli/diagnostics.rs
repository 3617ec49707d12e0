//! `diagnostics`: everything that somebody who helps needs to know, in one document without a secret.
//!
//! One JSON document and no archive, so that whoever sends it can read it before. It works where nothing else
//! does: whatever cannot be had is in it as a problem. It must never hold a token, a key or a password, wherever
//! one was put.

mod log;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Context, Failure, ask, print};
use crate::clock::Clock;
use crate::config::{self, Config, ConfigError, Proxy};
use crate::logging::{Level, Log, rfc3339};
use crate::private_file;
use crate::redaction;

/// Names of the state folder that are shown; it has a handful.
const ENTRIES_MAX: usize = 100;
/// Where Linux says what the unit may use and what it has used (cgroup v2).
const CGROUP: &str = "/sys/fs/cgroup/system.slice/muster-agent.service";
const LIMITS: [&str; 7] = [
    "memory.high",
    "memory.max",
    "memory.current",
    "memory.peak",
    "memory.events",
    "pids.max",
    "cpu.stat",
];

/// Something, or why it cannot be had.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Told<T> {
    Is(T),
    Problem(String),
}

impl<T, E: Display> From<Result<T, E>> for Told<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Is(value),
            Err(error) => Self::Problem(error.to_string()),
        }
    }
}

/// A file of the state folder: never what is inside.
#[derive(Serialize)]
struct Entry {
    name: String,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    modified_at: Option<String>,
}

#[derive(Serialize)]
struct Bundle {
    made_at: String,
    version: &'static str,
    platform: String,
    configuration_file: PathBuf,
    configuration: Told<Value>,
    status: Told<Value>,
    state_folder: Told<Vec<Entry>>,
    limits: BTreeMap<&'static str, String>,
    log: log::Tail,
}

/// Writes the document to `out`, or to stdout.
pub(super) fn diagnostics(
    config: Result<Config, ConfigError>,
    file: Option<&Path>,
    clock: std::sync::Arc<dyn Clock>,
    out: Option<&Path>,
) -> Result<ExitCode, Failure> {
    let made_at = rfc3339(clock.now_ms());
    let configuration = Told::from(config.as_ref().map(show));
    let context = config.ok().map(|config| {
        let log = Log::new(Level::Error, std::sync::Arc::clone(&clock));
        Context { config, clock, log }
    });
    let bundle = Bundle {
        made_at,
        version: env!("CARGO_PKG_VERSION"),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        configuration_file: file.unwrap_or_else(|| Path::new(config::FILE)).to_owned(),
        configuration,
        status: status(context.as_ref()),
        state_folder: match &context {
            Some(context) => Told::from(entries(&context.config.state_dir)),
            None => Told::Problem("not known without a configuration".to_owned()),
        },
        limits: limits(Path::new(CGROUP)),
        log: log::tail(context.as_ref().map(|context| context.config.state_dir.as_path())),
    };
    let mut document = serde_json::to_value(&bundle)?;
    redaction::document(&mut document);
    let text = serde_json::to_string_pretty(&document)?;
    let Some(out) = out else {
        return print(&text);
    };
    private_file::replace(out, text.as_bytes())
        .map_err(|error| Failure(format!("write {}: {error}", out.display())))?;
    print(&format!("wrote {}: read it before you send it", out.display()))
}

/// The configuration by name: what is added to it later is not shown before somebody has thought of it here.
fn show(config: &Config) -> Value {
    let rule = &config.reach.proxies;
    let no_proxy: Vec<_> = rule.bypass.iter().chain(&rule.patterns).collect();
    json!({
        "transport": config.reach.transport.name(),
        // Where it is, without who goes through it.
        "proxy": rule.proxy.as_ref().map(Proxy::address),
        "no_proxy": no_proxy,
        "state_dir": config.state_dir,
        "collectors": config.collectors,
        "log_level": format!("{:?}", config.log_level).to_lowercase(),
        "spool_bytes_max": config.spool_bytes_max,
        "sources_off": config.sources_off,
        "source_timeout_s": config.source_timeout.as_secs(),
        "scan_root": config.scan_root,
    })
}

fn status(context: Option<&Context>) -> Told<Value> {
    let Some(context) = context else {
        return Told::Problem("not known without a configuration".to_owned());
    };
    match ask::standing(context) {
        Ok(status) => Told::from(serde_json::to_value(status)),
        Err(Failure(why)) => Told::Problem(why),
    }
}

fn entries(folder: &Path) -> std::io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder)?.take(ENTRIES_MAX) {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let modified = metadata.modified().ok();
        let since_1970 = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            bytes: metadata.len(),
            mode: mode(&metadata),
            modified_at: since_1970
                .and_then(|since| u64::try_from(since.as_millis()).ok())
                .map(rfc3339),
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Who may do what with a file, and whose it is; nothing where that is no number.
fn mode(metadata: &std::fs::Metadata) -> Option<String> {
    #[cfg(unix)]
    let mode = {
        use std::os::unix::fs::MetadataExt as _;
        Some(format!("{:o} {}:{}", metadata.mode() & 0o7777, metadata.uid(), metadata.gid()))
    };
    #[cfg(not(unix))]
    let mode = metadata.permissions().readonly().then(|| "read-only".to_owned());
    mode
}

/// What the service manager allows and has counted; empty where it says nothing.
fn limits(folder: &Path) -> BTreeMap<&'static str, String> {
    LIMITS
        .into_iter()
        .filter_map(|name| {
            let bytes = private_file::read(&folder.join(name), 4096).ok()??;
            let text = String::from_utf8_lossy(&bytes);
            Some((name, text.trim().replace('\n', ", ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_names_and_sizes_of_the_state_folder_and_nothing_inside() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("identity.json"), "content").expect("written");
        let shown = serde_json::to_string(&entries(folder.path()).expect("readable"));
        let shown = shown.expect("JSON");
        assert!(shown.contains("identity.json") && shown.contains("\"bytes\":7"), "{shown}");
        assert!(!shown.contains("content"), "{shown}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_problem_and_no_failure() {
        let told = Told::from(entries(Path::new("/nonexistent/state")));
        assert!(matches!(told, Told::Problem(why) if why.contains("No such file")));
    }

    #[test]
    fn limits_are_what_the_service_manager_says() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("memory.max"), "50331648\n").expect("written");
        let limits = limits(folder.path());
        assert_eq!(limits.get("memory.max").map(String::as_str), Some("50331648"));
        assert_eq!(limits.len(), 1);
    }
}
