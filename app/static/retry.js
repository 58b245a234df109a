// Waiting and trying again, for as long as a failure may pass by itself. Sends nothing.
// @ts-check

import { ApiError } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/** An answer that another try will not change. @param {unknown} error */
export function isFinal(error) {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
}

/**
 * Wait; shorter when the network comes back or `signal` aborts.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    addEventListener("online", done);
  });
}

/** Pauses that double, until something went well. */
export class Patience {
  #next = FIRST_PAUSE_MS;

  reset() {
    this.#next = FIRST_PAUSE_MS;
  }

  /** @param {AbortSignal} signal */
  async wait(signal) {
    await pause(this.#next, signal);
    this.#next = Math.min(this.#next * 2, LONGEST_PAUSE_MS);
  }
}

/**
 * What `attempt` gives, tried again while the service is away or busy. Throws a final answer, and
 * what failed last once `signal` aborts.
 * @template T
 * @param {() => Promise<T>} attempt
 * @param {AbortSignal} signal
 * @returns {Promise<T>}
 */
export async function persist(attempt, signal) {
  const patience = new Patience();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted || !(error instanceof ApiError) || isFinal(error)) throw error;
      await patience.wait(signal);
      if (signal.aborted) throw error;
    }
  }
}
