//! Draws the schedule of faults, and injects them.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    client::{Vanish, VanishSignal},
    clock::JUMP_MS_MAX,
    effects::Effect,
    history::Event,
    node::Cluster,
    rng::SeededRng,
};

/// The faults and their relative frequencies.
const WEIGHTS: [(Effect, u64); 18] = [
    (Effect::HintLost, 8),
    (Effect::HintLate, 6),
    (Effect::HintRepeated, 6),
    (Effect::BusDown, 6),
    (Effect::LogBusy, 8),
    (Effect::LogFailing, 8),
    (Effect::LogUnknown, 8),
    (Effect::LogSlow, 6),
    (Effect::LogUnreadable, 6),
    (Effect::Crash, 8),
    (Effect::CrashAtCommit, 8),
    (Effect::SocketSlow, 8),
    (Effect::SocketStalled, 8),
    (Effect::ClientVanished, 10),
    (Effect::ClientVanishedUnnoticed, 8),
    (Effect::ClockForward, 4),
    (Effect::ClockBack, 4),
    (Effect::ClockErratic, 6),
];

/// A crash kills its node at one of this many next polls.
const POLLS_MAX: u64 = 600;
/// A crash after a commit: few polls, so that it falls between the commit and its ack and publish.
const POLLS_AFTER_COMMIT_MAX: u64 = 6;

/// One fault of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    effect: Effect,
    at: Duration,
    /// How long it lasts, if it does.
    duration: Duration,
    target: usize,
    /// Its amount: polls, or milliseconds.
    amount: u64,
}

/// Draws the faults within `span`, in the order of their times.
pub(crate) fn schedule(rng: &mut SeededRng, span: Duration, nodes: usize, clients: usize) -> Vec<Fault> {
    let count = rng.between(12, 18);
    let mut faults: Vec<_> = (0..count).map(|_| draw(rng, span, nodes, clients)).collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn draw(rng: &mut SeededRng, span: Duration, nodes: usize, clients: usize) -> Fault {
    let mut point = rng.between(1, WEIGHTS.iter().map(|(_, weight)| weight).sum());
    let drawn = WEIGHTS.into_iter().find(|(_, weight)| {
        let is_hit = point <= *weight;
        point = point.saturating_sub(*weight);
        is_hit
    });
    let (effect, _) = drawn.expect("a point within the sum of the weights");
    let hits_client = matches!(
        effect,
        Effect::SocketSlow | Effect::SocketStalled | Effect::ClientVanished | Effect::ClientVanishedUnnoticed
    );
    let amount = match effect {
        Effect::Crash => rng.between(1, POLLS_MAX),
        Effect::CrashAtCommit => rng.between(0, POLLS_AFTER_COMMIT_MAX),
        _ => rng.between(1_000, JUMP_MS_MAX),
    };
    let duration = match effect {
        Effect::SocketStalled => rng.ms(500, 8_000),
        Effect::ClientVanished | Effect::ClientVanishedUnnoticed => rng.ms(0, 4_000),
        _ => rng.ms(300, 4_000),
    };
    let target = rng.below(if hits_client { clients } else { nodes });
    Fault { effect, at: rng.ms(0, span.as_millis() as u64), duration, target, amount }
}

/// Injects each fault at its time, and returns when all of them are over.
pub(crate) async fn inject(
    faults: Vec<Fault>,
    began: Instant,
    cluster: Arc<Cluster>,
    vanish_signals: Vec<Arc<VanishSignal>>,
) {
    let mut over = Instant::now();
    for fault in faults {
        sleep_until(began + fault.at).await;
        begin(fault, &cluster, &vanish_signals);
        over = over.max(Instant::now() + fault.duration);
    }
    sleep_until(over).await;
    for node in (0..cluster.count()).filter_map(|number| cluster.node(number)) {
        node.instance.cancel_kill();
    }
    cluster.environment().history.record(Event::Healed);
}

fn begin(fault: Fault, cluster: &Arc<Cluster>, vanish_signals: &[Arc<VanishSignal>]) {
    let Fault { effect, duration, target, amount, .. } = fault;
    let environment = cluster.environment();
    environment.history.record(Event::FaultBegan { effect, target });
    match effect {
        Effect::Crash | Effect::CrashAtCommit => {
            // A node that is down already cannot crash.
            let Some(node) = cluster.node(target) else { return };
            environment.history.took_effect(effect, target);
            if effect == Effect::Crash {
                node.instance.kill_after(amount);
            } else {
                node.instance.kill_after_commit(amount);
            }
        }
        Effect::ClientVanished | Effect::ClientVanishedUnnoticed => {
            environment.history.took_effect(effect, target);
            let noticed = effect == Effect::ClientVanished;
            vanish_signals[target].send(Vanish { away: duration, noticed });
        }
        Effect::ClockForward | Effect::ClockBack => {
            environment.history.took_effect(effect, target);
            let by = amount as i64;
            environment.clocks[target].jump(if effect == Effect::ClockForward { by } else { -by });
        }
        Effect::BusDown => {
            environment.faults.begin(effect, target, duration);
            environment.network.disconnect(target);
            let (network, up_at) = (environment.network.clone(), environment.faults.end(effect, target));
            environment.tracker.spawn(async move {
                sleep_until(up_at).await;
                network.reconnect(target);
            });
        }
        _ => environment.faults.begin(effect, target, duration),
    }
}
