//! Command lines as they are typed, rightly and wrongly.

use super::*;

fn parse(words: &[&str]) -> Result<Args, String> {
    Args::parse(words.iter().map(OsString::from))
}

#[test]
fn takes_options_before_and_after_the_command() {
    let args = parse(&["--state-dir", "/a", "status", "--json", "--log-level=warn"]);
    let args = args.expect("understood");
    assert_eq!(args.command, Command::Status { json: true });
    assert_eq!(args.raw.state_dir, Some(PathBuf::from("/a")));
    assert_eq!(args.raw.log_level, Some(Level::Warn));
}

#[test]
fn says_which_word_it_does_not_know() {
    for (words, word) in [
        (&["statsu"][..], "statsu"),
        (&["status", "--jsno"], "--jsno"),
        (&["status", "now"], "now"),
        (&["-x"], "-x"),
        (&["check", "--json"], "--json"),
    ] {
        let why = parse(words).expect_err("wrong use");
        assert!(why.contains(word), "{why}");
    }
}

#[test]
fn knows_enrolling_in_both_spellings() {
    for word in ["enroll", "enrol"] {
        let args = parse(&[word, "--force", "--token-file", "-"]).expect("understood");
        let Command::Enroll(enroll) = args.command else {
            panic!("{:?}", args.command);
        };
        assert!(enroll.force);
        assert_eq!(enroll.token_file, Some(PathBuf::from("-")));
    }
}

#[test]
fn never_shows_a_token() {
    let args = parse(&["enroll", "--token", "mst1.secret"]).expect("understood");
    assert!(!format!("{args:?}").contains("secret"));
}

/// The options that only some commands take, and a value for those that want one.
const SPECIAL: [(&str, &[&str]); 5] = [
    ("--json", &["--json"]),
    ("--force", &["--force"]),
    ("--out", &["--out", "/a"]),
    ("--token", &["--token", "mst1.x"]),
    ("--token-file", &["--token-file", "/a"]),
];

/// Every command with the special options that it takes.
const COMMANDS: [(&str, &[&str]); 10] = [
    ("enroll", &["--force", "--token", "--token-file"]),
    ("enrol", &["--force", "--token", "--token-file"]),
    ("unenroll", &[]),
    ("unenrol", &[]),
    ("run", &[]),
    ("scan", &[]),
    ("status", &["--json"]),
    ("check", &[]),
    ("inventory", &["--json"]),
    ("diagnostics", &["--out"]),
];

#[test]
fn every_command_takes_its_own_options_and_refuses_those_of_others_by_name() {
    for (command, taken) in COMMANDS {
        for (option, words) in SPECIAL {
            for line in [[&[command], words].concat(), [words, &[command]].concat()] {
                match parse(&line) {
                    Ok(_) => assert!(taken.contains(&option), "{line:?} is taken"),
                    Err(why) => {
                        assert!(!taken.contains(&option), "{line:?}: {why}");
                        assert_eq!(why, format!("{command} does not take {option}"));
                    }
                }
            }
        }
        let general = ["--config", "/c", "--state-dir", "/s", "--log-level", "debug", command];
        let args = parse(&general).expect("every command takes these");
        assert_eq!(args.config, Some(PathBuf::from("/c")));
        assert_eq!(args.raw.state_dir, Some(PathBuf::from("/s")));
        assert_eq!(args.raw.log_level, Some(Level::Debug));
    }
}

#[test]
fn whoever_asks_for_help_or_the_version_gets_it_whatever_else_was_typed() {
    for (word, command) in [
        ("--help", Command::Help),
        ("-h", Command::Help),
        ("help", Command::Help),
        ("--version", Command::Version),
        ("-V", Command::Version),
        ("version", Command::Version),
    ] {
        let alone = parse(&[word]).expect("understood");
        assert_eq!(alone.command, command, "{word}");
        let with_options = parse(&[word, "--json", "--force", "--out", "x"]).expect("understood");
        assert_eq!(with_options.command, command, "{word}");
        if word.starts_with('-') {
            let behind = parse(&["run", "--json", word]).expect("understood");
            assert_eq!(behind.command, command, "{word}");
        }
    }
    assert_eq!(parse(&[]).expect_err("nothing"), "no command");
}

#[test]
fn an_option_without_its_value_is_named() {
    for option in ["--config", "--state-dir", "--log-level", "--out", "--token", "--token-file"] {
        let why = parse(&["run", option]).expect_err("its value is missing");
        assert!(why.contains(option), "{why}");
    }
    for option in ["--json=yes", "--force=1"] {
        let why = parse(&["status", option]).expect_err("it has no value");
        assert!(why.contains(option.split('=').next().expect("a name")), "{why}");
    }
    let why = parse(&["run", "--log-level", "loud"]).expect_err("no level");
    assert!(why.contains("loud") && why.contains("debug"), "{why}");
}

#[test]
fn of_an_option_that_is_typed_twice_the_last_one_counts() {
    let args = parse(&["run", "--state-dir", "/a", "--state-dir=/b"]).expect("understood");
    assert_eq!(args.raw.state_dir, Some(PathBuf::from("/b")));
    let line = ["enroll", "--token-file", "a", "--token-file", "b"];
    let Command::Enroll(enroll) = parse(&line).expect("understood").command else {
        panic!("it is another command");
    };
    assert_eq!(enroll.token_file, Some(PathBuf::from("b")));
}

#[test]
fn two_places_for_a_token_exclude_each_other_and_neither_is_shown() {
    let line = ["enroll", "--token", "mst1.secret", "--token-file", "/run/secret-file"];
    let why = parse(&line).expect_err("which one?");
    assert_eq!(why, "--token and --token-file exclude each other");
}

#[cfg(unix)]
#[test]
fn a_path_may_be_no_text_and_a_word_may_not() {
    use std::os::unix::ffi::OsStringExt as _;

    let odd = || OsString::from_vec(b"/a\xff".to_vec());
    let args = Args::parse(["run".into(), "--state-dir".into(), odd()].into_iter());
    assert_eq!(args.expect("understood").raw.state_dir, Some(PathBuf::from(odd())));
    for line in [vec![odd()], vec!["run".into(), "--log-level".into(), odd()]] {
        let why = Args::parse(line.into_iter()).expect_err("no text");
        assert!(why.contains("unicode"), "{why}");
    }
}

#[test]
fn the_help_names_every_command_and_every_option() {
    for (command, taken) in COMMANDS {
        // The other spelling of a word is taken and not taught.
        if !command.ends_with("enrol") {
            assert!(HELP.contains(&format!("\n  {command} ")), "{command}");
        }
        for option in taken {
            assert!(HELP.contains(option), "{option}");
        }
    }
    for option in
        ["--config", "--state-dir", "--log-level", "diagnostics", "--out", "version", "help"]
    {
        assert!(HELP.contains(option), "{option}");
    }
    assert!(HELP.lines().all(|line| line.len() <= 100), "it fits a terminal");
}
