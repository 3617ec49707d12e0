//! What the program itself tells others: a webhook's message goes out by itself, and a stream of events
//! neither waits for the end of an answer nor keeps the program from stopping.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::world::World;

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a document to the API; the status and the answer.
fn post(world: &World, path: &str, document: &Value) -> (String, Value) {
    let mut stream = TcpStream::connect(world.collector.http).unwrap();
    let (key, body) = (&world.key, document.to_string());
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().to_owned();
    (status, serde_json::from_str(body).unwrap_or_default())
}

/// The head and the body of the first request that comes; it is answered with 200.
async fn first_request(listener: &TcpListener) -> (String, Value) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut text = String::new();
    loop {
        let mut piece = [0; 4_096];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the request ended early: {text}");
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if let Ok(body) = serde_json::from_str(body) {
            let head = head.to_lowercase();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            return (head, body);
        }
    }
}

#[tokio::test]
async fn a_trial_goes_out_by_itself_and_a_stream_does_not_hold_up_a_stop() {
    let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::with(|command| {
        command
            .env("MUSTER_WEBHOOKS_ALLOW_HTTP", "true")
            .env("MUSTER_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.1,::1")
            // A proxy would be asked to connect for us; none may be.
            .env("HTTP_PROXY", "http://127.0.0.1:1")
            .env("http_proxy", "http://127.0.0.1:1");
    })
    .await;
    let port = receiver.local_addr().unwrap().port();
    let webhook = json!({ "name": "trial", "kinds": ["finding.opened"],
                          "url": format!("http://127.0.0.1:{port}/in") });
    let (status, made) = post(&world, "/api/v1/webhooks", &webhook);
    assert_eq!(status, "201", "{made}");
    let one = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    let (status, sent) = post(&world, &format!("{one}/test"), &json!({}));
    assert_eq!(status, "202", "{sent}");
    let came = tokio::time::timeout(PATIENCE, first_request(&receiver)).await;
    let (head, message) = came.unwrap();
    assert!(head.starts_with("post /in http/1.1"), "{head}");
    assert!(head.contains("muster-signature: t="), "{head}");
    assert_eq!(
        (&message["id"], &message["events"][0]["kind"]),
        (&sent["id"], &json!("webhook.test"))
    );
    let delivery = format!("{one}/deliveries/{}", sent["id"].as_str().unwrap());
    world
        .until("the message is delivered", async || world.ask(&delivery)["state"] == "delivered")
        .await;
    let metrics = world.collector.get("/metrics");
    assert!(metrics.contains("muster_webhook_deliveries_total{outcome=\"delivered\"} 1"));

    let mut stream = TcpStream::connect(world.collector.http).unwrap();
    let key = &world.key;
    write!(
        stream,
        "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Accept-Encoding: gzip\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    while !text.contains("retry: ") {
        let mut piece = [0; 4_096];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "{text}");
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
    assert!(text.to_lowercase().contains("content-type: text/event-stream"), "{text}");
    let (status, said) = world.collector.stop();
    assert_eq!(status.code(), Some(0), "{said}");
    stream.read_to_string(&mut text).unwrap();
}
