//! Microsoft's CSAF documents, one a CVE.

use super::*;

#[test]
fn csaf_says_the_same_of_one_cve() {
    let published = csaf::parse(EDGE.as_bytes()).unwrap();
    let advisory = of(&published, "CVE-2025-29806");
    assert_eq!(statements(advisory), ["microsoft:edge_chromium 129.0.2792.52"]);
    assert_eq!(advisory.severity, "important");
}

#[test]
fn csaf_tells_the_update_by_its_address() {
    let windows = EDGE
        .replace("Microsoft Edge (Chromium-based)", "Windows 10 Version 22H2 for x64-based Systems")
        .replace(
            "129.0.2792.52:Security Update:https://docs.microsoft.com/en-us/DeployEdge/microsoft-edge-relnotes-security",
            "10.0.19045.5608:Security Update:https://support.microsoft.com/help/5053606",
        );
    let catalogue = "https://catalog.update.microsoft.com/v7/site/Search.aspx?q=KB5053606";
    let by_catalogue = windows.replace(
        "https://docs.microsoft.com/en-us/DeployEdge/microsoft-edge-relnotes-security",
        catalogue,
    );
    assert_ne!(windows, by_catalogue);
    for document in [windows, by_catalogue] {
        let published = csaf::parse(document.as_bytes()).unwrap();
        assert_eq!(
            statements(of(&published, "CVE-2025-29806")),
            ["10 22h2 x64 windows 10.0.19045.5608 KB5053606"]
        );
    }
}

#[test]
fn csaf_without_a_fix_leaves_the_end_open_and_of_other_products_says_nothing() {
    let open = EDGE.replace("vendor_fix", "none_available");
    let windows = open.replace("Microsoft Edge (Chromium-based)", "Windows Server 2019");
    let published = csaf::parse(windows.as_bytes()).unwrap();
    assert_eq!(statements(of(&published, "CVE-2025-29806")), ["server 2019 windows open"]);

    let other = EDGE.replace("Microsoft Edge (Chromium-based)", "Azure Linux");
    let published = csaf::parse(other.as_bytes()).unwrap();
    assert!(published.advisories.is_empty());
    assert_eq!(
        (published.not_used, published.left_out.as_slice()),
        (1, &["Microsoft: Azure Linux".to_owned()][..])
    );

    let advisory = EDGE.replace("msrc_CVE-2025-29806", "msrc_ADV190023");
    assert_eq!(
        csaf::parse(advisory.as_bytes()).unwrap(),
        Published { not_used: 1, ..Published::default() }
    );
}

#[test]
fn bad_csaf_is_refused_with_the_reason() {
    for (from, to, reason) in [
        ("\"cve\": \"CVE-2025-29806\"", "\"cve\": \"CVE-2025-1\"", "holds another one"),
        ("2025-03-21T07:00:00.000Z", "soon", "expected an instant"),
        ("msrc_CVE-2025-29806", "msrc_CVE-25", "no CVE id"),
        ("\"product_tree\": {", "\"product_tree\": [{", "expected"),
    ] {
        let document = EDGE.replace(from, to);
        assert_ne!(document, EDGE, "{from}");
        let refused = csaf::parse(document.as_bytes()).unwrap_err();
        assert!(refused.contains(reason), "{refused}");
    }
}
