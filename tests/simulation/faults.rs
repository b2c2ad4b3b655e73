//! What goes wrong in a world, and when.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::{
    client::{Orders, Vanishing},
    clock::JUMP_MS_MAX,
    dice::Dice,
    history::Event,
    node::Cluster,
    tally::Effect,
};

/// How often each fault is drawn, beside the others.
const DRAWN: [(Effect, u64); 18] = [
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
    (Effect::ClockRestless, 6),
];

/// A node that is doomed dies at one of its next so many polls.
const POLLS_MAX: u64 = 600;
/// The same after a commit, so that it is among those that answer and publish it.
const POLLS_AFTER_COMMIT_MAX: u64 = 6;

/// One fault of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    what: Effect,
    at: Duration,
    /// For how long, where it is something that lasts.
    time: Duration,
    target: usize,
    /// By how much, where that is a number.
    much: u64,
}

/// Draws what goes wrong within `span`, in its order.
pub(crate) fn schedule(dice: &mut Dice, span: Duration, nodes: usize, clients: usize) -> Vec<Fault> {
    let count = dice.between(12, 18);
    let mut faults: Vec<_> = (0..count).map(|_| draw(dice, span, nodes, clients)).collect();
    faults.sort_by_key(|fault| fault.at);
    faults
}

fn draw(dice: &mut Dice, span: Duration, nodes: usize, clients: usize) -> Fault {
    let mut place = dice.between(1, DRAWN.iter().map(|(_, weight)| weight).sum());
    let drawn = DRAWN.into_iter().find(|(_, weight)| {
        let here = place <= *weight;
        place = place.saturating_sub(*weight);
        here
    });
    let (what, _) = drawn.expect("a place below the sum of the weights");
    let of_client = matches!(
        what,
        Effect::SocketSlow | Effect::SocketStalled | Effect::ClientVanished | Effect::ClientVanishedUnnoticed
    );
    let much = match what {
        Effect::Crash => dice.between(1, POLLS_MAX),
        Effect::CrashAtCommit => dice.between(0, POLLS_AFTER_COMMIT_MAX),
        _ => dice.between(1_000, JUMP_MS_MAX),
    };
    let time = match what {
        Effect::SocketStalled => dice.ms(500, 8_000),
        Effect::ClientVanished | Effect::ClientVanishedUnnoticed => dice.ms(0, 4_000),
        _ => dice.ms(300, 4_000),
    };
    let target = dice.below(if of_client { clients } else { nodes });
    Fault { what, at: dice.ms(0, span.as_millis() as u64), time, target, much }
}

/// Lets everything go wrong in its time, and returns when all of it is over.
pub(crate) async fn befall(
    faults: Vec<Fault>,
    began: Instant,
    cluster: Arc<Cluster>,
    orders: Vec<Arc<Orders>>,
) {
    let mut over = Instant::now();
    for fault in faults {
        sleep_until(began + fault.at).await;
        begin(fault, &cluster, &orders);
        over = over.max(Instant::now() + fault.time);
    }
    sleep_until(over).await;
    for node in (0..cluster.count()).filter_map(|number| cluster.node(number)) {
        node.life.spare();
    }
    cluster.ground().history.note(Event::Healed);
}

fn begin(fault: Fault, cluster: &Arc<Cluster>, orders: &[Arc<Orders>]) {
    let Fault { what, time, target, much, .. } = fault;
    let ground = cluster.ground();
    ground.history.note(Event::Fault { what, target });
    match what {
        Effect::Crash | Effect::CrashAtCommit => {
            // One that is dead is as dead as it can be.
            let Some(node) = cluster.node(target) else { return };
            ground.history.struck(what, target);
            if what == Effect::Crash { node.life.doom(much) } else { node.life.doom_at_commit(much) }
        }
        Effect::ClientVanished | Effect::ClientVanishedUnnoticed => {
            ground.history.struck(what, target);
            orders[target].vanish(Vanishing { away: time, noticed: what == Effect::ClientVanished });
        }
        Effect::ClockForward | Effect::ClockBack => {
            ground.history.struck(what, target);
            let by = much as i64;
            ground.clocks[target].jump(if what == Effect::ClockForward { by } else { -by });
        }
        Effect::BusDown => {
            ground.weather.begin(what, target, time);
            ground.network.disconnect(target);
            let (network, up_at) = (ground.network.clone(), ground.weather.end(what, target));
            ground.tracker.spawn(async move {
                sleep_until(up_at).await;
                network.reconnect(target);
            });
        }
        _ => ground.weather.begin(what, target, time),
    }
}
