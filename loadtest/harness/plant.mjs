// @ts-check
/**
 * A fault between server and script: one live message that is swallowed, or comes twice.
 * The script's own thresholds must notice.
 */

/** Which message of the run it is: a connection's first few would be before its window. */
const NTH = 40;

/**
 * @param {"loss" | "repeat" | undefined} plant
 * @returns {(frame: string) => string[]} What of a frame the script is to see.
 */
export function planter(plant) {
  let seen = 0;
  return (frame) => {
    if (plant === undefined || !frame.startsWith('42/chat,["message",')) return [frame];
    seen += 1;
    if (seen !== NTH) return [frame];
    return plant === "loss" ? [] : [frame, frame];
  };
}
