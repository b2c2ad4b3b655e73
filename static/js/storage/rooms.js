// @ts-check
/**
 * Persists the joined rooms and how far each was read; all windows share them.
 *
 * @typedef {import("../protocol/wire.js").RoomPosition} RoomPosition
 * @typedef {Map<string, RoomPosition | null>} StoredRooms The position read up to, by room; `null`: nothing was read yet.
 */
import { isRoomName } from "../protocol/wire.js";

export const ROOMS_KEY = "chorus.rooms";

/**
 * @param {import("./local_store.js").LocalStore} store
 * @returns {StoredRooms}
 */
export function loadRooms(store) {
  const stored = store.getJson(ROOMS_KEY);
  /** @type {StoredRooms} */
  const rooms = new Map();
  if (typeof stored !== "object" || stored === null) return rooms;
  for (const [room, position] of Object.entries(stored)) {
    if (isRoomName(room)) rooms.set(room, isPosition(position) ? { epoch: position.epoch, seq: position.seq } : null);
  }
  return rooms;
}

/**
 * Changes the stored rooms, based on their current state, which another window may have written.
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
 * @param {any} stored
 * @returns {stored is RoomPosition}
 */
function isPosition(stored) {
  return typeof stored?.epoch === "string" && Number.isInteger(stored.seq) && 0 <= stored.seq;
}
