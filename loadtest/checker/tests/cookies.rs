//! Clients send the balancer's cookie back, so they stay on their node.

#![cfg(test)]

use std::future::Future;

use chorus_load::{engine::Engine, http::Jar, options::Transport, target::Target};
use futures_util::SinkExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
    },
};

const HANDSHAKE: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;
const SET_COOKIE: &str = "chorus_node=a; path=/; httponly";

/// Opens two sessions, one after the other, and returns the cookies of their requests.
async fn cookies_of_two<F: Future<Output = String>>(
    transport: Transport,
    serve: impl Fn(TcpStream) -> F,
) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target: Target = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (jar, mut cookies) = (Jar::default(), Vec::new());
    for _ in 0..2 {
        let served = async { serve(listener.accept().await.unwrap().0).await };
        let (opened, cookie) = tokio::join!(Engine::open(&target, &jar, transport), served);
        opened.unwrap();
        cookies.push(cookie);
    }
    cookies
}

#[tokio::test]
async fn a_websocket_that_comes_back_brings_its_cookie() {
    // Serves the websocket handshake and the first frame.
    let serve = async |tcp: TcpStream| {
        let mut cookie = String::new();
        #[expect(clippy::result_large_err, reason = "the library's callback has this type")]
        let respond = |request: &Request, mut response: Response| {
            let sent = request.headers().get("cookie").map(|value| value.to_str().unwrap());
            sent.unwrap_or_default().clone_into(&mut cookie);
            response.headers_mut().insert("set-cookie", SET_COOKIE.parse().unwrap());
            Ok(response)
        };
        let mut websocket = accept_hdr_async(tcp, respond).await.unwrap();
        websocket.send(Message::text(HANDSHAKE)).await.unwrap();
        cookie
    };
    assert_eq!(cookies_of_two(Transport::Websocket, serve).await, ["", "chorus_node=a"]);
}

#[tokio::test]
async fn a_polling_client_brings_its_cookie() {
    // Serves one request.
    let serve = async |tcp: TcpStream| {
        let (mut lines, mut cookie) = (BufReader::new(tcp).lines(), String::new());
        while let Some(line) = lines.next_line().await.unwrap().filter(|line| !line.is_empty()) {
            if let Some(value) = line.strip_prefix("cookie: ") {
                value.clone_into(&mut cookie);
            }
        }
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nSet-Cookie: {SET_COOKIE}", HANDSHAKE.len());
        let response = format!("{head}\r\n\r\n{HANDSHAKE}");
        lines.into_inner().into_inner().write_all(response.as_bytes()).await.unwrap();
        cookie
    };
    assert_eq!(cookies_of_two(Transport::Polling, serve).await, ["", "chorus_node=a"]);
}
