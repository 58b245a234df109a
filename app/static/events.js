// A job's event stream, read with fetch because EventSource cannot send a key. Reconnects by itself.
// @ts-check

import { isFinal, Patience } from "./retry.js";

/** @typedef {{id: string, type: string, data: string}} StreamEvent */

/** Several heartbeats of the service: a stream that is silent for so long is dead, though nobody said so. */
const LONGEST_SILENCE_MS = 60_000;

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
 * What `promise` gives, unless it takes longer.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @returns {Promise<T>}
 */
function within(promise, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing was heard for ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/**
 * Events as they arrive; throws when nothing arrives for too long. A `\r\n` split between two chunks
 * is put together again.
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<StreamEvent>}
 */
export async function* readEvents(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let pending = "";
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), LONGEST_SILENCE_MS);
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
  const patience = new Patience();
  while (!signal.aborted) {
    try {
      const response = await api.events(jobId, lastId, signal);
      if (!response.body || response.status === 204) return; // everything was heard before
      for await (const event of readEvents(response.body)) {
        if (signal.aborted) return;
        if (event.id) lastId = event.id;
        patience.reset();
        if (hear(event)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) throw error;
    }
    await patience.wait(signal);
  }
}
