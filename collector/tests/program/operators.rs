//! `user`: people who sign in with a password, made where the collector runs.

use serde_json::json;

use super::desk::Desk;

const GOOD: &str = "four words of my own\n";

fn create<'a>(email: &'a str, file: &'a str) -> [&'a str; 5] {
    ["user", "create", email, "--password-file", file]
}

#[tokio::test]
async fn an_operator_is_made_once_under_an_address_whatever_its_case() {
    let desk = Desk::new().await;
    let file = desk.file("password", GOOD);
    let said = desk.say(&create("Boss@Example.org", &file)).done();
    assert_eq!(said, "Boss@Example.org can sign in\n");
    for again in ["Boss@Example.org", "boss@example.ORG", " boss@example.org "] {
        let expected = format!("muster-collector: there is somebody with the address {again:?}\n");
        assert_eq!(desk.say(&create(again, &file)).failed(), expected);
    }
    let made = desk.json(&[&create("second@example.org", &file)[..], &["--name", "Zoë"]].concat());
    let listed = desk.json(&["user", "list"]);
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["email"], "boss@example.org");
    let second = json!({ "id": made[0]["id"], "email": "second@example.org", "name": "Zoë",
                         "has_second_factor": false });
    assert_eq!(listed[1], second);
}

#[tokio::test]
async fn a_password_that_is_easily_guessed_makes_nobody_and_is_not_repeated() {
    let desk = Desk::new().await;
    let passwords = [
        ("fourteen chars".to_owned(), "15 to 256 characters"),
        ("é".repeat(14), "15 to 256 characters"),
        ("correct horse battery staple ".repeat(9), "15 to 256 characters"),
        ("the boss is the boss".to_owned(), "not your address"),
        ("Muster is the best of all".to_owned(), "not this program's name"),
        ("abc".repeat(6), "not one part again and again"),
        ("abcdefghijklmnopqrs".to_owned(), "not one part again and again"),
    ];
    for (password, why) in passwords {
        let file = desk.file("password", &password);
        let error = desk.say(&create("boss@example.org", &file)).failed();
        assert!(error.starts_with("muster-collector: the password: "), "{error}");
        assert!(error.contains(why), "{password}: {error}");
        assert!(!error.contains(&password), "{error}");
    }
    assert_eq!(desk.say(&["user", "list"]).done(), "");
}

#[tokio::test]
async fn a_password_comes_out_of_a_file_or_a_terminal_and_from_nowhere_else() {
    let desk = Desk::new().await;
    let absent = desk.dir.path().join("absent");
    let error = desk.say(&create("a@b.example", absent.to_str().unwrap())).failed();
    assert!(error.contains("absent: No such file"), "{error}");
    let empty = desk.file("empty", "\n");
    let error = desk.say(&create("a@b.example", &empty)).failed();
    assert!(error.contains("--password-file: ") && error.contains("is empty"), "{error}");
    // Not from a pipe, which a script would feed from its arguments.
    for words in [["user", "create", "a@b.example"], ["user", "reset", "a@b.example"]] {
        let error = desk.say(&words).failed();
        let is_about_it =
            error.contains("use --password-file") || error.contains("there is nobody");
        assert!(is_about_it, "{error}");
    }
    assert_eq!(desk.say(&["user", "list"]).done(), "");
}

#[tokio::test]
async fn what_is_no_address_is_refused_before_a_password_is_asked_for() {
    let desk = Desk::new().await;
    let error = desk.say(&["user", "create", "boss"]).failed();
    assert_eq!(error, "muster-collector: \"boss\" is no address of mail\n");
}

#[tokio::test]
async fn a_password_is_reset_for_whoever_is_there_and_for_nobody_else() {
    let desk = Desk::new().await;
    let file = desk.file("password", GOOD);
    desk.say(&create("boss@example.org", &file)).done();
    let other = desk.file("other", "some quite different words\n");
    let reset =
        |email: &str, file: &str| desk.say(&["user", "reset", email, "--password-file", file]);
    let said = reset("BOSS@example.org", &other).done();
    assert_eq!(said, "BOSS@example.org can sign in with the new password\n");
    let weak = desk.file("weak", "boss is my name, you know");
    let error = reset("BOSS@example.org", &weak).failed();
    assert!(error.contains("not your address"), "{error}");
    let expected = "muster-collector: there is nobody with the address \"who@example.org\"\n";
    assert_eq!(reset("who@example.org", &other).failed(), expected);
}

#[tokio::test]
async fn an_operator_that_was_removed_is_listed_no_more_and_cannot_be_removed_again() {
    let desk = Desk::new().await;
    let file = desk.file("password", GOOD);
    for email in ["a@example.org", "b@example.org"] {
        desk.say(&create(email, &file)).done();
    }
    assert_eq!(desk.say(&["user", "remove", "A@example.org"]).done(), "");
    let left = desk.json(&["user", "list"]);
    assert_eq!((left.len(), &left[0]["email"]), (1, &json!("b@example.org")));
    assert_eq!(
        desk.say(&["user", "remove", "a@example.org"]).failed(),
        "muster-collector: \"a@example.org\" is no operator\n"
    );
    assert_eq!(
        desk.say(&["user", "remove", "c@example.org"]).failed(),
        "muster-collector: there is nobody with the address \"c@example.org\"\n"
    );
}
