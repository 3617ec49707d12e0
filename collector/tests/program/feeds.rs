//! `feed`: files in, bundles out and in, and what each feed is like.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::desk::{Desk, Said, say, write};

/// NVD's records, entries of CISA's catalogue and scores of FIRST, as they were fetched.
const NVD: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../enrichment/tests/data/feeds/nvdcve-2.0-2002.json.gz");
const KEV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../enrichment/tests/data/feeds/kev.json");
const EPSS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../enrichment/tests/data/feeds/epss.csv");

/// A desk that has imported NVD's records, and a key to sign with.
async fn with_feeds() -> (Desk, String) {
    let desk = Desk::new().await;
    desk.say(&["feed", "import", NVD]).done();
    let key = desk.dir.path().join("key.pem").to_str().unwrap().to_owned();
    (desk, key)
}

fn keygen(key: &str) -> String {
    say(&["feed", "keygen", "--out", key]).done().trim_end().to_owned()
}

#[tokio::test]
async fn an_import_says_what_came_and_the_second_one_that_nothing_changed() {
    let desk = Desk::new().await;
    let said = desk.say(&["feed", "import", NVD, KEV]).done();
    assert!(said.contains("nvdcve-2.0-2002.json.gz: 4 CVE records, 0 skipped\n"), "{said}");
    assert!(said.contains("kev.json: 3 KEV entries, 0 skipped\n"), "{said}");
    assert!(said.contains(" from 4 records"), "{said}");
    let again = desk.json(&["feed", "import", NVD]).remove(0);
    assert_eq!(again["changed"], 0);
    assert_eq!(again["files"][0]["records"], 4);
}

#[tokio::test]
async fn the_states_of_all_feeds_are_listed_those_that_never_came_included() {
    let desk = Desk::new().await;
    desk.say(&["feed", "import", EPSS]).done();
    let feeds = desk.json(&["feed", "status"]);
    let of = |name: &str| feeds.iter().find(|feed| feed["source"] == name).unwrap();
    assert!(of("epss")["records"].as_u64().unwrap() > 0);
    assert!(of("epss")["age_s"].is_i64());
    for name in ["nvd", "kev", "osv-npm"] {
        assert_eq!((&of(name)["age_s"], &of(name)["records"]), (&Value::Null, &json!(0)), "{name}");
    }
    let shown = desk.say(&["feed", "status"]).done();
    let mut lines = shown.lines();
    let head: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["feed", "last", "attempt", "age", "records", "changed", "skipped", "next"]);
    assert_eq!(lines.clone().count(), feeds.len(), "{shown}");
    let kev: Vec<_> =
        lines.find(|line| line.starts_with("kev ")).unwrap().split_whitespace().collect();
    assert_eq!(kev, ["kev", "-", "never", "0", "0", "0", "-"]);
}

#[tokio::test]
async fn a_source_that_is_none_is_refused_with_those_that_are() {
    let desk = Desk::new().await;
    let mut command = desk.command(&["feed", "sync", "cve"]);
    command.env("MUSTER_FEEDS_SOURCES", "kev,epss");
    let error = Said::of(&mut command).failed();
    assert!(error.contains("\"cve\"") && error.contains("kev, epss"), "{error}");
}

/// A server that has nothing; its address. It ends with the test.
fn empty_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4_096];
            // A question without a body is in one piece.
            let _asked = stream.read(&mut head);
            let answer =
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).unwrap();
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn a_feed_that_does_not_come_is_an_answer_for_people_and_a_failure_for_timers() {
    let desk = Desk::new().await;
    let url = empty_server();
    let sync = |more: &[&str]| {
        let mut command = desk.command(&[&["feed", "sync"], more].concat());
        command
            .env("MUSTER_FEEDS_SOURCES", "kev")
            .env("MUSTER_FEEDS_KEV_URL", format!("{url}/kev.json"));
        Said::of(&mut command)
    };
    for (more, shown) in [(&[][..], "kev: "), (&["--json", "kev"], "\"outcome\":\"failed\"")] {
        let said = sync(more);
        assert_eq!(said.code, Some(1));
        assert!(said.out.contains(shown) && said.out.contains("404 Not Found"), "{said:?}");
        assert_eq!(said.err, "muster-collector: 1 of 1 feeds are not up to date\n");
    }
    let shown = desk.say(&["feed", "status"]).done();
    assert!(shown.contains("\n  not up to date (2 tries in a row): "), "{shown}");
}

#[tokio::test]
async fn certificates_that_cannot_be_read_stop_a_sync_before_anything_is_asked() {
    let desk = Desk::new().await;
    let mut command = desk.command(&["feed", "sync"]);
    command.env("MUSTER_FEEDS_CA_FILE", "/no/such/ca.pem");
    let error = Said::of(&mut command).failed();
    assert!(error.contains("feeds.ca_file: /no/such/ca.pem"), "{error}");
}

