//! The lines that make a host an agent, system by system, as `docs/INSTALL.md` has them.
//!
//! None of them holds the token: it is pasted where it is asked for, so that it stands in no shell's history and in no
//! list of processes. What is put into them needs no quoting in any of the shells.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::document::{Routes, names_of};
use crate::http::extract::{Params, Tenant};
use crate::http::may::ManageTokens;
use crate::http::problem::Problem;

/// Where the files of a release lie, when nobody has said it.
const PACKAGES: &str = "PACKAGES";
/// Characters of where they lie.
const PACKAGES_CHARS_MAX: usize = 500;
/// Characters of all labels.
const LABELS_CHARS_MAX: usize = 5_000;
const SYSTEMS: [&str; 4] = ["debian", "rpm", "windows", "macos"];
const STEPS: [&str; 8] =
    ["file", "prompt", "fetch", "install", "package", "msi", "enroll", "forget"];

pub(super) fn add(routes: Routes) -> Routes {
    routes.get(
        "/enrolment-tokens/install-commands",
        "get_install_commands",
        "The lines that install an agent and enrol it, system by system; none of them holds a token",
        get,
    )
}

names_of! {
    /// A system that agents are installed on.
    SystemName as "InstallSystem": SYSTEMS.to_vec()
}

names_of! {
    /// What a line does: `file` and `prompt` put the token into a file, `fetch` gets the script, `install` runs it;
    /// `package` and `msi` install without it, `enroll` enrols what was installed without a token; `forget` deletes the
    /// token's file.
    StepName as "InstallStep": STEPS.to_vec()
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "InstallQuery")]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Where the files of a release lie: an `https://` address or a folder; the word `PACKAGES` stands for it when absent.
    packages: Option<String>,
    /// Labels besides the token's, as `site=north,tier=web`.
    labels: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "InstallCommands")]
struct CommandsView {
    systems: Vec<SystemView>,
}

/// The lines for one system, in their order. `package`, `msi` and `enroll` are instead of `install`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "InstallLines")]
struct SystemView {
    #[schemars(with = "SystemName")]
    system: &'static str,
    lines: Vec<Line>,
}

#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "InstallLine")]
struct Line {
    #[schemars(with = "StepName")]
    step: &'static str,
    command: String,
}

async fn get(
    _tenant: Tenant<ManageTokens>,
    Params(asked): Params<Asked>,
) -> Result<Json<CommandsView>, Problem> {
    let packages = asked.packages.as_deref().unwrap_or_default().trim();
    if !is_place(packages) {
        let detail = format!(
            "an https:// address or a folder, of at most {PACKAGES_CHARS_MAX} characters that no shell reads otherwise"
        );
        return Err(Problem::field("packages", detail));
    }
    let labels = labels(asked.labels.as_deref().unwrap_or_default())
        .ok_or_else(|| Problem::field("labels", "pairs such as site=north,tier=web"))?;
    let from = Some(packages).filter(|from| !from.is_empty()).unwrap_or(PACKAGES);
    let system = |system| SystemView { system, lines: lines(system, from, &labels) };
    Ok(Json(CommandsView { systems: SYSTEMS.into_iter().map(system).collect() }))
}

/// Whether a text names a place that the scripts take, or none.
fn is_place(text: &str) -> bool {
    let is_drive = |text: &str| {
        let mut bytes = text.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && bytes.next() == Some(b':')
            && bytes.next() == Some(b'\\')
    };
    let begins = text.starts_with("https://")
        || text.starts_with(['.', '/', '~'])
        || text.starts_with(r"\\")
        || is_drive(text);
    let is_plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !"'\"`$;&|<>(){}*?!#".contains(c);
    text.is_empty()
        || begins && text.chars().count() <= PACKAGES_CHARS_MAX && text.chars().all(is_plain)
}

