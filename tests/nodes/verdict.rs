//! The load generator's verdict on real nodes: clean as they are, and not clean after a delivery was tampered with.

use std::net::SocketAddr;

use chorus_load::{
    options::Options,
    report::{Report, Violations},
    run::run,
};
use clap::Parser as _;
use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::common::{node::Cluster, until_async};

/// Parses a command line for these nodes.
fn options(addrs: &[SocketAddr], args: &str) -> Options {
    let urls = addrs.iter().map(|addr| format!("http://{addr}"));
    let args = args.split_whitespace().map(str::to_owned);
    Options::parse_from(["chorus-load".to_owned()].into_iter().chain(urls).chain(args))
}

async fn report(addrs: &[SocketAddr], args: &str) -> Report {
    run(options(addrs, args), &Notify::new()).await.expect("a run comes to its end")
}

/// The kinds of violations that were found.
fn found(violations: &Violations) -> Vec<&'static str> {
    let Violations { lost, doubled, inverted, disagreements, ghosts, holes, unacked, nodes } = violations;
    let named = [
        (lost, "lost"),
        (doubled, "doubled"),
        (inverted, "inverted"),
        (disagreements, "disagreements"),
        (ghosts, "ghosts"),
        (holes, "holes"),
        (unacked, "unacked"),
        (nodes, "nodes"),
    ];
    named.into_iter().filter(|(count, _)| 0 < **count).map(|(_, name)| name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_is_lost_repeated_or_swapped_fails_the_verdict() {
    let cluster = Cluster::start(2).await;
    let addrs = cluster.addrs();
    let planted = [("", ""), ("loss", "lost"), ("repeat", "doubled"), ("swap", "inverted")];
    let runs = planted.map(async |(plant, kind)| {
        let plant = if plant.is_empty() { String::new() } else { format!("--plant {plant}") };
        let args = format!("--room plant-{kind} --clients 4 --rate 40 --duration 500ms {plant}");
        (kind, report(&addrs, &args).await)
    });
    for (kind, report) in join_all(runs).await {
        let wanted: Vec<&str> = Some(kind).filter(|kind| !kind.is_empty()).into_iter().collect();
        assert_eq!(found(&report.violations), wanted, "{report:?}");
        assert_eq!(report.clean, wanted.is_empty());
        assert_eq!(report.examples.len(), wanted.len());
        assert_eq!((report.messages.offered, report.messages.acked), (20, 20));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_all_kinds_miss_nothing_when_their_node_is_killed() {
    let mut cluster = Cluster::start(3).await;
    // They stay away long enough to miss more pages than may be unacked.
    let args = "--clients 24 --rate 200 --duration 4s --namespace mixed --transport mixed \
                --backoff-min 2s --backoff-max 2s";
    let addrs = cluster.addrs();
    let kill = async {
        let accepted = async || cluster.nodes[0].metric("chorus_messages_accepted_total").await;
        until_async("messages are sent", async || 5.0 < accepted().await).await;
        cluster.nodes[1].kill();
    };
    let (report, ()) = tokio::join!(report(&addrs, args), kill);
    assert!(report.clean, "{report:?}");
    assert_eq!((report.messages.offered, report.messages.delivered), (800, 800 * 24));
    assert_eq!(report.connections.clients_reconnected, 8, "those of the node that was killed");
    assert_eq!(report.connections.recovery.count, report.connections.reconnects);
    assert_eq!(report.seconds.iter().map(|second| second.offered).collect::<Vec<_>>(), [200; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_say_is_counted_and_judged_by_nobody() {
    let cluster = Cluster::start(2).await;
    let addrs = cluster.addrs();
    // Messages from before the run belong to no client's expectations.
    let before = report(&addrs, "--clients 2 --rate 20 --duration 500ms").await;
    let one = report(&addrs, "--clients 4 --senders 2 --in-flight 2 --duration 1s --namespace mixed");
    let other = report(&addrs, "--clients 3 --rate 40 --duration 1s --transport polling");
    let (one, other) = tokio::join!(one, other);
    for report in [&before, &one, &other] {
        assert!(report.clean, "{report:?}");
    }
    assert_eq!((before.messages.foreign, before.messages.delivered), (0, 20));
    assert_eq!(other.messages.delivered, 40 * 3);
    assert_eq!(one.messages.delivered, one.messages.offered * 4);
    assert!(0 < one.messages.foreign && one.messages.foreign <= 40 * 4, "{:?}", one.messages);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_for_a_while_is_sent_again_in_its_order() {
    let cluster = Cluster::of(1).set("limits.messages_per_second", 10).start().await;
    let args = "--clients 4 --rate 1000000 --duration 100us --namespace mixed --ack-timeout 200ms";
    let report = report(&cluster.addrs(), args).await;
    assert!(report.clean, "{report:?}");
    assert_eq!(report.messages.acked, 100);
    for code in ["rate_limited", "retry_first"] {
        assert!(report.refusals.contains_key(code), "{:?}", report.refusals);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_stopped_is_judged_as_far_as_it_came() {
    let cluster = Cluster::start(1).await;
    let (stop, options) = (Notify::new(), options(&cluster.addrs(), "--clients 2 --rate 20 --duration 1h"));
    let halt = async {
        let accepted = async || cluster.nodes[0].metric("chorus_messages_accepted_total").await;
        until_async("messages are sent", async || 3.0 < accepted().await).await;
        stop.notify_one();
    };
    let (report, ()) = tokio::join!(run(options, &stop), halt);
    let report = report.unwrap();
    assert!(report.clean, "{report:?}");
    assert!((4..1_000).contains(&report.messages.acked), "{:?}", report.messages);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_stack_there_is_no_verdict() {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
    let error = run(options(&[nobody], ""), &Notify::new()).await.unwrap_err();
    assert!(format!("{error:#}").contains("127.0.0.1:1 does not say where lobby stands"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_answer_heartbeats() {
    let node = Cluster::of(1).set("socketio.ping_interval", "200ms").set("socketio.ping_timeout", "3s");
    let args = "--clients 4 --rate 4 --duration 5s --namespace mixed --transport mixed";
    let report = report(&node.start().await.addrs(), args).await;
    assert!(report.clean, "{report:?}");
    assert_eq!(report.connections.reconnects, 0, "{:?}", report.connections);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_missing_fail_the_verdict_where_they_are_expected() {
    let cluster = Cluster::start(2).await;
    for (expected, missing) in [(2, 0), (3, 1)] {
        let args = format!("--clients 2 --rate 20 --duration 200ms --expect-nodes {expected}");
        let report = report(&cluster.addrs(), &args).await;
        assert_eq!((report.violations.nodes, report.clean), (missing, missing == 0), "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_everything_is_refused_there_is_no_verdict() {
    let cluster = Cluster::of(1).set("limits.max_message_bytes", 100).start().await;
    for namespace in ["chat", "tutorial"] {
        let args = format!("--clients 2 --rate 20 --duration 200ms --text-bytes 200 --namespace {namespace}");
        let error = run(options(&cluster.addrs(), &args), &Notify::new()).await.unwrap_err();
        assert!(
            error.to_string().contains(
                r#"nothing was stored, so that there is nothing to judge; refusals: {"bad_text": 4}"#
            ),
            "{error:#}"
        );
    }
}
