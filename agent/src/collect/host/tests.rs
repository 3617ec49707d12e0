//! Facts: of a tree, of this machine, and of nothing.

use super::*;
use crate::collect::test_tree::Tree;

#[test]
fn an_image_tells_its_own_name_and_system_and_no_hardware() {
    let tree = Tree::new(&[
        ("/etc/hostname", "image-7\n"),
        (
            "/usr/lib/os-release",
            "ID=rhel\nVERSION_ID=\"9.3\"\nPRETTY_NAME='RHEL 9.3'\nBUILD_ID=b\n",
        ),
    ]);
    let facts = read(&tree.root()).unwrap();
    assert_eq!(facts.hostname, "image-7");
    assert_eq!(facts.platform.family, std::env::consts::OS);
    assert_eq!((facts.platform.id.as_str(), facts.platform.version.as_str()), ("rhel", "9.3"));
    assert_eq!((facts.os_name.as_str(), facts.os_build.as_str()), ("RHEL 9.3", "b"));
    assert_eq!((facts.kernel.as_str(), facts.memory_bytes), ("", 0));
}

#[test]
fn prefers_the_system_of_etc() {
    let tree = Tree::new(&[("/etc/os-release", "ID=a\n"), ("/usr/lib/os-release", "ID=b\n")]);
    assert_eq!(read(&tree.root()).unwrap().platform.id, "a");
}

#[test]
fn a_tree_without_anything_has_a_family() {
    let facts = read(&Tree::new(&[]).root()).unwrap();
    assert!(!facts.platform.family.is_empty());
    assert_eq!(facts.platform.id, "");
    assert_eq!(facts.hostname, "");
}

#[test]
fn a_pipe_in_place_of_os_release_is_an_error_and_of_hostname_is_none() {
    let tree = Tree::new(&[("/etc/os-release", "ID=a\n")]);
    tree.pipe("/etc/hostname");
    assert_eq!(read(&tree.root()).unwrap().hostname, "");
    let tree = Tree::new(&[]);
    tree.pipe("/etc/os-release");
    assert!(matches!(read(&tree.root()), Err(ReadError::NotAFile(_))));
}

#[test]
fn this_machine_has_a_kernel_memory_and_processors() {
    let facts = without_files();
    assert!(!facts.kernel.is_empty() && !facts.arch.is_empty());
    assert!(facts.memory_bytes > 64 * 1024 * 1024, "{}", facts.memory_bytes);
    assert!(facts.cpu_count > 0);
    assert!(!facts.agent_version.is_empty());
}

#[test]
fn facts_keep_the_limits_of_the_wire() {
    let long = format!("ID={}\nVERSION_ID=\"1\u{1b}2\"\n", "x".repeat(5000));
    let facts = read(&Tree::new(&[("/etc/os-release", &long)]).root()).unwrap();
    assert_eq!(facts.platform.id.len(), FACT_BYTES_MAX);
    assert_eq!(facts.platform.version, "1\u{fffd}2");
}
