// @ts-check
/**
 * The page's composition root. It makes the parts in the order of their dependencies: each gets only
 * parts that exist already. The event emitter, the render scheduler and the viewport come first, so
 * that the app can reach the views without knowing them.
 */
import { App } from "./app/app.js";
import { mentions } from "./model/mentions.js";
import { ComposerState } from "./model/composer_state.js";
import { browserPlatform, indexedDBOrUndefined, newNonce } from "./platform.js";
import { Emitter } from "./protocol/emitter.js";
import { DEFAULT_ROOM, roomFromHash } from "./protocol/wire.js";
import { draftStore, editStore } from "./storage/drafts.js";
import { LocalStore, storageOrNull } from "./storage/local_store.js";
import { OutboxStore } from "./storage/outbox_store.js";
import { TabCoordinator } from "./storage/tab_coordinator.js";
import { Composer } from "./view/composer.js";
import { Conversation } from "./view/conversation.js";
import { Dialogs } from "./view/dialogs.js";
import { element } from "./view/element.js";
import { Navigation } from "./view/navigation.js";
import { Notifier } from "./view/notifier.js";
import { Panels } from "./view/panels.js";
import { createRegions } from "./view/regions.js";
import { RenderScheduler } from "./view/render_scheduler.js";
import { listenForShortcuts } from "./view/shortcuts.js";
import { applyTheme, loadTheme } from "./view/theme.js";
import { Viewport } from "./view/viewport.js";
import { listenToWindow } from "./view/window_events.js";

/**
 * @typedef {import("./app/app.js").Region} Region
 * @typedef {Emitter<import("./app/app.js").AppEvents>} Events
 */

const store = new LocalStore(storageOrNull("localStorage"));
applyTheme(loadTheme(store));

const events = /** @type {Events} */ (new Emitter());
const scheduler = /** @type {RenderScheduler<Region>} */ (new RenderScheduler());
const invalidate = (/** @type {Region[]} */ ...regions) => scheduler.invalidate(...regions);
const viewport = new Viewport();

// The app, which knows no view.
const tab = newNonce();
const outboxDatabase = new OutboxStore(indexedDBOrUndefined(), (reason) => events.emit("storageFailed", reason), navigator.storage);
const outboxStore = {
  put: (/** @type {import("./protocol/outbox.js").Entry} */ entry) => void outboxDatabase.put({ ...entry, tab }),
  remove: (/** @type {{ nonce: string }} */ entry) => void outboxDatabase.remove(entry),
};
const app = new App(browserPlatform(store, outboxStore), viewport, events, invalidate, roomFromHash(location.hash) ?? DEFAULT_ROOM);

// The views, which know the app.
const dialogs = new Dialogs();
const panels = new Panels((drawer) => {
  app.cluster.watch(drawer === "cluster");
  invalidate("header", "drawer");
});
const composerState = new ComposerState(draftStore(store), editStore(new LocalStore(storageOrNull("sessionStorage"))));
const composer = new Composer(composerState, {
  post: (text) => app.publisher.write(text),
  edit: (seq, text) => app.publisher.edit(seq, text),
  typing: () => app.members.sendTyping(),
  lastOwn() {
    const { timeline } = app.rooms.active;
    const own = timeline.texts.findLast((message) => message.author.id === app.me.id);
    const resolved = own && timeline.fold.resolve(own);
    return own && resolved && !resolved.deleted ? { seq: own.seq, text: resolved.text } : null;
  },
  *users() {
    yield* app.members.members.values();
    for (const { author } of app.rooms.active.timeline.texts) yield author;
  },
});
const navigation = new Navigation(app, composer, panels);
const notifier = new Notifier(store, (room) => navigation.goTo(room));
const conversation = new Conversation(
  viewport,
  {
    loadOlder: () => app.history.loadOlder(app.rooms.active),
    loadNewer: () => app.history.loadNewer(app.rooms.active),
    loadNewest: () => app.history.loadNewest(app.rooms.active),
    scrolled: () => app.markVisibleRead(),
    invalidate: () => invalidate("conversation"),
  },
  {
    react: (seq, reaction, on) => app.publisher.react(seq, reaction, on),
    reply: (message, text) => composer.reply(message, text),
    copy: (text) => void copy(text),
    edit: ({ seq }, text) => composer.edit(seq, text),
    remove: (seq) => dialogs.confirm("Delete this message for everyone?", "Delete", () => app.publisher.remove(seq)),
    retry: (nonce) => app.publisher.outbox.retry(nonce),
    discard: (nonce) => app.publisher.outbox.discard(nonce),
  },
);

// What reacts to the app, to the keyboard and to the window.
events.on({
  arrived(room, messages) {
    const active = room === app.rooms.active;
    if (active && viewport.watched) notifier.announce(messages);
    for (const message of messages) {
      if (!viewport.watched && (active || mentions(message.text, app.me.name))) notifier.notify(message);
    }
  },
});
listenForShortcuts(document, () => dialogs.open, {
  help: () => dialogs.help(),
  findRoom() {
    panels.openSidebar();
    element("room", HTMLInputElement).select();
  },
  search: () => panels.toggle("search", true),
  stepRoom: (step, onlyUnread) => navigation.step(step, onlyUnread),
  escape() {
    if (panels.closeOverlay()) return;
    conversation.toEnd();
    composer.focus();
  },
});
listenToWindow(app, navigation, panels);

// Everything exists: draw, connect, and take over what closed windows left in the outbox.
navigation.followHash();
const regions = createRegions({ app, store, navigation, panels, dialogs, composer, conversation, notifier });
invalidate("sidebar", "header", "conversation", "drawer", "banner", "typing");
scheduler.start((region) => regions[region]());
app.open();
const channel = "BroadcastChannel" in window ? new BroadcastChannel("chorus") : undefined;
await new TabCoordinator(tab, { locks: navigator.locks, channel }, outboxDatabase, (entries) => app.publisher.outbox.restore(entries)).start();

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    composer.hint("");
  } catch {
    composer.hint("The browser does not let the page copy.");
  }
}