/// Labels as people write them, apart; nothing when one of them is none, or could be read otherwise by a shell.
fn labels(written: &str) -> Option<Vec<&str>> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let is_value = |c: char| is_name(c) || ":/@+".contains(c);
    let is_label = |label: &str| {
        label.split_once('=').is_some_and(|(name, value)| {
            !name.is_empty() && name.chars().all(is_name) && value.chars().all(is_value)
        })
    };
    let labels: Vec<&str> =
        written.split(',').map(str::trim).filter(|label| !label.is_empty()).collect();
    let fits = written.len() <= LABELS_CHARS_MAX;
    (fits && labels.iter().all(|label| is_label(label))).then_some(labels)
}

/// The lines for a system.
fn lines(system: &str, from: &str, labels: &[&str]) -> Vec<Line> {
    // A slash at the end would be there twice.
    let from = Some(from.trim_end_matches('/')).filter(|from| !from.is_empty()).unwrap_or("/");
    if system == "windows" { windows(from, labels) } else { unix(system, from, labels) }
}

fn line(step: &'static str, command: impl Into<String>) -> Line {
    Line { step, command: command.into() }
}

fn unix(system: &str, from: &str, labels: &[&str]) -> Vec<Line> {
    let said = labels.iter().fold(String::new(), |said, label| format!("{said} --label {label}"));
    let is_fetched = from.starts_with("https://");
    let script = if is_fetched { "install.sh".to_owned() } else { format!("{from}/install.sh") };
    let mut lines = vec![line("file", "(umask 077; cat > token)")];
    if is_fetched {
        lines.push(line("fetch", format!("curl -fsSLO {from}/install.sh")));
    }
    let install = format!("sudo sh {script} --from {from} --token-file token{said}");
    lines.push(line("install", install));
    let place = "sudo install -D -m 600 token /etc/muster/enrolment-token";
    if system == "debian" {
        let file = r#"./muster-agent_*_"$(dpkg --print-architecture)".deb"#;
        lines.push(line("package", format!("{place} && sudo apt-get install -y {file}")));
    }
    if system == "rpm" {
        let file = r#"./muster-agent-*."$(uname -m)".rpm"#;
        // The list of a release is signed and not each rpm, which zypper would ask about.
        let suse = format!("sudo zypper --non-interactive install --allow-unsigned-rpm {file}");
        let (dnf, yum) = (by("dnf", file), by("yum", file));
        let install =
            format!("{} {suse}; el{} {dnf}; else {yum}; fi", is_there("zypper"), is_there("dnf"));
        lines.push(line("package", format!("{place} && {install}")));
    }
    if system != "macos" {
        let enroll =
            "sudo -u muster-agent muster-agent enroll < token && sudo systemctl start muster-agent";
        lines.push(line("enroll", enroll));
    }
    lines.push(line("forget", "rm token"));
    lines
}

fn is_there(program: &str) -> String {
    format!("if command -v {program} >/dev/null; then")
}

fn by(program: &str, file: &str) -> String {
    format!("sudo {program} install -y {file}")
}

