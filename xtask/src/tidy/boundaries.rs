//! Who may name what: the walls between crates and inside them.

use super::crate_of;
use crate::tree::File;

/// A word that only some files may use.
struct Wall {
    /// The word, as it stands in code.
    word: &'static str,
    /// Which crates are looked at.
    inside: &'static [&'static str],
    /// Beginnings of the paths that may use it.
    may: &'static [&'static str],
    /// Why.
    reason: &'static str,
}

// Not xtask itself, which has to name what it looks for.
const ALL: &[&str] =
    &["kernels", "protocol", "agent", "enrichment", "store", "collector", "simulations"];

const WALLS: &[Wall] = &[
    Wall { word: "sqlx", inside: ALL, may: &["store/"], reason: "only store speaks SQL" },
    Wall {
        word: "redb::",
        inside: ALL,
        may: &["agent/src/spool"],
        reason: "only the spool knows its storage",
    },
    Wall {
        word: "quinn::",
        inside: &["agent"],
        may: &["agent/src/uplink", "agent/src/enrol"],
        reason: "only the uplink knows its transport",
    },
    Wall {
        word: "quinn::",
        inside: &["collector"],
        may: &["collector/src/ingest/"],
        reason: "only ingest knows its transport",
    },
    Wall {
        word: "sled::",
        inside: ALL,
        may: &["collector/src/pipeline/"],
        reason: "sled holds only the match cache, whose loss costs time",
    },
    Wall {
        word: "reqwest::",
        inside: ALL,
        may: &[
            "collector/src/feeds/",
            "collector/src/webhooks/",
            "collector/src/oidc",
            "collector/src/cli/gitops/",
            "collector/src/config/oidc",
            "collector/src/config/telemetry/",
            "collector/src/traces",
            "collector/src/http/tests/oidc/",
        ],
        reason: "only feeds, webhooks, OpenID Connect, traces and clients of the API ask servers over HTTP",
    },
    Wall {
        word: "lettre::",
        inside: ALL,
        may: &["collector/src/mail", "collector/src/config/mail"],
        reason: "only mail speaks SMTP",
    },
    Wall {
        word: "tokio",
        inside: &["kernels", "protocol", "enrichment"],
        may: &[],
        reason: "pure crates do no I/O",
    },
    Wall {
        // As a path and not as a word: much is stored that has nothing to do with the crate.
        word: "store::",
        inside: &["collector"],
        may: &[
            "collector/src/http",
            "collector/src/jobs",
            "collector/src/mail",
            "collector/src/pipeline",
            "collector/src/cli",
            "collector/src/app",
            "collector/src/directory",
            "collector/src/ingest/enrol",
            "collector/src/ingest/heartbeats",
            "collector/src/postgres",
            "collector/src/feeds",
            "collector/src/announcements",
            "collector/src/imports",
            "collector/src/oidc",
            "collector/src/traces/span",
            "collector/src/webhooks",
        ],
        reason: "reports reach the store through the queue",
    },
    Wall {
        word: "crate::http",
        inside: &["collector"],
        may: &["collector/src/http", "collector/src/app", "collector/src/cli"],
        reason: "only the composition root knows HTTP",
    },
    Wall {
        word: "tokio",
        inside: &["agent"],
        may: &[
            "agent/src/run",
            "agent/src/uplink",
            "agent/src/enrol",
            "agent/src/control",
            "agent/src/service",
            "agent/src/cli",
        ],
        reason: "what decides does no I/O",
    },
];

pub(super) fn check(files: &[File]) -> Vec<String> {
    let mut findings = dead_doors(files);
    // Tests, benches and examples may name whatever they prove something about.
    for file in files.iter().filter(|file| file.is_rust() && file.path.contains("/src/")) {
        for wall in WALLS.iter().filter(|wall| wall.inside.contains(&crate_of(file))) {
            if wall.may.iter().any(|may| file.path.starts_with(may)) {
                continue;
            }
            // The first place alone: a file that breaks a wall is moved or mended as a whole.
            let used = file.text.lines().position(|line| {
                let code = line.trim_start();
                !code.starts_with("//") && names(code, wall.word)
            });
            if let Some(line) = used {
                findings.push(format!(
                    "{}:{}: uses `{}`: {}",
                    file.path,
                    line + 1,
                    wall.word,
                    wall.reason
                ));
            }
        }
    }
    findings
}

/// Doors in a wall that lead to no file. Left open after a file was moved, such a door would let in
/// whatever gets that name next.
fn dead_doors(files: &[File]) -> Vec<String> {
    let mut findings = Vec::new();
    for wall in WALLS {
        for may in wall.may {
            let leads_somewhere = |file: &File| file.is_rust() && file.path.starts_with(may);
            if !files.iter().any(leads_somewhere) {
                findings.push(format!(
                    "xtask/src/tidy/boundaries.rs: `{}` may be used in {may}, which does not exist",
                    wall.word
                ));
            }
        }
    }
    findings
}

