//! What a user would miss of documents: that a component is what an agent would have found, that what is left
//! out is said, and that no document costs more than its bytes.

use serde_json::{Value, json};

use super::*;

fn cyclonedx(components: &Value) -> Sbom {
    let document =
        json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": components });
    read(document.to_string().as_bytes()).unwrap()
}

fn only(components: &Value) -> Component {
    let sbom = cyclonedx(components);
    assert_eq!(sbom.components.len(), 1, "{sbom:?}");
    sbom.components.into_iter().next().unwrap()
}

fn warned(sbom: &Sbom) -> Vec<(&'static str, u64)> {
    sbom.warnings.iter().map(|warning| (warning.kind.as_str(), warning.count)).collect()
}

#[test]
fn a_component_is_the_package_that_its_url_names() {
    for (purl, source, name, version) in [
        ("pkg:npm/%40babel/core@7.1.0", "npm", "@babel/core", "7.1.0"),
        (
            "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
            "maven",
            "org.apache.logging.log4j:log4j-core",
            "2.14.1",
        ),
        ("pkg:golang/golang.org/x/net@v0.7.0", "go", "golang.org/x/net", "v0.7.0"),
        ("pkg:pypi/requests@2.30.0", "python", "requests", "2.30.0"),
        ("pkg:nuget/Newtonsoft.Json@12.0.1", "nuget", "Newtonsoft.Json", "12.0.1"),
        ("pkg:gem/rails@6.0.0", "gem", "rails", "6.0.0"),
        ("pkg:cargo/time@0.1.0", "cargo", "time", "0.1.0"),
        ("pkg:hex/phoenix@1.7.0", "hex", "phoenix", "1.7.0"),
    ] {
        let found = only(&json!([{ "type": "library", "name": "what it says", "purl": purl }]));
        assert_eq!(
            (found.source, found.name.as_str(), found.version.as_str()),
            (source, name, version)
        );
        // So that it is not taken for a copy that an agent found to be nobody's.
        assert_eq!(found.origin, LISTED);
    }
}

#[test]
fn a_package_of_a_debian_image_is_as_an_agent_would_report_it() {
    // As Syft and as Trivy write the same package.
    let syft = only(&json!([
        { "type": "library", "name": "openssh-client", "publisher": "Debian OpenSSH Maintainers",
          "purl": "pkg:deb/debian/openssh-client@1%3A9.2p1-2%2Bdeb12u2?arch=amd64&distro=debian-12&upstream=openssh",
          "properties": [{ "name": "syft:location:0:path", "value": "/var/lib/dpkg/status" }] },
        { "type": "operating-system", "name": "debian", "version": "12" },
    ]));
    let trivy = only(&json!([
        { "type": "operating-system", "name": "debian", "version": "12.5" },
        { "type": "library", "name": "openssh-client", "supplier": { "name": "Debian OpenSSH Maintainers" },
          "purl": "pkg:deb/debian/openssh-client@9.2p1-2%2Bdeb12u2?arch=amd64&distro=debian-12.5&epoch=1",
          "properties": [
              { "name": "aquasecurity:trivy:SrcName", "value": "openssh" },
              { "name": "aquasecurity:trivy:SrcVersion", "value": "9.2p1" },
              { "name": "aquasecurity:trivy:SrcRelease", "value": "2+deb12u2" },
              { "name": "aquasecurity:trivy:SrcEpoch", "value": "1" },
          ] },
    ]));
    assert_eq!(syft.locations, ["/var/lib/dpkg/status"]);
    assert_eq!(Component { locations: Vec::new(), ..syft.clone() }, trivy);
    assert_eq!((syft.source, syft.version.as_str()), ("deb", "1:9.2p1-2+deb12u2"));
    assert_eq!((syft.source_name.as_str(), syft.source_version.as_str()), ("openssh", ""));
    assert_eq!((syft.arch.as_str(), syft.epoch), ("amd64", None));
}

#[test]
fn an_rpm_has_its_release_and_its_epoch_apart() {
    let found = only(&json!([{ "name": "bind-libs", "purl":
        "pkg:rpm/redhat/bind-libs@9.16.23-14.el9_3?arch=x86_64&distro=rhel-9.3&epoch=32\
         &upstream=bind-9.16.23-14.el9_3.src.rpm" }]));
    assert_eq!((found.version.as_str(), found.release.as_str()), ("9.16.23", "14.el9_3"));
    assert_eq!((found.epoch, found.source_name.as_str()), (Some(32), "bind"));
}

