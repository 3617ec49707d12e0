//! The rows: PostgreSQL's own programs, which know its catalogue better than anybody else.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::config::Secret;
use crate::postgres::client_program;

/// Characters of a program's complaint that an error shows.
const MESSAGE_CHARS: usize = 2_000;

/// How a program reaches the database.
#[derive(Debug)]
pub struct Address<'a> {
    /// The address, which may hold a password.
    pub url: &'a Secret,
    /// The folder of the programs, where one is named.
    pub binaries_dir: Option<&'a Path>,
}

/// Writes all rows as they were at one moment.
pub(super) async fn write(
    from: &Address<'_>,
    search_path: Option<&OsStr>,
    to: &Path,
) -> anyhow::Result<()> {
    let mut command = program(from, search_path, "pg_dump")?;
    command.args(["--format=custom", "--no-owner", "--lock-wait-timeout=60s", "--file"]).arg(to);
    let said = run(command, "pg_dump").await?;
    match said {
        None => Ok(()),
        // Whoever may not see all companies' rows must not believe that it has saved them.
        Some(message) if message.contains("row-level security") => bail!(
            "pg_dump fails, because this role sees no company's rows: name one that does by \
             --database-url-file (CREATE ROLE … LOGIN BYPASSRLS IN ROLE pg_read_all_data)\n{message}"
        ),
        Some(message) => bail!("pg_dump fails: {message}"),
    }
}

/// Makes the schema and all rows of a dump, or nothing.
pub(super) async fn read(
    to: &Address<'_>,
    search_path: Option<&OsStr>,
    from: &Path,
) -> anyhow::Result<()> {
    let mut command = program(to, search_path, "pg_restore")?;
    // Whoever restores owns the tables, as whoever made them did.
    command.args(["--no-owner", "--exit-on-error", "--single-transaction"]).arg(from);
    match run(command, "pg_restore").await? {
        None => Ok(()),
        Some(message) => bail!("pg_restore fails, and the database is as it was: {message}"),
    }
}

/// A program of PostgreSQL's with the address, the password in its environment: every user of the
/// machine can read arguments.
fn program(
    address: &Address<'_>,
    search_path: Option<&OsStr>,
    name: &str,
) -> anyhow::Result<Command> {
    let path = client_program(address.binaries_dir, search_path, name).with_context(|| {
        format!("{name} is not found: install PostgreSQL's client programs (postgresql-client)")
    })?;
    let (url, password) = without_password(address.url.expose());
    let mut command = Command::new(path);
    command.arg("--no-password").arg("--dbname").arg(&*url);
    if let Some(password) = password {
        command.env("PGPASSWORD", &*password);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

/// Runs a program to its end; what it complained about when it failed.
async fn run(mut command: Command, name: &'static str) -> anyhow::Result<Option<String>> {
    let output = command.output().await.with_context(|| format!("run {name}"))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(Some(said.trim().chars().take(MESSAGE_CHARS).collect()))
}

/// An address without its password, and the password.
fn without_password(url: &str) -> (Cow<'_, str>, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.into(), None);
    };
    // The last `@` before the path, as a password may hold one that nobody has escaped.
    let place = rest.find(['/', '?']).unwrap_or(rest.len());
    let Some(at) = rest[..place].rfind('@') else {
        return (url.into(), None);
    };
    match rest[..at].split_once(':') {
        Some((user, password)) => {
            (format!("{scheme}://{user}{}", &rest[at..]).into(), Some(percent_decode(password)))
        }
        None => (url.into(), None),
    }
}

/// A text of a URL as it was meant (RFC 3986 §2.1).
fn percent_decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind.get(..2).filter(|_| *first == b'%');
        let byte = escaped.and_then(|two| std::str::from_utf8(two).ok());
        match byte.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_stands_in_the_arguments() {
        for (url, expected, password) in [
            ("postgres://u:secret@h/db", "postgres://u@h/db", Some("secret")),
            ("postgres://u:p%40%3A@h:1,i/db?x=1", "postgres://u@h:1,i/db?x=1", Some("p@:")),
            ("postgres://u:a@b@h/db", "postgres://u@h/db", Some("a@b")),
            ("postgres://u@h/db", "postgres://u@h/db", None),
            ("postgres:///db?host=/s&user=u", "postgres:///db?host=/s&user=u", None),
            ("postgres://h/a@b:c", "postgres://h/a@b:c", None),
            ("nothing", "nothing", None),
        ] {
            let (url, found) = without_password(url);
            assert_eq!((&*url, found.as_deref()), (expected, password));
        }
    }

    #[test]
    fn half_an_escape_is_a_text() {
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz%4"), "%zz%4");
        assert_eq!(percent_decode("%41"), "A");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_said_with_what_to_install() {
        let (empty, url) = (tempfile::tempdir().unwrap(), Secret::new("postgres://u:p@h/db"));
        let address = Address { url: &url, binaries_dir: Some(empty.path()) };
        let error = write(&address, None, &empty.path().join("dump")).await.unwrap_err();
        assert!(error.to_string().contains("postgresql-client"), "{error}");
    }

    #[tokio::test]
    async fn what_a_program_complains_about_is_passed_on_without_the_password() {
        let url = Secret::new("postgres://u:secret@127.0.0.1:1/db");
        let address = Address { url: &url, binaries_dir: None };
        let folder = tempfile::tempdir().unwrap();
        let error = write(&address, None, &folder.path().join("dump")).await.unwrap_err();
        let error = format!("{error:#}");
        assert!(error.starts_with("pg_dump fails: "), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
