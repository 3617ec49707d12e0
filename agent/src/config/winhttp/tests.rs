//! Values as Windows writes them, what is none, and whom their exceptions are about.

use super::*;

/// A value with these servers and exceptions.
fn value(flags: u8, servers: &str, bypass: &str) -> Vec<u8> {
    let mut value = vec![0x28, 0, 0, 0, 7, 0, 0, 0, flags, 0, 0, 0];
    for text in [servers, bypass] {
        let length = u32::try_from(text.len()).expect("short");
        value.extend(length.to_le_bytes());
        value.extend(text.bytes());
    }
    value
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u32> = hexadecimal.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("a byte")).collect()
}

/// The address of the proxy and the exceptions.
fn proxy(value: &[u8]) -> Option<(String, Vec<String>)> {
    match WinHttp::parse(value).expect("a value") {
        WinHttp::Direct | WinHttp::Script => None,
        WinHttp::Proxy { proxy, bypass } => Some((proxy.address(), bypass)),
    }
}

#[test]
fn a_new_windows_says_that_there_is_no_proxy() {
    // As Microsoft writes it down for "direct access".
    let direct = bytes("1800000000000000010000000000000000000000");
    assert_eq!(WinHttp::parse(&direct), Ok(WinHttp::Direct));
    // Switched on, and nothing is named.
    let empty = bytes("2800000000000000030000000000000000000000");
    assert_eq!(WinHttp::parse(&empty), Ok(WinHttp::Direct));
    // To look for one by itself is what newer ones are told.
    assert_eq!(WinHttp::parse(&value(9, "", "")), Ok(WinHttp::Direct));
}

#[test]
fn reads_what_netsh_has_written() {
    // netsh winhttp set proxy proxy.contoso.com:8080 "localhost;*.contoso.com"
    let set = bytes(
        "18000000 00000000 03000000 16000000 70726f78792e636f6e746f736f2e636f6d3a38303830 \
         17000000 6c6f63616c686f73743b2a2e636f6e746f736f2e636f6d",
    );
    let (address, bypass) = proxy(&set).expect("a proxy");
    assert_eq!(address, "proxy.contoso.com:8080");
    assert_eq!(bypass, ["localhost", "*.contoso.com"]);
    // The form of newer ones, with a script's address and more behind, that is not looked at.
    let mut newer = value(15, "10.0.0.8", "<local>");
    newer.extend(value(0, "http://wpad/wpad.dat", ""));
    assert_eq!(proxy(&newer), Some(("10.0.0.8:80".to_owned(), vec!["<local>".to_owned()])));
}

#[test]
fn of_several_servers_the_one_for_tls_counts() {
    for (servers, wanted) in [
        ("http=one:1;https=two:2", Some("two:2")),
        ("HTTPS=two", Some("two:80")),
        ("https=http://two:2/", Some("two:2")),
        ("one:1 two:2", Some("one:1")),
        ("ftp=one:1;two:2", Some("two:2")),
        ("[2001:db8::1]:3", Some("[2001:db8::1]:3")),
        ("http=192.168.5.45:3128", None),
        ("socks=one:1", None),
        (" ; ", None),
    ] {
        let found = proxy(&value(3, servers, "")).map(|(address, _)| address);
        assert_eq!(found.as_deref(), wanted, "{servers}");
    }
}

#[test]
fn a_value_without_the_length_of_its_exceptions_has_none() {
    let whole = value(3, "proxy:8080", "");
    let short = &whole[..whole.len() - 4];
    assert_eq!(proxy(short), Some(("proxy:8080".to_owned(), Vec::new())));
}

