// @ts-check
/** The page's composition root: joins the page's parts to the browser and to what is seen of them. */
import { render } from "lit-html";
import { io } from "socket.io-client";
import { App } from "./app/app.js";
import { draftStore, editStore } from "./storage/drafts.js";
import { IDENTITY_KEYS } from "./storage/identity.js";
import { LocalStore, storageOrNull } from "./storage/local_store.js";
import { OutboxStore } from "./storage/outbox_store.js";
import { ROOMS_KEY } from "./storage/rooms.js";
import { TabCoordinator } from "./storage/tab_coordinator.js";
import { systemClock } from "./protocol/clock.js";
import { DEFAULT_ROOM, hashForRoom, ROOM_RULE, roomFromHash } from "./protocol/wire.js";
import { mentions } from "./model/mentions.js";
import { ComposerState } from "./model/composer_state.js";
import { Notifier } from "./view/notifier.js";
import { bannerLine, typingLine } from "./view/banner.js";
import { Composer } from "./view/composer.js";
import { Conversation } from "./view/conversation.js";
import { Dialogs } from "./view/dialogs.js";
import { drawer } from "./view/drawer.js";
import { element } from "./view/element.js";
import { head } from "./view/header.js";
import { listenToKeys } from "./view/shortcuts.js";
import { Panels } from "./view/panels.js";
import { RenderScheduler } from "./view/render_scheduler.js";
import { side } from "./view/sidebar.js";
import { cycleTheme, applyTheme, loadTheme } from "./view/theme.js";

/** How often times in words, and the list of all rooms, are made anew, in milliseconds. */
const REFRESH_MS = 30_000;

const store = new LocalStore(storageOrNull("localStorage"));
const writing = new ComposerState(draftStore(store), editStore(new LocalStore(storageOrNull("sessionStorage"))));
const tab = newNonce();
const outboxStore = new OutboxStore(indexedDBOrNone(), (reason) => app.notKept(reason), navigator.storage);
/** Where one is in the lists. */
const places = { filter: "" };

applyTheme(loadTheme(store));

const app = new App(
  {
    io,
    fetch: (...request) => fetch(...request),
    clock: systemClock,
    store,
    outboxStore: { put: (entry) => void outboxStore.put({ ...entry, tab }), remove: (entry) => void outboxStore.remove(entry) },
    newNonce,
    network: () => navigator.onLine,
  },
  {
    changed: (...regions) => schedule.changed(...regions),
    looks,
    atEnd: () => conversation.isAtEndOf(app.book.active),
    arrived(joined, messages) {
      const active = joined === app.book.active;
      if (active && looks()) attention.announce(messages);
      for (const message of messages) {
        if (!looks() && (active || mentions(message.text, app.me.name))) attention.notify(message);
      }
    },
  },
  roomFromHash(location.hash) ?? DEFAULT_ROOM,
);

const attention = new Notifier(store, goTo);
const dialogs = new Dialogs();
const panels = new Panels(() => {
  app.cluster.watch(panels.drawer === "cluster");
  schedule.changed("head", "drawer");
});
const conversation = new Conversation(
  {
    older: () => app.history.older(app.book.active),
    newer: () => app.history.newer(app.book.active),
    latest: () => app.history.newest(app.book.active),
    moved: () => app.looked(),
    refresh: () => schedule.changed("talk"),
  },
  {
    react: (seq, text, on) => app.react(seq, text, on),
    reply: (message, text) => composer.reply(message, text),
    copy: (text) => void copy(text),
    edit: ({ seq }, text) => composer.edit(seq, text),
    remove: (seq) => dialogs.ask("Delete this message for everyone?", "Delete it", () => app.remove(seq)),
    retry: (nonce) => app.outbox.retry(nonce),
    discard: (nonce) => app.outbox.discard(nonce),
  },
);
const composer = new Composer(writing, {
  write: (text) => app.write(text),
  edit: (seq, text) => app.edit(seq, text),
  typing: () => app.people.tell(),
  editLast() {
    const own = app.book.active.timeline.texts.findLast((message) => message.author.id === app.me.id);
    const folded = own && app.book.active.timeline.fold.of(own);
    if (own && folded && !folded.deleted) composer.edit(own.seq, folded.text);
  },
  *people() {
    yield* app.people.members.values();
    for (const { author } of app.book.active.timeline.texts) yield author;
  },
});

/** @type {Record<import("./app/app.js").Region, () => void>} */
const regions = {
  side() {
    const { joined, listed, active, totals } = app.book;
    const state = { joined, listed, active: active.name, filter: places.filter, now: app.now, me: app.me, node: app.online ? app.cluster.node : "" };
    render(side(state, sideActions), panels.side);
    attention.count(active.name, totals);
  },
  head() {
    const { active, totals } = app.book;
    const state = {
      room: active.name,
      people: app.people.known ? app.people.count : null,
      drawer: panels.drawer,
      searches: app.search.able,
      canLeave: app.book.canLeave,
      elsewhere: totals.unread - active.unread,
      theme: loadTheme(store),
      notices: attention.notices,
    };
    render(head(state, headActions), element("head", HTMLElement));
  },
  talk() {
    const { active } = app.book;
    conversation.render({
      joined: active,
      entries: app.outbox.entries(active.name),
      me: app.me,
      members: app.people.members.values(),
      now: app.now,
      settled: active.room.state === "live",
    });
    conversation.settle();
  },
  drawer() {
    if (panels.drawer === null) return;
    const { me, people, search, cluster, deliveries, now } = app;
    const state = { drawer: panels.drawer, room: app.book.active.name, me, people, search, now, cluster: { cluster, deliveries, now } };
    render(drawer(state, drawerActions), panels.details);
  },
  banner: () => render(bannerLine(app.calm.shown, app.warning, bannerActions), element("banner", HTMLElement)),
  typing: () => render(typingLine(app.people.typists), element("typing", HTMLElement)),
};
const schedule = new RenderScheduler((/** @type {import("./app/app.js").Region} */ region) => regions[region]());

