// A job's event stream, read with fetch because EventSource cannot send a key. Reconnects by itself.
// @ts-check

import { ApiError } from "./api.js";

/** @typedef {{id: string, type: string, data: string}} StreamEvent */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/**
 * One block of lines of the event stream format; null where it carries no data (a heartbeat).
 * @param {string} block
 * @returns {StreamEvent | null}
 */
export function parseEvent(block) {
  const event = { id: "", type: "message", data: "" };
  /** @type {string[]} */
  const lines = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") event.id = value;
    if (name === "event") event.type = value;
    if (name === "data") lines.push(value);
  }
  event.data = lines.join("\n");
  return lines.length ? event : null;
}

/**
 * Events as they arrive. A `\r\n` split between two chunks is put together again.
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<StreamEvent>}
 */
export async function* readEvents(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      pending = (pending + decoder.decode(value, { stream: true })).replace(/\r\n|\r(?!$)/g, "\n");
      const blocks = pending.split("\n\n");
      pending = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** An answer that another try will not change. @param {unknown} error */
function isFinal(error) {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
}

/**
 * Call `hear` with every event until it returns true (the job has ended) or `signal` aborts.
 * A stream that breaks is opened again behind the last event that was heard.
 * @param {import("./api.js").Api} api
 * @param {string} jobId
 * @param {(event: StreamEvent) => boolean} hear
 * @param {AbortSignal} signal
 */
export async function watch(api, jobId, hear, signal) {
  let lastId = "";
  let wait = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const response = await api.events(jobId, lastId, signal);
      if (!response.body || response.status === 204) return; // everything was heard before
      for await (const event of readEvents(response.body)) {
        if (signal.aborted) return;
        if (event.id) lastId = event.id;
        wait = FIRST_PAUSE_MS;
        if (hear(event)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) throw error;
    }
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
  }
}
