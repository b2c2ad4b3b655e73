// @ts-check
/**
 * The rooms that someone is in, and how far each was read; all windows share them.
 *
 * @typedef {import("../protocol/wire.js").RoomPosition} RoomPosition
 * @typedef {Map<string, RoomPosition | null>} StoredRooms `null`: nothing was read yet.
 */
import { isRoomName } from "../protocol/wire.js";

export const ROOMS_KEY = "chorus.rooms";

/**
 * @param {import("./local_store.js").LocalStore} store
 * @returns {StoredRooms}
 */
export function loadRooms(store) {
  const kept = store.getJson(ROOMS_KEY);
  /** @type {StoredRooms} */
  const rooms = new Map();
  if (typeof kept !== "object" || kept === null) return rooms;
  for (const [room, place] of Object.entries(kept)) {
    if (isRoomName(room)) rooms.set(room, isPlace(place) ? { epoch: place.epoch, seq: place.seq } : null);
  }
  return rooms;
}

/**
 * Changes what is kept, on top of what other windows have written meanwhile.
 *
 * @param {import("./local_store.js").LocalStore} store
 * @param {(rooms: StoredRooms) => void} change
 */
export function updateRooms(store, change) {
  const rooms = loadRooms(store);
  change(rooms);
  store.set(ROOMS_KEY, JSON.stringify(Object.fromEntries(rooms)));
}

/**
 * @param {any} place
 * @returns {place is RoomPosition}
 */
function isPlace(place) {
  return typeof place?.epoch === "string" && Number.isInteger(place.seq) && 0 <= place.seq;
}
