// @ts-check
/** Errors that end a run, with k6's exit codes. */

export const EXIT = { thresholds: 99, setupTimeout: 100, config: 104, aborted: 105, script: 107 };

export class Failure extends Error {
  /** @param {number} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}