#[test]
fn the_system_is_said_by_its_component_or_by_most_packages() {
    let package = |name: &str, distro: &str| json!({ "name": name, "version": "1", "purl": format!("pkg:deb/x/{name}@1?distro={distro}") });
    let of = |components: &Value| cyclonedx(components).system.to_string();
    assert_eq!(of(&json!([package("a", "jammy"), package("b", "ubuntu-22.04")])), "ubuntu 22.04");
    assert_eq!(
        of(&json!([{ "type": "operating-system", "name": "redhat", "version": "8.9" }])),
        "rhel 8.9"
    );
    assert_eq!(
        of(&json!([{ "purl": "pkg:apk/alpine/musl@1?distro=alpine-3.19.1" }])),
        "alpine 3.19.1"
    );
    assert_eq!(
        of(&json!([{ "purl": "pkg:rpm/opensuse/a@1?distro=opensuse-leap-15.5" }])),
        "opensuse-leap 15.5"
    );
    assert_eq!(of(&json!([{ "purl": "pkg:npm/a@1" }])), "");
    // A package of another release than the most is kept, and not judged by what is said of this one.
    let mixed = cyclonedx(&json!([
        package("a", "bookworm"),
        package("b", "debian-12"),
        package("c", "debian-11")
    ]));
    assert_eq!(warned(&mixed), [("other_release", 1)]);
    assert_eq!(mixed.components[2].source, "component");
    assert_eq!(mixed.components[2].origin, "pkg:deb/x/c@1?distro=debian-11");
}

#[test]
fn a_component_without_a_url_is_what_its_cpe_name_says_or_left_out_and_told() {
    let cpe = "cpe:2.3:a:openbsd:openssh:9.2:p1:*:*:*:*:*:*";
    let sbom = cyclonedx(&json!([
        { "name": "openssh", "version": "9.2p1", "cpe": cpe },
        { "name": "a thing\u{7}", "version": "1" },
        { "type": "file", "name": "/etc/passwd" },
        { "name": "broken", "version": "1", "purl": "npm/broken" },
        { "name": "tool", "group": "acme", "version": "1", "purl": "pkg:github/acme/tool@1" },
        { "name": "built with", "version": "1", "scope": "excluded", "purl": "pkg:npm/rollup@1" },
        { "name": "bare", "purl": "pkg:npm/bare" },
    ]));
    let names: Vec<_> = sbom.components.iter().map(|one| (one.source, one.name.as_str())).collect();
    assert_eq!(names, [("component", "openssh"), ("component", "acme/tool"), ("npm", "bare")]);
    assert_eq!(sbom.components[0].bundle_id, cpe);
    assert_eq!(
        warned(&sbom),
        [("excluded", 1), ("no_package", 1), ("bad_purl", 1), ("no_version", 1)]
    );
    assert_eq!(sbom.warnings[1].examples, ["a thing\u{fffd} 1"]);
    assert_eq!(sbom.seen, 7);
}

