//! The machine: the data directory and its disk, the ports, the limits.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::process::{Resource, geteuid, getrlimit};

use super::finding::Finding;
use crate::app::running;
use crate::clock::Clock;
use crate::config::{Config, Role, TcpListen};

/// What a file system in memory calls itself (`TMPFS_MAGIC`, statfs(2)).
#[cfg(target_os = "linux")]
const TMPFS: u64 = 0x0102_1994;
/// How long one sync may take before agents feel it.
const SYNC_SLOW: Duration = Duration::from_millis(100);
/// Files beside agents' connections: segments, the index, the database, people.
const FILES_BESIDE: u64 = 4_096;

/// The data directory: whose it is, who may write there, how much room there is, and whether it keeps
/// what it is given.
pub(super) fn data_dir(config: &Config) -> Vec<Finding> {
    let dir = &config.node.data_dir;
    let place = dir.display();
    let found = match fs::metadata(dir) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return vec![
                Finding::remark("data", place, "there is none yet")
                    .todo("nothing: the first `serve` makes it"),
            ];
        }
        Err(error) => {
            return vec![
                Finding::problem("data", place, error.to_string())
                    .todo("let the collector's account enter it"),
            ];
        }
    };
    vec![ownership(dir, &found), room(config), kept(dir)]
}

fn ownership(dir: &Path, found: &Metadata) -> Finding {
    let place = dir.display();
    let (mode, owner, own) = (found.permissions().mode() & 0o7777, found.uid(), geteuid().as_raw());
    if !found.is_dir() {
        return Finding::problem("data", place, "is no directory")
            .todo("name another with node.data_dir, or move the file away");
    }
    // Whoever may write there may put another authority in place.
    if mode & 0o022 != 0 {
        return Finding::problem(
            "data",
            place,
            format!("others may write there (mode {mode:03o})"),
        )
        .todo(format!("chmod 755 {}", dir.display()));
    }
    // As root one can look at every directory; the collector may have an account of its own.
    if owner != own && own != 0 {
        return Finding::problem("data", place, format!("belongs to user {owner}, not to {own}"))
            .todo("run this as the collector's account, or give that account the directory");
    }
    Finding::good("data", place, format!("belongs to user {owner}, mode {mode:03o}"))
}

fn room(config: &Config) -> Finding {
    let dir = &config.node.data_dir;
    let place = dir.display();
    let found = match rustix::fs::statvfs(dir) {
        Ok(found) => found,
        Err(error) => {
            return Finding::problem("disk", place, format!("cannot be asked: {error}"))
                .todo("look at the system's log");
        }
    };
    let (free, size) = (found.f_bavail * found.f_frsize, (found.f_blocks * found.f_frsize).max(1));
    let what = format!("{} of {} MiB are free", free >> 20, size >> 20);
    if config.node.roles.has(Role::Ingest) && free < config.queue.disk_free_bytes_min {
        let least = config.queue.disk_free_bytes_min >> 20;
        return Finding::problem(
            "disk",
            place,
            format!("{what}, and the queue leaves {least} free"),
        )
        .todo("make room: until then agents are told to come back");
    }
    if free < size / 10 {
        return Finding::remark("disk", place, what).todo("make room, or move node.data_dir");
    }
    Finding::good("disk", place, what)
}

/// Whether what is written there outlasts a power cut, and how long the disk takes to say so.
fn kept(dir: &Path) -> Finding {
    let place = dir.display();
    if is_in_memory(dir) {
        return Finding::remark("disk", place, "is in memory: a restart of the machine empties it")
            .todo("name a directory on a disk with node.data_dir, but for a trial");
    }
    match time_of_sync(dir) {
        Ok(took) if took > SYNC_SLOW => {
            let what = format!("one sync takes {} ms", took.as_millis());
            Finding::remark("disk", place, what)
                .todo("use a quicker disk: every acknowledgement waits for a sync")
        }
        Ok(took) => Finding::good(
            "disk",
            place,
            format!("keeps what it is given, in {} µs", took.as_micros()),
        ),
        Err(error) => Finding::problem("disk", place, format!("cannot be written to: {error}"))
            .todo("let the collector's account write there, and look at the system's log"),
    }
}

#[cfg(target_os = "linux")]
fn is_in_memory(dir: &Path) -> bool {
    let found = rustix::fs::statfs(dir).ok();
    found.and_then(|found| u64::try_from(found.f_type).ok()) == Some(TMPFS)
}

#[cfg(not(target_os = "linux"))]
const fn is_in_memory(_dir: &Path) -> bool {
    false
}

/// The middle one of five, each of what a small report takes.
fn time_of_sync(dir: &Path) -> io::Result<Duration> {
    let path = dir.join(format!("doctor.{}", std::process::id()));
    let mut file = File::create_new(&path)?;
    // Its name is gone at once, so that nothing stays whatever happens.
    fs::remove_file(&path)?;
    let clock = Clock::system();
    let mut times = [Duration::ZERO; 5];
    for time in &mut times {
        let began = clock.instant();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        *time = clock.instant() - began;
    }
    times.sort_unstable();
    Ok(times[2])
}

