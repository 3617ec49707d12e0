//! A company's settings as files: `apply` and `export` beside a real collector.

use std::process::Command;

use serde_json::Value;

use super::desk::{Said, program, write};
use super::world::World;

const GUIDE: &str = include_str!("../../../docs/GITOPS.md");
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The guide's example.
fn example() -> &'static str {
    GUIDE.split_once("```yaml\n").unwrap().1.split_once("```").unwrap().0
}

fn ask(world: &World, words: &[&str]) -> Command {
    let mut command = program(words);
    command
        .arg("--server")
        .arg(format!("http://{}", world.collector.http))
        .env("MUSTER_API_KEY", &world.key)
        .env("WEBHOOK_SECRET", SECRET);
    command
}

fn say(world: &World, words: &[&str]) -> Said {
    Said::of(&mut ask(world, words))
}

/// The names of a list.
fn names(world: &World, path: &str) -> Vec<String> {
    let list = world.ask(&format!("/api/v1/{path}"));
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_guides_example_is_applied_once_and_what_is_exported_is_what_there_is() {
    let world = World::new().await;
    let file = write(world.dir.path(), "muster.yaml", example());
    let dry = say(&world, &["apply", "-f", &file, "--dry-run"]);
    assert_eq!(dry.code, Some(3), "{}{}", dry.out, dry.err);
    assert!(dry.out.contains("create    Label \"web\""), "{}", dry.out);
    assert_eq!(names(&world, "labels"), Vec::<String>::new(), "a dry run changes nothing");
    let applied = say(&world, &["apply", "-f", &file]).done();
    assert!(!applied.contains(SECRET), "{applied}");
    assert_eq!(names(&world, "labels"), ["web"]);
    assert_eq!(names(&world, "webhooks").len(), 1);
    assert_eq!(world.ask("/api/v1/settings/retention")["history_days"], 60);
    let policy = world.ask("/api/v1/policies")["items"][0].clone();
    assert_eq!(policy["label"], world.ask("/api/v1/labels")["items"][0]["id"]);
    let changes = world.ask("/api/v1/audit")["items"].as_array().unwrap().len();

    let again = say(&world, &["apply", "-f", &file]).done();
    assert!(again.contains("0 changes"), "{again}");
    assert_eq!(say(&world, &["apply", "-f", &file, "--dry-run"]).code, Some(0));
    let exported = say(&world, &["export"]).done();
    assert!(!exported.contains(SECRET), "{exported}");
    let exported = write(world.dir.path(), "exported.yaml", &exported);
    let same = say(&world, &["apply", "-f", &exported, "--prune"]).done();
    assert!(same.contains("0 changes"), "{same}");
    let after = world.ask("/api/v1/audit")["items"].as_array().unwrap().len();
    assert_eq!(after, changes, "nothing was written for it");
}

#[tokio::test]
async fn files_change_what_they_name_and_prune_takes_away_what_they_do_not() {
    let world = World::new().await;
    let label = |name: &str, of: &str| {
        format!("---\nkind: Label\nname: {name}\nspec: {{ rule: {{ hostname: '{of}' }} }}\n")
    };
    let exception = |note: &str| {
        format!(
            "---\nkind: Exception\nname: accepted\nspec:\n  rule: {{ cve: CVE-2024-0001, label: a }}\n  \
             status: affected\n  note: {note}\n"
        )
    };
    let dir = world.dir.path();
    let first = format!("{}{}{}", label("a", "a-*"), label("b", "b-*"), exception("one"));
    let file = write(dir, "first.yaml", &first);
    say(&world, &["apply", "-f", &file]).done();
    let before = world.ask("/api/v1/exceptions?state=active")["items"][0].clone();

    let second = format!("{}{}", label("a", "x-*"), exception("two"));
    let file = write(dir, "second.yaml", &second);
    let json = Said::of(&mut ask(&world, &["apply", "-f", &file, "--prune", "--json"]));
    let steps: Value = serde_json::from_str(&json.done()).unwrap();
    assert_eq!(steps["changes"], 3, "{steps}");
    assert_eq!(names(&world, "labels"), ["a"]);
    // What was agreed to stays as it was, and has ended.
    let old = world.ask(&format!("/api/v1/exceptions/{}", before["id"].as_str().unwrap()));
    assert_eq!((old["state"].as_str(), old["note"].as_str()), (Some("withdrawn"), Some("one")));
    let now = world.ask("/api/v1/exceptions?state=active")["items"][0].clone();
    assert_eq!((now["name"].as_str(), now["note"].as_str()), (Some("accepted"), Some("two")));
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_place_and_changes_nothing() {
    let world = World::new().await;
    let dir = world.dir.path();
    let good = "kind: Label\nname: good\nspec: {}\n";
    let unknown =
        write(dir, "unknown.yaml", &format!("{good}---\nkind: Label\nname: x\nspec:\n  rul: 1\n"));
    let said = say(&world, &["apply", "-f", &unknown]).failed();
    assert!(said.contains("unknown.yaml:8: ") && said.contains("rul"), "{said}");
    let nowhere = write(
        dir,
        "nowhere.yaml",
        &format!(
            "{good}---\nkind: Policy\nname: p\nspec: {{ rule: {{ seen_within: {{ days: 3 }} }}, label: gone }}\n"
        ),
    );
    let said = say(&world, &["apply", "-f", &nowhere]).failed();
    assert!(said.contains("nowhere.yaml:6: ") && said.contains("gone"), "{said}");
    assert_eq!(names(&world, "labels"), Vec::<String>::new());
    // What the collector refuses, with the place as well.
    let refused = write(dir, "refused.yaml", "kind: Retention\nspec: { history_days: 100000 }\n");
    let said = Said::of(&mut ask(&world, &["apply", "-f", &refused]));
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("refused.yaml:1: ") && said.err.contains("history_days"),
        "{}",
        said.err
    );
    let mut nobody = ask(&world, &["export"]);
    let said = Said::of(nobody.env_remove("MUSTER_API_KEY")).failed();
    assert!(said.contains("--api-key-file") && said.contains("MUSTER_API_KEY"), "{said}");
    let said = Said::of(ask(&world, &["export"]).env("MUSTER_API_KEY", "msk_wrong")).failed();
    assert!(said.contains("401"), "{said}");
}