#[test]
fn what_is_no_value_is_refused_without_repeating_it() {
    let whole = value(3, "proxy:8080", "secret");
    for length in 0..whole.len() {
        // All but the one that has no exceptions.
        assert!(WinHttp::parse(&whole[..length]).is_err() || length == 26, "{length}");
    }
    for wrong in [
        value(3, "https://u:secret@proxy:1", ""),
        value(3, "proxy:secret", ""),
        value(3, "pro\u{1b}xy:1", ""),
        bytes("2800000000000000 03000000 ffffffffffffffff"),
        bytes("2800000000000000 03000000 02000000 fffe 00000000"),
        vec![0; BYTES_MAX + 1],
    ] {
        let why = WinHttp::parse(&wrong).expect_err("refused");
        assert!(!why.contains("secret"), "{why}");
    }
}

#[test]
fn an_exception_is_about_what_it_names_and_no_more() {
    for (entry, host, port, is_it) in [
        ("contoso.com", "contoso.com", 7070, true),
        ("contoso.com", "a.contoso.com", 7070, false),
        ("*.contoso.com", "a.CONTOSO.com", 7070, true),
        ("*.contoso.com", "contoso.com", 7070, false),
        ("*contoso*", "my.contoso.example", 7070, true),
        ("10.*", "10.1.2.3", 7070, true),
        ("10.*", "110.1.2.3", 7070, false),
        ("http://collector.example", "collector.example", 7070, true),
        ("collector.example:7070", "collector.example", 7070, true),
        ("collector.example:443", "collector.example", 7070, false),
        ("2001:db8::5", "2001:db8::5", 7070, true),
        ("[2001:db8::5]:7070", "2001:db8::5", 7070, true),
        ("[2001:db8::5]:443", "2001:db8::5", 7070, false),
        ("<local>", "collector", 7070, true),
        ("<LOCAL>", "collector.", 7070, true),
        ("<local>", "collector.example", 7070, false),
        ("<local>", "2001:db8::5", 7070, false),
        ("*", "anything.example", 7070, true),
        ("a*b*c", "axxbxbxc", 1, true),
        ("a*b*c", "axxbxbx", 1, false),
        ("", "collector", 7070, false),
    ] {
        assert_eq!(is_about(entry, host, port), is_it, "{entry} and {host}:{port}");
    }
}

#[test]
fn a_pattern_of_stars_takes_no_time() {
    let pattern = "*a".repeat(20_000);
    assert!(!fits(pattern.as_bytes(), "a".repeat(253).as_bytes()));
}

fn reach(proxy: Option<&str>) -> Reach {
    let proxy = proxy.map(|text| Proxy::parse(text, None).expect("a proxy"));
    let proxies = ProxyRule { proxy, bypass: vec!["*".to_owned()], ..ProxyRule::default() };
    Reach { proxies, ..Reach::default() }
}

#[test]
fn the_services_proxy_takes_the_place_of_the_environments_with_its_exceptions() {
    let told = || WinHttp::parse(&value(3, "proxy:8080", "*.intern.example")).expect("a value");
    let mut both = reach(Some("other:1"));
    assert_eq!(told().overlay(&mut both, None), None);
    let to = |reach: &Reach, address: &str| reach.proxies.for_address(address).map(Proxy::address);
    assert_eq!(to(&both, "collector.example:7070").as_deref(), Some("proxy:8080"));
    assert_eq!(to(&both, "collector.intern.example:7070"), None);
    // What was written for the agent counts before what was written for every service.
    told().overlay(&mut both, Some(vec!["collector.example".to_owned()]));
    assert_eq!(to(&both, "collector.example:7070"), None);
    assert_eq!(to(&both, "collector.intern.example:7070").as_deref(), Some("proxy:8080"));
}

#[test]
fn a_script_is_named_where_nothing_else_is_known_and_changes_nothing() {
    let script = || WinHttp::parse(&value(5, "", "")).expect("a value");
    let mut nothing = reach(None);
    let said = script().overlay(&mut nothing, None).expect("a warning");
    assert!(said.contains("PAC") && said.contains("`proxy`"), "{said}");
    let mut other = reach(Some("other:1"));
    assert_eq!(script().overlay(&mut other, None), None);
    assert_eq!(WinHttp::Direct.overlay(&mut other, None), None);
    assert_eq!(other, reach(Some("other:1")));
}
