//! What a document holds of a small workspace.

use super::*;

fn package(id: &str, name: &str, kind: &str) -> Value {
    json!({
        "id": id, "name": name, "version": "1.0.0+meta", "license": "MIT/Apache-2.0",
        "targets": [{ "kind": [kind] }],
    })
}

fn dependency(id: &str, kinds: &[Option<&str>]) -> Value {
    let kinds: Vec<_> = kinds.iter().map(|kind| json!({ "kind": kind })).collect();
    json!({ "pkg": id, "dep_kinds": kinds })
}

/// A program that links `a`, which is built with `b`; `c` is a macro, `d` is for tests, `e` nobody needs.
fn workspace() -> Value {
    json!({
        "packages": [
            package("own", "agent", "bin"), package("a", "a", "lib"), package("b", "b", "lib"),
            package("c", "c", "proc-macro"), package("d", "d", "lib"), package("e", "e", "lib"),
        ],
        "workspace_members": ["own"],
        "resolve": { "nodes": [
            { "id": "own", "deps": [
                dependency("a", &[None]), dependency("c", &[None]), dependency("d", &[Some("dev")]),
            ] },
            { "id": "a", "deps": [dependency("b", &[Some("build")])] },
            { "id": "b", "deps": [] },
            { "id": "c", "deps": [dependency("b", &[None])] },
            { "id": "d", "deps": [] },
            { "id": "e", "deps": [] },
        ] },
    })
}

fn made() -> Value {
    let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0+meta\"\nchecksum = \"00ff\"\n";
    let checksums = checksums(lock).expect("a lock file");
    document(&workspace(), &checksums, "agent", "x86_64-unknown-linux-musl").expect("a document")
}

fn scopes(document: &Value) -> Vec<(&str, &str)> {
    list(document, "components")
        .iter()
        .map(|component| (text(component, "name"), text(component, "scope")))
        .collect()
}

#[test]
fn tells_what_is_linked_in_from_what_only_builds() {
    let expected = [("a", "required"), ("b", "excluded"), ("c", "excluded")];
    assert_eq!(scopes(&made()), expected);
}

#[test]
fn what_is_linked_in_anywhere_is_linked_in() {
    let mut workspace = workspace();
    workspace["resolve"]["nodes"][1]["deps"] = json!([dependency("b", &[Some("build"), None])]);
    let document = document(&workspace, &BTreeMap::new(), "agent", "x").expect("a document");
    assert!(scopes(&document).contains(&("b", "required")));
}

#[test]
fn names_each_library_so_that_others_find_it() {
    let document = made();
    let a = &document["components"][0];
    assert_eq!(a["purl"], "pkg:cargo/a@1.0.0%2Bmeta");
    assert_eq!(a["licenses"][0]["expression"], "MIT OR Apache-2.0");
    assert_eq!(a["hashes"][0], json!({ "alg": "SHA-256", "content": "00ff" }));
    assert_eq!(document["metadata"]["component"]["name"], "agent");
}

#[test]
fn says_who_needs_whom_and_names_nobody_who_is_not_in() {
    let document = made();
    let dependencies = list(&document, "dependencies");
    assert_eq!(dependencies.len(), 4);
    let own =
        dependencies.iter().find(|entry| text(entry, "ref").contains("agent")).expect("listed");
    assert_eq!(own["dependsOn"], json!(["pkg:cargo/a@1.0.0%2Bmeta", "pkg:cargo/c@1.0.0%2Bmeta"]));
}

#[test]
fn a_package_that_is_not_ours_has_no_document() {
    let error = document(&workspace(), &BTreeMap::new(), "a", "x").expect_err("not ours");
    assert!(error.to_string().contains('a'), "{error}");
}
