//! Exchanges rosters between nodes through the presence store: renews the lease, publishes what changed here, and
//! fetches what updates may have lost.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    chat::{
        model::{RoomName, Roster},
        ports::PresenceError,
        presence::tracker::{LEASE, PresenceTracker, TrackerState},
    },
    sync::lock,
};

/// Pause between two heartbeats: each renews the lease and looks which other nodes are alive.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// One heartbeat in this many fetches all rooms: an update may have been lost.
const HEARTBEATS_PER_REFRESH: u64 = 5;

/// How long changes are collected before they are published.
const PUBLISH_PAUSE: Duration = Duration::from_millis(200);

/// Rooms in one call of the store.
const ROOMS_PER_CALL: usize = 128;

/// How long the store may take to forget a node that stops.
const WITHDRAW_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs until the node stops, and then gives up the lease.
pub async fn run(tracker: Arc<PresenceTracker>, stop: CancellationToken) {
    let tracker = &*tracker;
    let mut heartbeats = interval(HEARTBEAT);
    heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count = 0;
    let work = async {
        loop {
            tokio::select! {
                biased;
                _ = heartbeats.tick() => {
                    let outcome = heartbeat(tracker, count % HEARTBEATS_PER_REFRESH == 0).await;
                    note(tracker, outcome);
                    count += 1;
                }
                () = tracker.sync_due.notified() => {
                    sleep(PUBLISH_PAUSE).await;
                    // Without the store there is nothing to do before the next heartbeat.
                    if lock(&tracker.state).is_complete {
                        let outcome = exchange(tracker, false).await;
                        note(tracker, outcome);
                    }
                }
            }
        }
    };
    let _: Option<()> = stop.run_until_cancelled(work).await;
    // If this fails, the lease expires by itself.
    let _ = timeout(WITHDRAW_TIMEOUT, tracker.store.withdraw()).await;
}

/// Records whether the store can be reached, and logs when that changes.
fn note(tracker: &PresenceTracker, outcome: Result<(), PresenceError>) {
    let is_complete = outcome.is_ok();
    let before = mem::replace(&mut lock(&tracker.state).is_complete, is_complete);
    tracker.stats.presence_complete.set(i64::from(is_complete));
    if let Err(error) = outcome
        && before
    {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "presence covers this node only until the presence store can be reached again");
    }
    forget_dead_nodes(tracker);
}

async fn heartbeat(tracker: &PresenceTracker, refresh: bool) -> Result<(), PresenceError> {
    if !tracker.store.renew(&tracker.status(), LEASE).await? {
        let mut state = lock(&tracker.state);
        let TrackerState { rooms, to_publish, .. } = &mut *state;
        for (name, room) in rooms {
            room.published = Some(Roster::default());
            to_publish.insert(name.clone());
        }
    }
    let others = tracker.store.nodes().await?;
    let has_new_node = {
        let mut state = lock(&tracker.state);
        let until = Instant::now() + LEASE;
        let before = mem::take(&mut state.alive_until);
        state.alive_until = others.iter().map(|(instance, _)| (*instance, until)).collect();
        others.iter().any(|(instance, _)| !before.contains_key(instance))
    };
    exchange(tracker, refresh || has_new_node).await
}

/// Publishes this node's changes, and fetches rooms that are new here, or all.
async fn exchange(tracker: &PresenceTracker, all: bool) -> Result<(), PresenceError> {
    publish(tracker).await?;
    let mut names: Vec<_> = {
        let state = lock(&tracker.state);
        let wanted = state.rooms.iter().filter(|(_, room)| all || !room.is_fetched);
        wanted.map(|(name, _)| name.clone()).collect()
    };
    names.sort();
    for names in names.chunks(ROOMS_PER_CALL) {
        let fetched_at = Instant::now();
        let fetched = tracker.store.fetch(names).await?;
        let mut state = lock(&tracker.state);
        for (name, rosters) in names.iter().zip(fetched) {
            state.take_fetched(name, rosters, fetched_at);
        }
    }
    Ok(())
}

async fn publish(tracker: &PresenceTracker) -> Result<(), PresenceError> {
    let rosters = unpublished(tracker);
    for (call, rosters_of_call) in rosters.chunks(ROOMS_PER_CALL).enumerate() {
        if let Err(error) = tracker.store.publish(rosters_of_call).await {
            mark_unknown(tracker, &rosters[call * ROOMS_PER_CALL..]);
            return Err(error);
        }
    }
    // Only now: while it tracks a room, this node knows that the store may have a roster of it.
    let mut state = lock(&tracker.state);
    for (name, roster) in &rosters {
        let is_empty = state.rooms.get(name).is_some_and(|room| room.members.is_empty());
        if roster.count() == 0 && is_empty {
            state.rooms.remove(name);
        }
    }
    Ok(())
}

/// The rosters that differ from those in the store.
fn unpublished(tracker: &PresenceTracker) -> Vec<(RoomName, Roster)> {
    let mut state = lock(&tracker.state);
    let mut names: Vec<_> = mem::take(&mut state.to_publish).into_iter().collect();
    names.sort();
    let mut rosters = Vec::new();
    for name in names {
        let Some(room) = state.rooms.get_mut(&name) else { continue };
        let roster = room.members.roster();
        if room.published.as_ref() != Some(&roster) {
            room.published = Some(roster.clone());
            rosters.push((name, roster));
        } else if room.members.is_empty() {
            // Its members left again before they were published.
            state.rooms.remove(&name);
        }
    }
    rosters
}

/// Notes that it is not known what the store has of these rooms.
fn mark_unknown(tracker: &PresenceTracker, rosters: &[(RoomName, Roster)]) {
    let mut state = lock(&tracker.state);
    for (name, _) in rosters {
        state.to_publish.insert(name.clone());
        if let Some(room) = state.rooms.get_mut(name) {
            room.published = None;
        }
    }
}

/// Drops the rosters of nodes that were not heard from for a lease.
fn forget_dead_nodes(tracker: &PresenceTracker) {
    let mut state = lock(&tracker.state);
    let now = Instant::now();
    let TrackerState { rooms, to_notify, alive_until, .. } = &mut *state;
    alive_until.retain(|_, until| now < *until);
    for (name, room) in rooms {
        if room.presence.retain_nodes(|instance| alive_until.contains_key(&instance)) {
            to_notify.insert(name.clone());
        }
    }
}
