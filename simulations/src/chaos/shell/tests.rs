//! Commands run to their end.

use super::*;

#[tokio::test]
async fn gives_what_a_command_printed() {
    let printed = run("echo", &["one", "two"]).await.expect("runs");
    assert_eq!(printed, "one two\n");
}

#[tokio::test]
async fn says_which_command_went_wrong_and_what_it_said() {
    let error = run("ls", &["/nonexistent/folder"]).await;
    let error = format!("{:#}", error.expect_err("no such folder"));
    assert!(error.contains("ls /nonexistent/folder"), "{error}");
    assert!(error.contains("No such file"), "{error}");
    let error = run::<&str>("no-such-program", &[]).await;
    assert!(format!("{:#}", error.expect_err("none")).contains("no-such-program"));
}

#[tokio::test]
async fn an_exit_code_that_is_not_zero_is_an_error_with_what_it_said() {
    let error = run("sh", &["-c", "echo out; echo '  why  ' >&2; exit 3"]).await;
    let error = format!("{:#}", error.expect_err("it failed"));
    assert!(error.contains("exit status: 3") && error.ends_with(": why"), "{error}");
}

#[tokio::test]
async fn a_signal_is_an_error_too() {
    let error = run("sh", &["-c", "kill -TERM $$"]).await;
    let error = format!("{:#}", error.expect_err("it was ended"));
    assert!(error.contains("signal: 15"), "{error}");
}

#[tokio::test]
async fn arguments_reach_the_command_as_they_are() {
    let odd = ["a b", "", "$HOME", "*", "\"q\""];
    let printed = run("printf", &["%s|", odd[0], odd[1], odd[2], odd[3], odd[4]]).await;
    assert_eq!(printed.expect("runs"), "a b||$HOME|*|\"q\"|");
}

#[tokio::test]
async fn what_is_no_text_does_not_end_it() {
    let printed = run("printf", &["\\377ok"]).await.expect("runs");
    assert!(printed.ends_with("ok"), "{printed:?}");
}
