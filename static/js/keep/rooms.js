// @ts-check
/**
 * The rooms that someone is in, and how far each was read; all windows share them.
 *
 * @typedef {import("../link/wire.js").Place} Place
 * @typedef {Map<string, Place | null>} KeptRooms `null`: nothing was read yet.
 */
import { isRoom } from "../link/wire.js";

export const ROOMS_KEY = "chorus.rooms";

/**
 * @param {import("./local.js").LocalStore} store
 * @returns {KeptRooms}
 */
export function loadRooms(store) {
  const kept = store.getJson(ROOMS_KEY);
  /** @type {KeptRooms} */
  const rooms = new Map();
  if (typeof kept !== "object" || kept === null) return rooms;
  for (const [room, place] of Object.entries(kept)) {
    if (isRoom(room)) rooms.set(room, isPlace(place) ? { epoch: place.epoch, seq: place.seq } : null);
  }
  return rooms;
}

/**
 * Changes what is kept, on top of what other windows have written meanwhile.
 *
 * @param {import("./local.js").LocalStore} store
 * @param {(rooms: KeptRooms) => void} change
 */
export function changeRooms(store, change) {
  const rooms = loadRooms(store);
  change(rooms);
  store.set(ROOMS_KEY, JSON.stringify(Object.fromEntries(rooms)));
}

/**
 * @param {any} place
 * @returns {place is Place}
 */
function isPlace(place) {
  return typeof place?.epoch === "string" && Number.isInteger(place.seq) && 0 <= place.seq;
}
