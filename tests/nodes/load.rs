//! The promise under load: everyone has everything, once, in one order.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use tokio::{task::JoinSet, time::Instant};

use crate::common::{
    client::seqs,
    node::Cluster,
    traffic::{END, Followed, Nodes, follow, post_end, post_while},
};

const CLIENTS: usize = 300;
/// Of these, one in ten is on `/`.
const TUTORIAL_EVERY: usize = 10;
/// Each posts ten messages a second.
const POSTERS: usize = 30;
const PAUSE: Duration = Duration::from_millis(100);
const RUN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_clients_on_three_nodes_have_each_message_once_and_in_one_order() {
    let cluster = Cluster::of(3).alone().start().await;
    let nodes = Nodes::new(cluster.addrs());
    let mut followers = JoinSet::new();
    for n in 0..CLIENTS {
        let namespace = if n % TUTORIAL_EVERY == 0 { "/" } else { "/chat" };
        followers.spawn(follow(nodes.clone(), n, namespace));
    }
    let connected = async || {
        let mut connected = 0.0;
        for node in &cluster.nodes {
            connected += node.metric("chorus_cursors").await;
        }
        connected == CLIENTS as f64
    };
    crate::common::until_async("all clients are in the lobby", connected).await;

    let started = Instant::now();
    let posters = (0..POSTERS)
        .map(|n| post_while(nodes.clone(), n, format!("p{n}"), PAUSE, move |_| started.elapsed() < RUN));
    let acked: Vec<usize> = join_all(posters).await;
    post_end(nodes.clone()).await;
    let followed: Vec<Followed> = followers.join_all().await;

    let total = acked.iter().sum::<usize>() + 1;
    let sequence = &followed[0].shown;
    assert_eq!(seqs(sequence), (1..=total as u64).collect::<Vec<_>>());
    let expected =
        acked.iter().enumerate().flat_map(|(n, count)| (0..*count).map(move |m| format!("p{n}-{m}")));
    let expected: BTreeSet<String> = expected.chain([END.to_owned()]).collect();
    let shown: BTreeSet<String> = sequence.iter().map(|message| message.text.clone()).collect();
    assert_eq!(shown, expected, "what was acked and what is shown");
    for follower in &followed {
        assert_eq!(&follower.shown, sequence);
        assert_eq!(follower.reconnects, 0);
    }
    report(&followed, total, started.elapsed());
}

/// How much later than the first client the others showed each message: what delivery costs them.
fn report(followed: &[Followed], total: usize, took: Duration) {
    let mut late: Vec<Duration> = Vec::new();
    for message in 0..total {
        let first = followed.iter().map(|follower| follower.at[message]).min().unwrap();
        late.extend(followed.iter().map(|follower| follower.at[message] - first));
    }
    late.sort_unstable();
    let at = |part: usize| late[(late.len() - 1) * part / 100];
    println!(
        "{CLIENTS} clients, {total} messages in {took:.1?}, {} deliveries; after the first client: p50 {:.1?}, p99 {:.1?}",
        late.len(),
        at(50),
        at(99)
    );
}
