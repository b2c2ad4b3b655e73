//! A node drains in stages, within its time limit, and loses nothing.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::common::{
    client::{seqs, texts},
    node::{Cluster, Plan},
    polling::Polling,
    traffic::{Nodes, follow, post_end, post_while},
    until_async,
};

fn quick(plan: Plan) -> Plan {
    plan.set("drain.delay", "500ms").set("drain.spread", "500ms").set("drain.timeout", "5s")
}

#[tokio::test]
async fn a_drain_fails_readiness_then_closes_the_listener_then_cuts_the_sockets() {
    // Long enough for all checks before the listener closes.
    let plan = quick(Cluster::of(1)).set("drain.delay", "3s").set("drain.timeout", "10s");
    let mut cluster = plan.without_redis().start().await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    let mut eve = cluster.nodes[0].tutorial().await;
    ada.say("before").await;

    cluster.nodes[0].terminate();
    until_async("readiness fails", async || cluster.nodes[0].get("/readyz").await.status == 503).await;
    let ready = cluster.nodes[0].get("/readyz").await;
    assert_eq!((ready.status, ready.json()["status"].clone()), (503, json!("draining")));
    assert_eq!(cluster.nodes[0].get("/healthz").await.status, 200);
    ada.say("meanwhile").await;
    let addr = cluster.nodes[0].addr();
    until_async("the listener is closed", async || TcpStream::connect(addr).await.is_err()).await;

    assert_eq!(texts(&ada.messages_until_gone().await), ["before", "meanwhile"]);
    assert_eq!(texts(&eve.messages_until_gone().await), ["before", "meanwhile"]);
    let exit = cluster.nodes[0].exit().await;
    assert_eq!(exit.code(), Some(0), "{exit:?}");

    let node = cluster.add_node().await;
    let mut eve = node.tutorial().await;
    assert_eq!(texts(&eve.messages(2).await), ["before", "meanwhile"]);
    eve.expect_silence(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn idle_half_sent_and_polling_connections_do_not_hold_a_drain() {
    let mut cluster = quick(Cluster::of(1)).without_redis().start().await;
    let addr = cluster.nodes[0].addr();
    let idle = TcpStream::connect(addr).await.unwrap();
    let mut half = TcpStream::connect(addr).await.unwrap();
    half.write_all(b"POST /api/sessions HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut body = TcpStream::connect(addr).await.unwrap();
    let head = b"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    body.write_all(head).await.unwrap();
    let session = Polling::open(addr, "40").await;
    let mut poll = TcpStream::connect(addr).await.unwrap();
    poll.write_all(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", session.path).as_bytes()).await.unwrap();

    cluster.nodes[0].terminate();
    let exit = cluster.nodes[0].exit().await;
    assert_eq!(exit.code(), Some(0), "{exit:?}");
    drop((idle, half, body, poll));
}

#[tokio::test]
async fn a_node_whose_log_is_its_memory_drains_in_time() {
    let mut cluster = quick(Cluster::of(0)).without_redis().start().await;
    cluster.add_node_with(&[("DATABASE_URL", "memory://")]).await;
    let mut ada = cluster.nodes[0].in_lobby().await;
    ada.say("gone with its node").await;
    cluster.nodes[0].terminate();
    let exit = cluster.nodes[0].exit().await;
    assert_eq!(exit.code(), Some(0), "{exit:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_under_traffic_move_to_the_other_node_and_lose_nothing() {
    let mut cluster = quick(Cluster::of(2)).start().await;
    let nodes = Nodes::new(cluster.addrs());
    let followers = join_all((0..50).map(|n| follow(nodes.clone(), n, ["/chat", "/"][n / 2 % 2])));
    let posters = join_all((0..4).map(|n| {
        post_while(nodes.clone(), n, format!("p{n}"), Duration::from_millis(20), |count| count < 60)
    }));
    let drain = async {
        for node in &cluster.nodes {
            until_async("half are on the node", async || node.metric("chorus_cursors").await == 25.0).await;
        }
        cluster.nodes[0].terminate();
        let exit = cluster.nodes[0].exit().await;
        assert_eq!(exit.code(), Some(0), "{exit:?}");
    };
    let traffic = async {
        tokio::join!(posters, drain);
        post_end(nodes.clone()).await;
    };
    let (followed, ()) = tokio::join!(followers, traffic);

    let expected: Vec<u64> = (1..=241).collect();
    for follower in &followed {
        assert_eq!(seqs(&follower.shown), expected);
        assert_eq!(follower.shown, followed[0].shown);
    }
    assert_eq!(
        followed.iter().map(|follower| follower.reconnects).sum::<usize>(),
        25,
        "half of them moved once"
    );
}

#[tokio::test]
async fn rolling_through_all_nodes_loses_nothing() {
    let mut cluster = quick(Cluster::of(2)).start().await;
    let nodes = Nodes::new(cluster.addrs());
    let followers = join_all((0..6).map(|n| follow(nodes.clone(), n, ["/chat", "/"][n / 2 % 2])));
    let stop = std::cell::Cell::new(false);
    let posters =
        join_all((0..2).map(|n| {
            post_while(nodes.clone(), n, format!("p{n}"), Duration::from_millis(10), |_| !stop.get())
        }));
    let roll = async {
        for old in 0..2 {
            let new = cluster.add_node().await.addr();
            nodes.add(new);
            let leaving = &mut cluster.nodes[old];
            leaving.terminate();
            nodes.remove(leaving.addr());
            assert_eq!(leaving.exit().await.code(), Some(0));
        }
        stop.set(true);
    };
    let traffic = async {
        let (acked, ()) = tokio::join!(posters, roll);
        post_end(nodes.clone()).await;
        acked.iter().sum::<usize>() as u64
    };
    let (followed, acked) = tokio::join!(followers, traffic);
    for follower in &followed {
        assert_eq!(seqs(&follower.shown), (1..=acked + 1).collect::<Vec<_>>());
        assert_eq!(follower.shown, followed[0].shown);
    }
}
