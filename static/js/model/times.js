// @ts-check
/** Formats times: relative, short, by day, and in full. */

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "narrow" });
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const DAY_AND_YEAR = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * How long ago a message was posted, for the first hour; then the time of day.
 *
 * @param {number} at
 * @param {number} now
 */
export function relativeTime(at, now) {
  if (!isTime(at)) return "";
  const ago = now - at;
  if (ago < MINUTE_MS) return -MINUTE_MS < ago ? "now" : CLOCK.format(at);
  if (ago < HOUR_MS) return RELATIVE.format(-Math.floor(ago / MINUTE_MS), "minute");
  return CLOCK.format(at);
}

/**
 * The time of day, or the date if it was not today.
 *
 * @param {number} at
 * @param {number} now
 */
export function shortTime(at, now) {
  if (!isTime(at)) return "";
  return daysBetween(at, now) === 0 ? CLOCK.format(at) : SHORT_DAY.format(at);
}

/**
 * @param {number} at
 * @param {number} now
 */
export function dayName(at, now) {
  if (!isTime(at)) return "";
  const days = daysBetween(at, now);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return (new Date(at).getFullYear() === new Date(now).getFullYear() ? DAY : DAY_AND_YEAR).format(at);
}

/** @param {number} at */
export function exactTime(at) {
  return isTime(at) ? EXACT.format(at) : "at an unknown time";
}

/** @param {number} at */
export function isoTime(at) {
  return isTime(at) ? new Date(at).toISOString() : "";
}

/**
 * @param {number} at
 * @param {number} now
 */
function daysBetween(at, now) {
  return Math.round((new Date(now).setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / (24 * HOUR_MS));
}

/** @param {number} at */
function isTime(at) {
  return !Number.isNaN(new Date(at).getTime());
}