fn windows(from: &str, labels: &[&str]) -> Vec<Line> {
    let said = labels.join(",");
    let is_fetched = from.starts_with("https://");
    let script = if is_fetched { "install.ps1".to_owned() } else { format!(r"{from}\install.ps1") };
    let (option, property) = if said.is_empty() {
        (String::new(), String::new())
    } else {
        (format!(" -Labels '{said}'"), format!(" 'LABELS={said}'"))
    };
    let mut lines = vec![line("prompt", "Set-Content token (Read-Host 'Token')")];
    if is_fetched {
        let fetch =
            format!("Invoke-WebRequest -UseBasicParsing {from}/install.ps1 -OutFile install.ps1");
        lines.push(line("fetch", fetch));
    }
    let install = format!(
        "powershell -ExecutionPolicy Bypass -File {script} -From {from} -TokenFile token{option}"
    );
    let msi = format!(
        r#"msiexec /i (Get-Item muster-agent-*-x64.msi).FullName /qn "ENROLL_TOKEN=$(Get-Content token)"{property}"#
    );
    lines.extend([line("install", install), line("msi", msi), line("forget", "Remove-Item token")]);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(system: &str, from: &str, labels: &[&str], step: &str) -> Option<String> {
        let found = lines(system, from, labels).into_iter().find(|line| line.step == step);
        found.map(|line| line.command)
    }

    #[test]
    fn lines_are_those_of_the_installation_guide() {
        let install = of("debian", PACKAGES, &[], "install").unwrap();
        assert_eq!(install, "sudo sh PACKAGES/install.sh --from PACKAGES --token-file token");
        let deb = of("debian", PACKAGES, &[], "package").unwrap();
        assert!(deb.contains("enrolment-token && sudo apt-get install -y ./muster-agent_"));
        let rpm = of("rpm", PACKAGES, &[], "package").unwrap();
        for part in ["then sudo zypper --non-inter", "; elif command -v dnf", "; else sudo yum"] {
            assert!(rpm.contains(part) && rpm.ends_with("; fi"), "{rpm}");
        }
        assert_eq!(of("macos", PACKAGES, &[], "package"), None);
        let install = of("windows", PACKAGES, &[], "install").unwrap();
        let expected = r"-File PACKAGES\install.ps1 -From PACKAGES -TokenFile token";
        assert!(install.ends_with(expected), "{install}");
        let msi = of("windows", PACKAGES, &[], "msi").unwrap();
        assert!(msi.ends_with(r#"/qn "ENROLL_TOKEN=$(Get-Content token)""#), "{msi}");
    }

    #[test]
    fn a_script_is_fetched_from_where_packages_lie() {
        let site = "https://packages.example/muster/";
        let fetch = of("debian", site, &[], "fetch").unwrap();
        assert_eq!(fetch, "curl -fsSLO https://packages.example/muster/install.sh");
        let install = of("debian", site, &[], "install").unwrap();
        let from = "sudo sh install.sh --from https://packages.example/muster --token-file token";
        assert_eq!(install, from);
        assert_eq!(of("macos", "/srv/muster", &[], "fetch"), None);
        assert!(of("windows", site, &[], "fetch").unwrap().contains("muster/install.ps1 -Out"));
    }

    #[test]
    fn labels_are_said_as_each_of_them_takes_them() {
        let labels = ["site=north", "tier=web"];
        let install = of("rpm", PACKAGES, &labels, "install").unwrap();
        assert!(install.ends_with(" --label site=north --label tier=web"), "{install}");
        let install = of("windows", PACKAGES, &labels, "install").unwrap();
        assert!(install.ends_with(" -Labels 'site=north,tier=web'"), "{install}");
        let msi = of("windows", PACKAGES, &labels, "msi").unwrap();
        assert!(msi.ends_with(" 'LABELS=site=north,tier=web'"), "{msi}");
    }

    #[test]
    fn what_is_put_into_a_line_is_what_no_shell_reads_otherwise() {
        for place in ["", "https://packages.example/a", "/srv/m", "./here", r"C:\m", r"\\srv\m"] {
            assert!(is_place(place), "{place}");
        }
        for place in ["http://packages.example", "/srv/a b", "/srv;reboot", "$(id)", "/a$(id)"] {
            assert!(!is_place(place), "{place}");
        }
        assert_eq!(labels(" site=north, tier=web ,").unwrap(), ["site=north", "tier=web"]);
        assert_eq!(labels("").unwrap(), [""; 0]);
        for wrong in ["site", "=north", "site='; reboot", "site=a b"] {
            assert_eq!(labels(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_token_is_left_on_the_disk() {
        for system in SYSTEMS {
            let lines = lines(system, PACKAGES, &[]);
            assert!(lines.iter().all(|line| STEPS.contains(&line.step)));
            assert_eq!(lines.last().unwrap().step, "forget");
        }
    }
}
