// @ts-check
/** The page's composition root: makes the parts and joins them; alone knows all. */
import { io } from "/vendor/socket.io.esm.min.js";
import { systemClock } from "./clock.js";
import { Connection } from "./connection.js";
import { ENTRIES_MAX, Outbox } from "./outbox.js";
import { Room } from "./room.js";
import { banner, noticeText, OPENINGS } from "./status.js";
import { identityIn, localStorageOrNull, outboxIn } from "./storage.js";
import { View } from "./view.js";
import { DEFAULT_ROOM, roomOfHash } from "./wire.js";

/** The longest name that a node takes, in bytes of UTF-8. */
const NAME_BYTES_MAX = 64;

const storage = localStorageOrNull();
const identity = identityIn(storage);

/** @type {import("./wire.js").Session | null} */
let session = null;
let online = false;
let trouble = "";

const view = new View({
  write,
  rename,
  enter: (name) => {
    location.hash = name === DEFAULT_ROOM ? "" : `room=${name}`;
  },
  retry: (nonce) => outbox.retry(nonce),
  discard: (nonce) => outbox.discard(nonce),
});

const connection = new Connection(
  io,
  identity,
  {
    rooms() {
      const place = room.place();
      return place ? { [room.name]: place } : {};
    },
    online: begin,
    offline(why) {
      online = false;
      trouble = why;
      room.offline();
      outbox.offline();
      showStatus();
    },
    messages(messages) {
      const here = messages.filter((message) => message.room === room.name);
      if (0 < here.length) room.take(here);
    },
    notice: (notice) => view.note(noticeText(notice)),
  },
  systemClock,
);

const outbox = new Outbox(
  {
    send(post, answered) {
      connection.ask("post", post, (answer) => {
        answered(/** @type {import("./wire.js").Answer<import("./wire.js").Posted>} */ (answer));
        // The message may have been here before its ack.
        outbox.shown(room.name, room.shown);
      });
    },
    changed: showPending,
    newNonce,
  },
  systemClock,
  outboxIn(storage),
);

let room = openRoom(roomOfHash(location.hash) ?? DEFAULT_ROOM);

view.name(identity.name ?? "");
showStatus();
showPending();
addEventListener("hashchange", changeRoom);
addEventListener("online", showStatus);
addEventListener("offline", showStatus);
connection.open();

/** @param {import("./wire.js").Session} begun */
function begin(begun) {
  session = begun;
  online = true;
  trouble = "";
  view.name(begun.user.name);
  const rooms = begun.rooms ?? {};
  const joined = Object.hasOwn(rooms, room.name) ? rooms[room.name] : undefined;
  room.online(joined ? { epoch: begun.epoch, ...joined } : null);
  outbox.online(begun.user.id);
  showStatus();
}

/**
 * @param {string} name
 * @returns {Room}
 */
function openRoom(name) {
  const opened = new Room(
    name,
    {
      join: (request, answered) => connection.ask("join", request, answered),
      show(messages) {
        view.show(messages.filter(({ kind }) => kind === "text"), session?.user.id ?? "");
        for (const { nonce } of messages) if (nonce !== undefined) outbox.confirm(nonce);
      },
      opened(opening) {
        if (opening === "replaced") {
          view.clear();
          outbox.forgetStored();
        }
        if (OPENINGS[opening]) view.note(OPENINGS[opening]);
      },
      refused: ({ code, detail }) => view.note(`This room cannot be entered: ${detail ?? code}.`),
      changed() {
        outbox.shown(opened.name, opened.shown);
        if (opened === room) showStatus();
      },
    },
    systemClock,
  );
  view.room(name);
  return opened;
}

function changeRoom() {
  const name = roomOfHash(location.hash);
  if (name === null) {
    view.note("A room's name is 1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.'.");
    view.room(room.name);
    history.replaceState(null, "", `#room=${room.name}`);
    return;
  }
  if (name === room.name) return;
  const left = room;
  left.offline();
  if (online) connection.ask("leave", { room: left.name }, () => {});
  view.clear();
  room = openRoom(name);
  if (online) room.online(null);
  showPending();
  showStatus();
}

/**
 * @param {string} text
 * @returns {string | null} Why it was not taken, or `null` if it was.
 */
function write(text) {
  if (text.trim() === "") return "";
  const bytesMax = session?.limits?.maxMessageBytes ?? Infinity;
  const bytes = bytesOf(text);
  if (bytesMax < bytes) return `Too long: ${bytes} bytes of at most ${bytesMax}.`;
  if (!outbox.post(room.name, text)) return `${ENTRIES_MAX} messages are waiting to be sent; no more for now.`;
  return null;
}

/** @param {string} name */
function rename(name) {
  if (NAME_BYTES_MAX < bytesOf(name)) {
    view.note("That name is too long.");
    view.name(identity.name ?? "");
    return;
  }
  if (name === (identity.name ?? "")) return;
  identity.name = name === "" ? undefined : name;
  connection.reopen();
}

function showStatus() {
  view.node(online && session ? session.node : "");
  view.status(banner({ online, wasOnline: session !== null, network: navigator.onLine, trouble, room: room.state }));
}

function showPending() {
  view.pending(outbox.entries(room.name), session?.user.name ?? identity.name ?? "you");
}

/** @param {string} text */
function bytesOf(text) {
  return new TextEncoder().encode(text).length;
}

/** 128 random bits; not `randomUUID`, which plain http at an address does not have. */
function newNonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