/// Whether code names a word that is not part of a longer one, nor of a text.
pub(super) fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        // Behind a path there is always more of it.
        let is_path = word.ends_with("::");
        // An odd number of quotes before it means that it stands inside a text, as in a log filter.
        // Good enough for one line.
        let is_text = code[..at].matches('"').count() % 2 == 1;
        !is_part(before) && (is_path || !is_part(after)) && !is_text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    /// What is found in one file, beside the doors that one file alone cannot fill.
    fn findings(path: &str, text: &str) -> usize {
        let findings = check(&[file(path, text)]);
        findings.iter().filter(|line| line.starts_with(path)).count()
    }

    #[test]
    fn finds_doors_that_lead_nowhere() {
        let doors: Vec<_> = WALLS.iter().flat_map(|wall| wall.may).collect();
        assert_eq!(dead_doors(&[]).len(), doors.len());
        let files: Vec<_> = doors.iter().map(|door| file(&format!("{door}x.rs"), "")).collect();
        assert_eq!(dead_doors(&files), Vec::<String>::new());
    }

    #[test]
    fn keeps_sql_in_the_store() {
        assert_eq!(findings("collector/src/http/hosts.rs", "use sqlx::PgPool;\n"), 1);
        assert_eq!(findings("store/src/agents.rs", "use sqlx::PgPool;\n"), 0);
    }

    #[test]
    fn reads_words_not_letters_and_code_not_comments() {
        assert_eq!(findings("agent/src/delta.rs", "// no tokio here\nfn tokio_free() {}\n"), 0);
        assert_eq!(findings("agent/src/delta.rs", "use tokio::time;\n"), 1);
        assert_eq!(findings("agent/src/delta.rs", "let filter = \"info,tokio=warn\";\n"), 0);
    }

    #[test]
    fn every_wall_holds_outside_of_its_doors_and_opens_at_them() {
        for wall in WALLS {
            let code = match wall.word.strip_suffix("::") {
                Some(path) => format!("use {path}::x;\n"),
                None => format!("use {}::x;\n", wall.word),
            };
            let said_of = |path: &str| {
                let said = format!("{path}:1: uses `{}`: ", wall.word);
                let found = check(&[file(path, &code)]);
                found.iter().any(|line| line.starts_with(&said))
            };
            for inside in wall.inside {
                let path = format!("{inside}/src/nowhere/else.rs");
                let is_open = wall.may.iter().any(|may| path.starts_with(may));
                assert_eq!(said_of(&path), !is_open, "{path}: {}", wall.word);
            }
            for may in wall.may {
                // A door may be a whole crate, a folder, or how the names of both begin.
                let behind = if may.contains("/src/") { "x.rs" } else { "src/x.rs" };
                let path = format!("{may}{behind}");
                assert!(!said_of(&path), "{path}: {}", wall.word);
            }
        }
    }

    #[test]
    fn the_first_place_of_a_file_is_named_with_its_line() {
        let text = "//! sqlx.\n\nfn f() {}\nuse sqlx::A;\nuse sqlx::B;\n";
        let found = check(&[file("agent/src/x.rs", text)]);
        let found: Vec<_> = found.iter().filter(|line| line.starts_with("agent/")).collect();
        assert_eq!(found, ["agent/src/x.rs:4: uses `sqlx`: only store speaks SQL"]);
    }

    #[test]
    fn tests_examples_and_other_languages_may_name_anything() {
        for path in
            ["collector/tests/x.rs", "agent/examples/x.rs", "agent/benches/x.rs", "agent/src/x.md"]
        {
            assert_eq!(findings(path, "use sqlx::A;\nuse tokio::x;\n"), 0, "{path}");
        }
    }

    #[test]
    fn a_word_is_named_where_it_stands_alone_in_code() {
        for (code, word, is_named) in [
            ("use sqlx::PgPool;", "sqlx", true),
            ("sqlx", "sqlx", true),
            ("let my_sqlx = 1;", "sqlx", false),
            ("sqlx_macros::query()", "sqlx", false),
            ("let s = \"sqlx\";", "sqlx", false),
            ("log(\"a\"); sqlx::query(\"b\")", "sqlx", true),
            ("quinn::Endpoint", "quinn::", true),
            ("h3_quinn::Endpoint", "quinn::", false),
            ("(quinn::Endpoint)", "quinn::", true),
            ("", "sqlx", false),
        ] {
            assert_eq!(names(code, word), is_named, "{code}");
        }
    }
}
