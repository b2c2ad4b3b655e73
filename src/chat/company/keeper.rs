//! This node's word in the store of presence, and the others' in return: a lease, and what whispers may have lost.

use std::{mem, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Company, LEASE, State};
use crate::{
    chat::{ports::PresenceError, presence::Roster, types::RoomName},
    sync::lock,
};

/// Pause between two renewals of the lease, and two looks at who else lives.
pub(super) const BEAT: Duration = Duration::from_secs(2);

/// With every so many beats all rooms are asked for anew: a whisper may have been lost.
const BEATS_PER_REFRESH: u64 = 5;

/// For so long changes are gathered before other nodes are told.
const TELL_PAUSE: Duration = Duration::from_millis(200);

/// Rooms of one call of the store.
const ROOMS_PER_CALL: usize = 128;

/// How long the store may take to forget a node that goes.
const WITHDRAW_PATIENCE: Duration = Duration::from_secs(1);

impl Company {
    /// Keeps this node's word in the store, and learns what the others say, until the node stops.
    pub async fn keep(self: Arc<Self>, stop: CancellationToken) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0;
        let work = async {
            loop {
                tokio::select! {
                    biased;
                    _ = beats.tick() => {
                        let outcome = self.beat(count % BEATS_PER_REFRESH == 0).await;
                        self.note(outcome);
                        count += 1;
                    }
                    () = self.due.notified() => {
                        sleep(TELL_PAUSE).await;
                        // Without the store there is nothing to do before the next beat.
                        if lock(&self.state).complete {
                            let outcome = self.exchange(false).await;
                            self.note(outcome);
                        }
                    }
                }
            }
        };
        let _: Option<()> = stop.run_until_cancelled(work).await;
        // If it is not told, the lease ends by itself.
        let _ = timeout(WITHDRAW_PATIENCE, self.store.withdraw()).await;
    }

    /// Notes whether the store can be asked, and says so when that changes.
    fn note(&self, outcome: Result<(), PresenceError>) {
        let complete = outcome.is_ok();
        let before = mem::replace(&mut lock(&self.state).complete, complete);
        self.stats.presence_complete.set(i64::from(complete));
        if let Err(error) = outcome
            && before
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "who is on other nodes is not known until they can be asked for again");
        }
        self.forget_the_dead();
    }

    async fn beat(&self, refresh: bool) -> Result<(), PresenceError> {
        if !self.store.renew(&self.status(), LEASE).await? {
            let mut state = lock(&self.state);
            let State { rooms, tell, .. } = &mut *state;
            for (name, room) in rooms {
                room.told = Some(Roster::default());
                tell.insert(name.clone());
            }
        }
        let others = self.store.nodes().await?;
        let is_new = {
            let mut state = lock(&self.state);
            let until = Instant::now() + LEASE;
            let before = mem::take(&mut state.alive);
            state.alive = others.iter().map(|(run, _)| (*run, until)).collect();
            others.iter().any(|(run, _)| !before.contains_key(run))
        };
        self.exchange(refresh || is_new).await
    }

    /// Tells the store what it is to be told, and asks it for rooms that are new here, or for all.
    async fn exchange(&self, all: bool) -> Result<(), PresenceError> {
        self.tell().await?;
        let mut names: Vec<_> = {
            let state = lock(&self.state);
            let wanted = state.rooms.iter().filter(|(_, room)| all || !room.asked);
            wanted.map(|(name, _)| name.clone()).collect()
        };
        names.sort();
        for names in names.chunks(ROOMS_PER_CALL) {
            let asked = Instant::now();
            let answers = self.store.ask(names).await?;
            let mut state = lock(&self.state);
            names.iter().zip(answers).for_each(|(name, rosters)| state.learn(name, rosters, asked));
        }
        Ok(())
    }

    async fn tell(&self) -> Result<(), PresenceError> {
        let rosters = self.untold();
        for (at, rosters_now) in rosters.chunks(ROOMS_PER_CALL).enumerate() {
            if let Err(error) = self.store.tell(rosters_now).await {
                self.tell_again(&rosters[at * ROOMS_PER_CALL..]);
                return Err(error);
            }
        }
        // Only now: as long as it has a room, this node knows that the store may have people in it.
        let mut state = lock(&self.state);
        for (name, roster) in &rosters {
            let is_over = state.rooms.get(name).is_some_and(|room| room.members.is_empty());
            if roster.count() == 0 && is_over {
                state.rooms.remove(name);
            }
        }
        Ok(())
    }

    /// What the store does not know of this node's people.
    fn untold(&self) -> Vec<(RoomName, Roster)> {
        let mut state = lock(&self.state);
        let mut names: Vec<_> = mem::take(&mut state.tell).into_iter().collect();
        names.sort();
        let mut rosters = Vec::new();
        for name in names {
            let Some(room) = state.rooms.get_mut(&name) else { continue };
            let roster = room.members.roster();
            if room.told.as_ref() != Some(&roster) {
                room.told = Some(roster.clone());
                rosters.push((name, roster));
            } else if room.members.is_empty() {
                // Who came had left again before anybody was told.
                state.rooms.remove(&name);
            }
        }
        rosters
    }

    /// It is not known what the store has of these.
    fn tell_again(&self, rosters: &[(RoomName, Roster)]) {
        let mut state = lock(&self.state);
        for (name, _) in rosters {
            state.tell.insert(name.clone());
            if let Some(room) = state.rooms.get_mut(name) {
                room.told = None;
            }
        }
    }

    /// Other nodes that were not heard of for a lease have no people any more.
    fn forget_the_dead(&self) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        let State { rooms, look, alive, .. } = &mut *state;
        alive.retain(|_, until| now < *until);
        for (name, room) in rooms {
            if room.presence.forget(|run| alive.contains_key(&run)) {
                look.insert(name.clone());
            }
        }
    }
}