#[test]
fn components_within_components_are_components() {
    let mut nested = json!([{ "name": "d", "purl": "pkg:npm/d@1" }]);
    for name in ["c", "b", "a"] {
        nested =
            json!([{ "name": name, "purl": format!("pkg:npm/{name}@1"), "components": nested }]);
    }
    let mut names: Vec<String> =
        cyclonedx(&nested).components.into_iter().map(|one| one.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b", "c", "d"]);
}

#[test]
fn reads_packages_of_spdx_with_what_others_call_them() {
    let sbom = read(
        json!({
            "spdxVersion": "SPDX-2.3", "name": "image",
            "packages": [
                { "name": "image", "versionInfo": "NOASSERTION", "supplier": "NOASSERTION" },
                { "name": "debian", "versionInfo": "12", "primaryPackagePurpose": "OPERATING_SYSTEM" },
                { "name": "zlib1g", "versionInfo": "1:1.2.13.dfsg-1",
                  "supplier": "Organization: Debian", "originator": "Person: Mark Brown (broonie@debian.org)",
                  "externalRefs": [
                      { "referenceCategory": "SECURITY", "referenceType": "cpe23Type",
                        "referenceLocator": "cpe:2.3:a:zlib:zlib:1.2.13:*:*:*:*:*:*:*" },
                      { "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                        "referenceLocator": "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?distro=debian-12&upstream=zlib" },
                  ] },
            ],
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    assert_eq!((sbom.format, sbom.version.as_str()), (Format::Spdx, "2.3"));
    assert_eq!(sbom.system.to_string(), "debian 12");
    let [zlib] = &sbom.components[..] else { panic!("{sbom:?}") };
    assert_eq!((zlib.source, zlib.source_name.as_str()), ("deb", "zlib"));
    assert_eq!(zlib.vendor, "Mark Brown (broonie@debian.org)");
    assert_eq!(warned(&sbom), [("no_package", 1)]);
}

#[test]
fn what_is_no_such_document_is_said_with_what_it_is() {
    let says = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    for (bytes, words) in [
        (&b""[..], "empty"),
        (b" \n", "empty"),
        (b"<bom/>", "XML"),
        (&[0x1f, 0x8b, 8, 0], "packed"),
        (&[0xff, 0xfe, b'{', 0], "UTF-16"),
        (&[b'{', 0xff], "no UTF-8"),
        (b"{}", "neither CycloneDX"),
        (b"[]", "the document: invalid type: sequence, expected an object"),
        (br#"{"bomFormat":"CycloneDX","specVersion":"1.3"}"#, r#""1.3" is a version"#),
        (br#"{"bomFormat":"CycloneDX"}"#, r#""" is a version"#),
        (br#"{"spdxVersion":"SPDX-3.0"}"#, "SPDX-3.0"),
        (br#"{"@context":"https://spdx.org","@graph":[]}"#, "SPDX 3"),
        (br#"{"bomFormat":"CycloneDX","specVersion":"1.6"} x"#, "trailing characters"),
        (br#"{"bomFormat":"CycloneDX","#, "EOF"),
    ] {
        let said = says(bytes);
        assert!(said.contains(words), "{words:?} is not in {said:?}");
    }
}

#[test]
fn what_is_broken_is_said_with_its_place() {
    let document = br#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
        {"name":"a"},{"name":"b","components":[{"name":"c","version":1.2}]}]}"#;
    let said = read(document).unwrap_err().to_string();
    assert!(said.starts_with("components[1].components[0].version: "), "{said}");
    assert!(said.contains("expected a string at line 2"), "{said}");
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    let document = b"\xef\xbb\xbf{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.4\"}";
    assert_eq!(read(document).unwrap().seen, 0);
}

#[test]
fn more_components_than_may_be_are_refused_whether_side_by_side_or_within_each_other() {
    let many = vec!["{}"; COMPONENTS_MAX + 1].join(",");
    let flat = format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{many}]}}"#);
    let said = read(flat.as_bytes()).unwrap_err().to_string();
    assert!(said.contains("more than 100000 components"), "{said}");
    // No list of it is too long.
    let few = vec!["{}"; COMPONENTS_MAX / 2].join(",");
    let nested = format!(r#"{{"components":[{few},{{"components":[{few}]}}]}}"#);
    let said = read(nested.as_bytes()).unwrap_err().to_string();
    assert!(said.contains("more than 100000 components"), "{said}");
}

#[test]
fn a_document_that_is_nested_without_end_is_refused() {
    let deep = r#"{"components":["#.repeat(100_000);
    let said = read(deep.as_bytes()).unwrap_err().to_string();
    assert!(said.contains("recursion limit"), "{said}");
    let deep = format!(r#"{{"x":{}"#, "[".repeat(1_000_000));
    assert!(read(deep.as_bytes()).is_err());
}

#[test]
fn unknown_members_and_nulls_are_passed_over() {
    let found = only(&json!([{
        "name": "a", "purl": "pkg:npm/a@1", "version": null, "supplier": null, "properties": null,
        "evidence": { "identity": [], "occurrences": [{ "location": "/srv/a" }, {}] },
        "components": null, "licenses": [{ "expression": "MIT" }], "hashes": [{ "alg": "MD5" }],
    }]));
    assert_eq!(found.locations, ["/srv/a"]);
}
