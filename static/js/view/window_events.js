// @ts-check
/** Passes the window's events on to the app: navigation, network, focus, storage; and runs the periodic updates. */
import { IDENTITY_KEYS } from "../storage/identity.js";
import { ROOMS_KEY } from "../storage/rooms.js";

/** How often relative times are drawn again and the list of all rooms is loaded, in milliseconds. */
const REFRESH_MS = 30_000;

/**
 * @param {import("../app/app.js").App} app
 * @param {import("./navigation.js").Navigation} navigation
 * @param {import("./panels.js").Panels} panels
 */
export function listenToWindow(app, navigation, panels) {
  addEventListener("hashchange", () => navigation.followHash());
  addEventListener("online", () => app.connection.probe());
  addEventListener("offline", () => {
    app.connection.probe();
    app.updateBanner();
  });
  addEventListener("focus", () => app.markVisibleRead());
  addEventListener("pagehide", () => app.rooms.saveReads());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    // After a machine wakes up, the browser does not know yet that the connection is dead.
    app.connection.probe();
    app.markVisibleRead();
  });
  addEventListener("storage", ({ key }) => {
    if (key === ROOMS_KEY) app.rooms.syncFromStorage();
    if (key !== null && IDENTITY_KEYS.includes(key)) app.profile.syncFromStorage();
  });
  setInterval(() => {
    app.updateBanner();
    if (panels.drawer === "cluster") app.invalidate("drawer");
  }, 1_000);
  setInterval(() => {
    app.invalidate("sidebar", "conversation", "drawer");
    if (app.online && !document.hidden) app.rooms.loadDirectory();
  }, REFRESH_MS);
}