/// The ports that the roles listen on: free, or this node's own.
pub(super) fn ports(config: &Config) -> Vec<Finding> {
    if let Some(run) = running(&config.node.data_dir) {
        let place = format!("process {}", run.pid);
        return vec![Finding::good("ports", place, "the collector runs and has them")];
    }
    let mut findings = Vec::new();
    if config.node.roles.has(Role::Ingest) {
        let listen = config.ingest.listen;
        findings.push(port("UDP", listen, UdpSocket::bind(listen).map(drop)));
        let tcp = match config.ingest.tcp_listen {
            TcpListen::Same => Some(listen),
            TcpListen::At(address) => Some(address),
            TcpListen::Off => None,
        };
        findings.extend(tcp.map(|tcp| port("TCP", tcp, TcpListener::bind(tcp).map(drop))));
    }
    if config.node.roles.has(Role::Api) {
        let listen = config.http.listen;
        findings.push(port("TCP", listen, TcpListener::bind(listen).map(drop)));
    }
    let watched = config.telemetry.watch_listen;
    findings.extend(watched.map(|at| port("TCP", at, TcpListener::bind(at).map(drop))));
    findings
}

fn port(over: &str, address: SocketAddr, bound: io::Result<()>) -> Finding {
    let place = format!("{address} ({over})");
    let Err(error) = bound else {
        return Finding::good("ports", place, "free");
    };
    let is = |kind| error.kind() == kind;
    let todo = if is(ErrorKind::AddrInUse) {
        "end what listens there (`ss -lntup`), or choose another port"
    } else if is(ErrorKind::PermissionDenied) {
        "ports below 1024 need CAP_NET_BIND_SERVICE: choose another"
    } else if is(ErrorKind::AddrNotAvailable) {
        "name an address that this machine has"
    } else {
        "choose another address"
    };
    Finding::problem("ports", place, error.to_string()).todo(todo)
}

/// Whether the limit of open files leaves room for the connections that are configured: that of the collector that runs,
/// or of whoever asks where none does. A unit's is another than that of somebody's shell.
pub(super) fn open_files(config: &Config) -> Option<Finding> {
    if !config.node.roles.has(Role::Ingest) {
        return None;
    }
    let of_running = running(&config.node.data_dir)
        .and_then(|run| Some((format!("process {}", run.pid), limit_of(run.pid)?)));
    let (place, most) = match of_running {
        Some(found) => found,
        None => ("limit of this account".to_owned(), getrlimit(Resource::Nofile).current?),
    };
    let wanted = u64::from(config.ingest.connections_max) + FILES_BESIDE;
    let what = format!("{most} may be open");
    Some(if most < wanted {
        Finding::remark("files", place, what).todo(format!(
            "raise it to {wanted} (LimitNOFILE of the unit) if agents come over TCP in such numbers"
        ))
    } else {
        Finding::good("files", place, what)
    })
}

/// How many files a process may have open; `None` where the system does not say it, or there is no limit.
fn limit_of(pid: u32) -> Option<u64> {
    limit_in(&fs::read_to_string(format!("/proc/{pid}/limits")).ok()?)
}

/// The soft limit of open files in what Linux tells of a process' limits.
fn limit_in(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_others_may_write_to_is_a_problem_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let look = || ownership(dir.path(), &fs::metadata(dir.path()).unwrap());
        assert_eq!(look().todo, None);
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o775)).unwrap();
        let found = look();
        assert!(found.what.contains("mode 775"), "{found}");
        assert_eq!(found.todo, Some(format!("chmod 755 {}", dir.path().display())));
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_a_problem() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let found = ownership(&file, &fs::metadata(&file).unwrap());
        assert!(found.what.contains("no directory"), "{found}");
    }

    #[test]
    fn a_look_at_the_disk_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(time_of_sync(dir.path()).unwrap() > Duration::ZERO);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(time_of_sync(&dir.path().join("absent")).is_err());
    }

    #[test]
    fn the_limit_of_open_files_is_read_as_linux_writes_it() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             63704                63704                processes \n\
                      Max open files            65536                524288               files     \n";
        assert_eq!(limit_in(limits), Some(65_536));
        assert_eq!(limit_in(&limits.replace("65536 ", "unlimited ")), None);
        assert_eq!(limit_in(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_limit_of_a_process_is_its_own() {
        assert_eq!(limit_of(std::process::id()), getrlimit(Resource::Nofile).current);
    }

    #[test]
    fn a_port_that_is_taken_is_said_by_its_address() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let found = port("TCP", address, TcpListener::bind(address).map(drop));
        assert_eq!(found.place, format!("{address} (TCP)"));
        assert!(found.todo.unwrap().contains("ss -lntup"));
        drop(taken);
        assert_eq!(port("TCP", address, TcpListener::bind(address).map(drop)).todo, None);
    }
}