#[test]
fn a_key_is_made_once_for_its_owner_alone_and_its_secret_half_is_never_printed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key.pem");
    let public = keygen(path.to_str().unwrap());
    assert!(public.starts_with("ed25519:") && public.len() == 52, "{public}");
    let secret = std::fs::read_to_string(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let error = say(&["feed", "keygen", "--out", path.to_str().unwrap()]).failed();
    assert!(error.contains("key.pem: File exists"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
    let other = dir.path().join("other.pem");
    let made = say(&["feed", "keygen", "--json", "--out", other.to_str().unwrap()]).lines();
    assert_eq!(made[0]["key_file"], other.to_str().unwrap());
    assert_ne!(made[0]["public_key"], public);
}

#[tokio::test]
async fn a_bundle_goes_from_a_site_to_another_that_trusts_its_key() {
    let (there, key) = with_feeds().await;
    let public = keygen(&key);
    let bundle = there.dir.path().join("bundle").to_str().unwrap().to_owned();
    let said = there.say(&["feed", "export", "--out", &bundle, "--key", &key]).done();
    assert!(said.contains(&format!("written to {bundle}, signed by {public}\n")), "{said}");
    let here = Desk::new().await;
    // Without a key it is refused, checked or imported; nothing is left of it.
    for command in ["verify", "import"] {
        let error = here.say(&["feed", command, &bundle]).failed();
        assert!(error.contains("bundle is refused: no key is trusted"), "{error}");
    }
    let checked = here.say(&["feed", "verify", "--public-key", &public, &bundle]).done();
    assert!(
        checked.ends_with("the bundle is whole, and a trusted key has signed it\n"),
        "{checked}"
    );
    assert!(!here.dir.path().join("index").exists(), "a check takes nothing in");
    // The key as a file, as it is handed over.
    let file = here.file("key.pub", &format!("{public}\n"));
    let words = ["feed", "import", "--public-key", &file, &bundle];
    let taken = here.json(&words).remove(0);
    assert_eq!((&taken["changed"], taken["bundles"].as_array().unwrap().len()), (&json!(4), 1));
    let error = here.say(&words).failed();
    assert!(error.contains("it was taken in already (number "), "{error}");
    // As it is configured, so that nobody has to name it.
    let mut command = here.command(&["feed", "verify", &bundle]);
    command.env("MUSTER_FEEDS_TRUSTED_KEYS", &public);
    Said::of(&mut command).done();
}

#[tokio::test]
async fn keys_that_are_none_are_refused_whatever_the_bundle_and_secrets_are_not_shown() {
    let (desk, key) = with_feeds().await;
    keygen(&key);
    let secret = std::fs::read_to_string(&key).unwrap();
    let body = secret.lines().nth(1).unwrap();
    for (wrong, why) in [
        ("ed25519:AAAA", "is no public key"),
        ("/no/such/key.pub", "nor a file that holds one"),
        (key.as_str(), "is no public key"),
    ] {
        for command in ["verify", "import"] {
            let error = desk.say(&["feed", command, "--public-key", wrong, NVD]).failed();
            assert!(error.contains(why), "{error}");
            assert!(!error.contains(&body[..10]), "{error}");
        }
    }
    let public = desk.file("key.pub", "ed25519:RzKupKVsghW9bb5uSPDlwb78mS3xEhsXhdYFEo5Xk2g=\n");
    let bundle = desk.dir.path().join("bundle");
    let words = ["feed", "export", "--out", bundle.to_str().unwrap(), "--key", &public];
    let error = desk.say(&words).failed();
    assert!(error.contains("key.pub holds no Ed25519 key"), "{error}");
    assert!(!bundle.exists());
}

#[test]
fn a_build_that_fails_leaves_the_index_of_before_and_names_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let index = dir.path().join("index").to_str().unwrap().to_owned();
    say(&["feed", "build", "--out", &index, NVD]).done();
    let before = std::fs::read(&index).unwrap();
    let page = include_str!("../../../enrichment/tests/data/feeds/nvd-page.json");
    let files = [
        write(dir.path(), "mail.txt", "Dear colleagues,\n"),
        write(dir.path(), "cut.json", &page[..page.len() / 2]),
        dir.path().join("absent.json").to_str().unwrap().to_owned(),
    ];
    let reasons = ["mail.txt is no feed: expected NVD", "cut.json is damaged after", "cannot open"];
    for (file, why) in files.iter().zip(reasons) {
        // Also when a good one stands before it.
        let error = say(&["feed", "build", "--out", &index, NVD, file]).failed();
        assert!(error.contains(why), "{error}");
        assert_eq!(std::fs::read(&index).unwrap(), before, "{why}");
    }
    assert!(!dir.path().join("index.partial").exists());
    let error = say(&["feed", "build", "--out", "/no/such/folder/index", NVD]).failed();
    assert!(error.contains("cannot write /no/such/folder/index"), "{error}");
}

#[test]
fn a_build_of_nothing_makes_no_index_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("feeds");
    std::fs::create_dir(&folder).unwrap();
    let index = dir.path().join("index");
    for _ in 0..2 {
        let words = ["feed", "build", "--out", index.to_str().unwrap(), folder.to_str().unwrap()];
        let error = say(&words).failed();
        assert!(error.contains("nothing that was named holds a feed"), "{error}");
        assert!(error.contains(folder.to_str().unwrap()), "{error}");
        assert!(!index.exists());
        // The second time with a file that is none.
        write(&folder, "README", "nothing of ours\n");
    }
}

#[test]
fn a_folder_is_walked_and_what_is_no_feed_in_it_is_listed_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let feeds = dir.path().join("feeds/2002");
    std::fs::create_dir_all(&feeds).unwrap();
    std::fs::copy(NVD, feeds.join("anything.bin")).unwrap();
    let folder = dir.path().join("feeds");
    write(&folder, "README", "nothing of ours\n");
    let index = dir.path().join("index").to_str().unwrap().to_owned();
    let words = ["feed", "build", "--json", "--out", &index, folder.to_str().unwrap()];
    let built = say(&words).lines().remove(0);
    let kinds: std::collections::BTreeMap<_, _> = built["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["kind"].to_string(), file["records"].clone()))
        .collect();
    assert_eq!(kinds["\"nvd\""], 4, "told by what is in it");
    assert_eq!(kinds.get("\"unknown\""), Some(&json!(0)));
    assert_eq!(built["index"]["records"], 4);
}