/** @type {import("./view/sidebar.js").SideActions} */
const sideActions = {
  filter(words) {
    places.filter = words;
    schedule.changed("side");
  },
  enter: goTo,
  identity: () => dialogs.identity(app.me, (name, color) => app.rename(name, color)),
  close: () => panels.closeSide(),
};
/** @type {import("./view/header.js").HeadActions} */
const headActions = {
  rooms: () => panels.openSide(),
  drawer: (which) => panels.toggle(which),
  leave: () => dialogs.ask(`Leave ${app.book.active.name}?`, "Leave it", () => leave(app.book.active.name)),
  help: () => dialogs.help(),
  theme() {
    applyTheme(cycleTheme(store));
    schedule.changed("head");
  },
  async notify() {
    await attention.toggleNotices();
    schedule.changed("head");
  },
};
/** @type {import("./view/drawer.js").DrawerActions} */
const drawerActions = {
  close: () => panels.close(),
  search: (words) => app.search.look(app.book.active.name, words),
  further: () => app.search.further(),
  show(seq) {
    panels.closeIfOver();
    app.history.around(app.book.active, seq, () => conversation.reveal(seq));
  },
  elsewhere: () => app.cluster.elsewhere(),
  call(user) {
    panels.closeIfOver();
    composer.call(user);
  },
};
const bannerActions = {
  retry: () => app.connection.hasten(),
  dismiss() {
    app.warning = "";
    schedule.changed("banner");
  },
};

listenToKeys(document, () => dialogs.open, {
  help: () => dialogs.help(),
  find() {
    panels.openSide();
    element("room", HTMLInputElement).select();
  },
  search: () => panels.toggle("search", true),
  step,
  escape() {
    if (panels.closeIfOver()) return;
    conversation.toEnd();
    composer.focus();
  },
});
addEventListener("hashchange", changeRoom);
addEventListener("online", () => app.connection.doubt());
addEventListener("offline", () => {
  app.connection.doubt();
  app.tell();
});
addEventListener("focus", () => app.looked());
addEventListener("pagehide", () => app.book.keepReads());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  // A machine that has slept does not know yet that its connection is gone.
  app.connection.doubt();
  app.looked();
});
addEventListener("storage", ({ key }) => {
  if (key === ROOMS_KEY) app.book.changedElsewhere(app.online);
  if (key !== null && IDENTITY_KEYS.includes(key)) app.renamedElsewhere();
});
setInterval(() => {
  app.tell();
  if (panels.drawer === "cluster") schedule.changed("drawer");
}, 1_000);
setInterval(() => {
  schedule.changed("side", "talk", "drawer");
  if (app.online && !document.hidden) app.book.list();
}, REFRESH_MS);

changeRoom();
schedule.changed("side", "head", "talk", "drawer", "banner", "typing");
app.open();
const channel = "BroadcastChannel" in window ? new BroadcastChannel("chorus") : undefined;
await new TabCoordinator(tab, { locks: navigator.locks, channel }, outboxStore, (entries) => app.outbox.restore(entries)).start();

function changeRoom() {
  const name = roomFromHash(location.hash);
  if (name === null) {
    app.book.active.timeline.note(ROOM_RULE);
    history.replaceState(null, "", `#${hashForRoom(app.book.active.name)}`);
    schedule.changed("talk");
    return;
  }
  app.look(name);
  composer.room(name);
  panels.closeSide();
}

/** @param {string} room */
function goTo(room) {
  places.filter = "";
  panels.closeSide();
  location.hash = hashForRoom(room) || DEFAULT_ROOM;
  schedule.changed("side");
  composer.focus();
}

/** @param {string} room */
function leave(room) {
  app.leave(room);
  goTo(app.book.active.name);
  composer.room(app.book.active.name);
}

/**
 * @param {1 | -1} step
 * @param {boolean} onlyUnread
 */
function step(step, onlyUnread) {
  const rooms = [...app.book.joined.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  const at = rooms.indexOf(app.book.active);
  for (let n = 1; n < rooms.length; n += 1) {
    const next = rooms[(at + n * step + n * rooms.length) % rooms.length];
    if (!next || (onlyUnread && next.unread === 0)) continue;
    goTo(next.name);
    return;
  }
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    composer.hint("");
  } catch {
    composer.hint("The browser does not let the page copy.");
  }
}

function looks() {
  return document.visibilityState === "visible" && document.hasFocus();
}

function indexedDBOrNone() {
  try {
    return window.indexedDB;
  } catch {
    return undefined;
  }
}

/** 128 random bits; not `randomUUID`, which plain http at an address does not have. */
function newNonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
