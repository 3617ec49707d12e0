//! An address that names several servers, of which one takes writes: a primary and its standbys.
//!
//! Written as libpq does: `postgres://user@a,b:5433/muster?target_session_attrs=read-write`. Each
//! becomes an address of its own; which one takes writes is found out by asking.

use std::str::FromStr as _;

use sqlx::Error;
use sqlx::postgres::PgConnectOptions;

/// The servers of an address, in its order.
pub(super) fn servers(url: &str) -> Result<Vec<PgConnectOptions>, Error> {
    // The parser takes every scheme, and would look for MySQL's server on PostgreSQL's port.
    let Some((scheme, rest)) =
        url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "postgres" | "postgresql"))
    else {
        return Err(wrong("it does not begin with postgres://"));
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match place.find('/') {
        Some(at) => place.split_at(at),
        None => (place, ""),
    };
    // The last one: a password may hold an `@` that nobody has escaped.
    let (login, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let parameters = Parameters::of(parameters)?;
    // As libpq has it, hosts among the parameters count over the ones before the path.
    let hosts: Vec<(&str, Option<String>)> = if parameters.hosts.is_empty() {
        hosts.split(',').map(|host| (host, None)).collect()
    } else {
        let named = parameters.hosts.into_iter().enumerate();
        let port = |number: usize| match parameters.ports.as_slice() {
            [] => String::new(),
            // One port is every host's, as libpq has it.
            [only] => format!("&port={only}"),
            ports => ports.get(number).map_or_else(String::new, |port| format!("&port={port}")),
        };
        named.map(|(number, host)| ("", Some(format!("&host={host}{}", port(number))))).collect()
    };
    let rest = parameters.rest.join("&");
    hosts
        .into_iter()
        .map(|(host, named)| {
            let named = named.unwrap_or_default();
            // sqlx reads one host an address; whatever else stands in it is every server's alike.
            PgConnectOptions::from_str(&format!("{scheme}://{login}{host}{path}?{rest}{named}"))
        })
        .collect()
}

/// The parameters behind an address.
#[derive(Default)]
struct Parameters<'a> {
    hosts: Vec<&'a str>,
    ports: Vec<&'a str>,
    rest: Vec<&'a str>,
    /// The pair that names the ports, as written.
    port_pair: &'a str,
}

impl<'a> Parameters<'a> {
    fn of(text: &'a str) -> Result<Self, Error> {
        let mut parameters = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("host", hosts)) => parameters.hosts = hosts.split(',').collect(),
                Some(("port", ports)) => {
                    parameters.ports = ports.split(',').collect();
                    parameters.port_pair = pair;
                }
                // What is always asked for; anything else would be a store that cannot store.
                Some(("target_session_attrs", "read-write" | "primary")) => {}
                Some(("target_session_attrs", _)) => {
                    return Err(wrong("target_session_attrs can only be read-write or primary"));
                }
                Some(_) | None => parameters.rest.push(pair),
            }
        }
        // libpq refuses it as well: which port is whose could only be guessed.
        if parameters.ports.len() > 1 && parameters.ports.len() != parameters.hosts.len() {
            return Err(wrong("it has another number of ports than of hosts"));
        }
        // A single port goes with the hosts before the path as well.
        if let ([], [_]) = (parameters.hosts.as_slice(), parameters.ports.as_slice()) {
            parameters.rest.push(parameters.port_pair);
        }
        Ok(parameters)
    }
}

fn wrong(why: &'static str) -> Error {
    Error::Configuration(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(url: &str) -> Vec<String> {
        let servers = servers(url).unwrap();
        let place = |server: &PgConnectOptions| {
            let socket = server.get_socket().map(|path| path.display().to_string());
            let host = socket.unwrap_or_else(|| server.get_host().to_owned());
            let database = server.get_database().unwrap_or_default();
            format!("{}@{host}:{}/{database}", server.get_username(), server.get_port())
        };
        servers.iter().map(place).collect()
    }

    #[test]
    fn every_server_of_an_address_becomes_one_of_its_own() {
        for (url, expected) in [
            ("postgres://u@a/db", vec!["u@a:5432/db"]),
            ("postgres://u@a:1,b,c:3/db", vec!["u@a:1/db", "u@b:5432/db", "u@c:3/db"]),
            (
                // A comma in the password must not begin another host.
                "postgresql://u:p%40,q@a,b:2/db?sslmode=disable",
                vec!["u@a:5432/db", "u@b:2/db"],
            ),
            (
                // Colons inside of brackets are no ports (RFC 3986, section 3.2.2).
                "postgres://u@[::1]:4,[::2]/db",
                vec!["u@[::1]:4/db", "u@[::2]:5432/db"],
            ),
            ("postgres:///db?host=/a,/b&user=u", vec!["u@/a:5432/db", "u@/b:5432/db"]),
            ("postgres:///db?host=a,b&port=1,2&user=u", vec!["u@a:1/db", "u@b:2/db"]),
            ("postgres:///db?host=a,b&port=7&user=u", vec!["u@a:7/db", "u@b:7/db"]),
            ("postgres://u@a/db?port=7", vec!["u@a:7/db"]),
            // Another parameter's name may end alike.
            ("postgres://u@a/db?viaport=3&port=7", vec!["u@a:7/db"]),
            (
                "postgres://u@a,b/db?target_session_attrs=read-write",
                vec!["u@a:5432/db", "u@b:5432/db"],
            ),
        ] {
            assert_eq!(places(url), expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (url, why) in [
            ("mysql://u@a/db", "postgres://"),
            ("a/db", "postgres://"),
            ("postgres://u@a,b/db?target_session_attrs=standby", "read-write"),
            ("postgres:///db?host=a,b,c&port=1,2", "number of ports"),
        ] {
            let error = servers(url).unwrap_err().to_string();
            assert!(error.contains(why), "{url}: {error}");
        }
        assert!(servers("postgres://u@a:port/db").is_err());
    }
}
