// @ts-check
/**
 * Injects a fault between server and script: one live message is dropped or delivered twice.
 * The script's thresholds must detect it.
 */

/** The number of the faulty message. A connection's first few may precede the client's window. */
const FAULTY_MESSAGE = 40;

/**
 * @param {"loss" | "repeat" | undefined} fault
 * @returns {(frame: string) => string[]} Maps a frame from the server to those that the script receives.
 */
export function faultInjector(fault) {
  let seen = 0;
  return (frame) => {
    if (fault === undefined || !frame.startsWith('42/chat,["message",')) return [frame];
    seen += 1;
    if (seen !== FAULTY_MESSAGE) return [frame];
    return fault === "loss" ? [] : [frame, frame];
  };
}
