//! Proxies that answer as they should, and those that do not.

use tokio::io::duplex;

use super::*;

const TARGET: &str = "collector.example:7070";

fn plain() -> Proxy {
    Proxy::parse("http://proxy.example:3128", None).expect("a proxy")
}

fn with_password() -> Proxy {
    Proxy::parse("http://agent@proxy.example:3128", Some("pass word")).expect("a proxy")
}

/// What the agent makes of an answer, and what it asked.
async fn outcome(proxy: &Proxy, answer: &[u8]) -> (Result<(), ProxyError>, String) {
    let (mut near, mut far) = duplex(64 * 1024);
    near.write_all(answer).await.expect("room");
    let asked = ask(&mut far, proxy, TARGET).await;
    drop(far);
    let mut request = String::new();
    near.read_to_string(&mut request).await.expect("text");
    (asked, request)
}

async fn words(proxy: &Proxy, answer: &[u8]) -> String {
    let (asked, _) = outcome(proxy, answer).await;
    asked.expect_err("refused").to_string()
}

#[tokio::test]
async fn asks_for_the_collector_by_its_name_and_shows_no_password_it_was_not_given() {
    let (asked, request) = outcome(&plain(), b"HTTP/1.1 200 OK\r\n\r\n").await;
    asked.expect("a way");
    assert_eq!(
        request,
        "CONNECT collector.example:7070 HTTP/1.1\r\nHost: collector.example:7070\r\n\r\n"
    );
}

#[tokio::test]
async fn shows_the_proxy_its_password() {
    let (asked, request) = outcome(&with_password(), b"HTTP/1.0 200 fine\r\nVia: x\r\n\r\n").await;
    asked.expect("a way");
    // "agent:pass word" in base64 (RFC 7617).
    assert!(
        request.contains("\r\nProxy-Authorization: Basic YWdlbnQ6cGFzcyB3b3Jk\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn leaves_to_tls_what_follows_the_answer() {
    let (mut near, mut far) = duplex(1_024);
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\nTLS").await.expect("room");
    ask(&mut far, &plain(), TARGET).await.expect("a way");
    let mut rest = [0; 3];
    far.read_exact(&mut rest).await.expect("three bytes");
    assert_eq!(&rest, b"TLS");
}

#[tokio::test]
async fn says_what_each_refusal_means() {
    let basic = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n";
    assert!(words(&plain(), basic).await.contains("proxy_password_file"));
    assert!(words(&with_password(), basic).await.contains("wrong"));
    let negotiate = b"HTTP/1.1 407 No\r\nproxy-authenticate: Negotiate\r\n\r\n";
    for proxy in [plain(), with_password()] {
        assert!(words(&proxy, negotiate).await.contains("takes no Basic"));
    }
    for (answer, word) in [
        (&b"HTTP/1.1 403 Forbidden\r\n\r\n"[..], "allowed"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "cannot reach"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://portal\r\n\r\n", "portal"),
        (b"HTTP/1.1 418 Teapot\r\n\r\n", "418"),
    ] {
        let said = words(&plain(), answer).await;
        assert!(said.contains(word), "{said}");
    }
}

#[tokio::test]
async fn never_says_the_password() {
    for answer in [
        &b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n"[..],
        b"HTTP/1.1 500 No\r\n\r\n",
        b"220 smtp.example\r\n",
    ] {
        let said = words(&with_password(), answer).await;
        assert!(!said.contains("pass word") && !said.contains("YWdl"), "{said}");
    }
    assert!(!format!("{:?}", with_password()).contains("pass"));
}

#[tokio::test]
async fn takes_nothing_else_for_an_answer() {
    for (answer, word) in [
        (&b"220 smtp.example ESMTP\r\n"[..], "not HTTP"),
        (b"HTTP/1.1 OK\r\n\r\n", "no HTTP proxy"),
        (b"HTTP/1.1 2\r\n\r\n", "no HTTP proxy"),
        (b"HTTP/1.1 200 \xff\xff\r\n\r\n", "not text"),
    ] {
        let said = words(&plain(), answer).await;
        assert!(said.contains(word), "{said}");
    }
}

#[tokio::test]
async fn headers_without_an_end_are_given_up() {
    let endless = [&b"HTTP/1.1 200 OK\r\n"[..], &b"X: y\r\n".repeat(4_000)].concat();
    assert!(words(&plain(), &endless).await.contains("no end"));
}

#[tokio::test]
async fn a_body_of_any_length_is_not_read() {
    let (mut near, mut far) = duplex(1_024);
    let answering = async {
        let head = b"HTTP/1.1 503 No\r\nContent-Length: 10000000\r\n\r\n";
        near.write_all(head).await.expect("room");
        let body = [b'x'; 1_000];
        let mut sent = 0;
        while near.write_all(&body).await.is_ok() {
            sent += body.len();
        }
        sent
    };
    let asking = async {
        let asked = ask(&mut far, &plain(), TARGET).await;
        drop(far);
        asked
    };
    let (sent, asked) = tokio::join!(answering, asking);
    assert!(matches!(asked, Err(ProxyError::Refused { status: 503, .. })));
    assert!(sent <= 2_000, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn who_trickles_an_answer_is_given_up() {
    let (mut near, mut far) = duplex(1_024);
    let proxy = plain();
    let trickling = async {
        for byte in b"HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyy".iter().cycle() {
            near.write_all(&[*byte]).await.expect("room");
            // Virtual time: a proxy that is this slow.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        () = trickling => panic!("nobody gave up"),
        asked = ask(&mut far, &proxy, TARGET) => {
            assert!(matches!(asked, Err(ProxyError::Slow { .. })), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_hangs_up_is_said() {
    let (near, mut far) = duplex(1_024);
    drop(near);
    let asked = ask(&mut far, &plain(), TARGET).await;
    assert!(matches!(asked, Err(ProxyError::Broken { .. })), "{asked:?}");
}
