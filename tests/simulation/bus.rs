//! The bus between the nodes: it loses, delays, repeats and is down.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chorus::chat::{
    model::{Message, RoomName},
    ports::{ClusterBus, Hint, Hints},
};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::{dice::Dice, history::History, life::Life, tally::Effect, weather::Weather};

/// What lies between the nodes.
pub(crate) struct Network {
    places: Mutex<Vec<Place>>,
    weather: Arc<Weather>,
    history: Arc<History>,
    dice: Mutex<Dice>,
    tracker: TaskTracker,
}

/// A node, as the network sees it.
#[derive(Default)]
struct Place {
    /// Which of its lives this is.
    number: u64,
    hints: Option<Hints>,
    /// The rooms that it wants hints of.
    wanted: BTreeSet<RoomName>,
    /// Those of them whose subscription has taken effect.
    heard: BTreeSet<RoomName>,
}

impl Network {
    pub(crate) fn new(
        nodes: usize,
        weather: Arc<Weather>,
        history: Arc<History>,
        dice: Dice,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let places = Mutex::new((0..nodes).map(|_| Place::default()).collect());
        Arc::new(Self { places, weather, history, dice: Mutex::new(dice), tracker })
    }

    /// A node's bus for one life, which hears through `hints`.
    pub(crate) fn join(self: &Arc<Self>, node: usize, life: Arc<Life>, hints: Hints) -> Bus {
        let place = &mut self.places()[node];
        *place = Place { number: place.number + 1, hints: Some(hints), ..Place::default() };
        Bus { network: self.clone(), node, number: place.number, life }
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_up(&self, node: usize) -> bool {
        !self.weather.rages(Effect::BusDown, node)
    }

    fn strikes(&self, what: Effect, node: usize, percent: u64) -> bool {
        let strikes = self.weather.rages(what, node) && self.dice().percent(percent);
        if strikes {
            self.history.struck(what, node);
        }
        strikes
    }

    /// Cuts a node off, until [`reconnect`](Self::reconnect).
    pub(crate) fn disconnect(&self, node: usize) {
        self.places()[node].heard.clear();
    }

    /// Takes a node's subscriptions up again.
    pub(crate) fn reconnect(self: &Arc<Self>, node: usize) {
        let (wanted, number) = {
            let place = &self.places()[node];
            (place.wanted.clone(), place.number)
        };
        wanted.into_iter().for_each(|room| self.subscribe(node, number, room));
    }

    /// A subscription takes a while; its node then compares the room with the log.
    fn subscribe(self: &Arc<Self>, node: usize, number: u64, room: RoomName) {
        let (network, pause) = (self.clone(), self.dice().ms(0, 5));
        self.tracker.spawn(async move {
            sleep(pause).await;
            let mut places = network.places();
            let place = &mut places[node];
            if network.is_up(node) && place.number == number && place.wanted.contains(&room) {
                place.heard.insert(room.clone());
                place.tell(Hint::Gap(room));
            }
        });
    }

    /// Sends a hint on its way to a node.
    fn send(self: &Arc<Self>, to: usize, hint: Hint) {
        if !self.is_up(to) {
            return self.history.struck(Effect::BusDown, to);
        }
        if self.strikes(Effect::HintLost, to, 60) {
            return;
        }
        if self.strikes(Effect::HintRepeated, to, 60) {
            self.carry(to, hint.clone(), 500);
        }
        let late = self.strikes(Effect::HintLate, to, 60);
        self.carry(to, hint, if late { 2_000 } else { 2 });
    }

    fn carry(self: &Arc<Self>, to: usize, hint: Hint, ms_max: u64) {
        let (network, number) = (self.clone(), self.places()[to].number);
        let pause = self.dice().ms(0, ms_max);
        self.tracker.spawn(async move {
            sleep(pause).await;
            let places = network.places();
            let place = &places[to];
            let wants = hint_room(&hint).is_some_and(|room| place.heard.contains(room));
            if wants && place.number == number {
                place.tell(hint);
            }
        });
    }
}

impl Place {
    fn tell(&self, hint: Hint) {
        if let Some(hints) = &self.hints {
            // A full channel drops, as the contract says.
            let _ = hints.try_send(hint);
        }
    }
}

fn hint_room(hint: &Hint) -> Option<&RoomName> {
    match hint {
        Hint::Messages(messages) => messages.first().map(|first| &first.draft.room),
        Hint::Head(room, _) | Hint::Gap(room) => Some(room),
    }
}

/// One node's bus, for one life.
pub(crate) struct Bus {
    network: Arc<Network>,
    node: usize,
    number: u64,
    life: Arc<Life>,
}

impl ClusterBus for Bus {
    fn publish(&self, messages: &[Arc<Message>]) {
        self.life.published();
        if !self.is_up() {
            return self.network.history.struck(Effect::BusDown, self.node);
        }
        let mut rooms: BTreeMap<&RoomName, Vec<Arc<Message>>> = BTreeMap::new();
        for message in messages {
            rooms.entry(&message.draft.room).or_default().push(message.clone());
        }
        for (room, batch) in rooms {
            let places = self.network.places().len();
            for to in (0..places).filter(|to| *to != self.node) {
                // Now and then a batch is too large to travel whole.
                let whole = !self.network.dice().percent(10);
                let last = batch.last().expect("a batch is not empty").seq;
                let hint = if whole { Hint::Messages(batch.clone()) } else { Hint::Head(room.clone(), last) };
                self.network.send(to, hint);
            }
        }
    }

    fn subscribe(&self, room: &RoomName) {
        self.network.places()[self.node].wanted.insert(room.clone());
        self.network.subscribe(self.node, self.number, room.clone());
    }

    fn unsubscribe(&self, room: &RoomName) {
        let place = &mut self.network.places()[self.node];
        // What a dead node still held is dropped after it has begun another life.
        if place.number == self.number {
            place.wanted.remove(room);
            place.heard.remove(room);
        }
    }

    fn is_up(&self) -> bool {
        self.network.is_up(self.node)
    }
}
