// @ts-check
/** The browser as the app sees it: network, clock, storage, randomness. */
import { io } from "socket.io-client";
import { systemClock } from "./protocol/clock.js";

/**
 * @param {import("./storage/local_store.js").LocalStore} store
 * @param {import("./protocol/outbox.js").OutboxStore} outboxStore
 * @returns {import("./app/app.js").Platform}
 */
export function browserPlatform(store, outboxStore) {
  return {
    io,
    fetch: (...request) => fetch(...request),
    clock: systemClock,
    store,
    outboxStore,
    newNonce,
    networkUp: () => navigator.onLine,
  };
}

/** 128 random bits. `crypto.randomUUID` is missing in insecure contexts. */
export function newNonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The browser's databases; `undefined` if access is denied. */
export function indexedDBOrUndefined() {
  try {
    return window.indexedDB;
  } catch {
    return undefined;
  }
}
