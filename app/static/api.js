// The service's HTTP API, and the only file that sends requests. It draws nothing.
// @ts-check

/**
 * @typedef {object} Progress
 * @property {number} windows_done
 * @property {number | null} windows_planned
 * @property {number} seconds_done
 * @property {number | null} seconds_total
 * @property {number | null} eta_seconds
 *
 * @typedef {"queued" | "running" | "completed" | "failed" | "cancelled"} JobStatus
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {JobStatus} status
 * @property {string | null} filename
 * @property {number} created_at
 * @property {boolean} has_audio whether the service still keeps the sound
 * @property {Progress | null} progress
 * @property {string | null} [language] code
 * @property {string | null} [model]
 * @property {number | null} [expires_at]
 * @property {{message: string, code?: string | null} | null} error
 *
 * @typedef {object} WholeTranscript the service's verbose_json
 * @property {number} duration
 * @property {import("./words.js").ApiSegment[]} segments
 * @property {import("./words.js").ApiWord[]} [words]
 * @property {import("./coverage.js").Coverage} [coverage]
 */

const SERVICE = new URL("v1/", document.baseURI);
const SAMPLE = new URL("static/sample.opus", document.baseURI);
const MAX_EXPLANATION = 400;

/** The service said no, or could not be reached (`status` 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {number | null} [retryAfter] seconds */
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/**
 * What OpenAI's error body says, or a sentence about the status.
 * @param {number} status
 * @param {string} body
 * @param {string | null} retryAfter the header, where the service sent one
 */
function errorFrom(status, body, retryAfter) {
  const seconds = retryAfter === null ? null : Number(retryAfter) || null;
  try {
    const { error } = JSON.parse(body);
    return new ApiError(status, String(error.message).slice(0, MAX_EXPLANATION), seconds);
  } catch {
    return new ApiError(status, `The service answered with status ${status}.`, seconds);
  }
}

/** @param {string} id @param {string} format @param {[string, string][]} [more] */
function transcriptPath(id, format, more = []) {
  const query = new URLSearchParams([["response_format", format], ...more]);
  if (format === "verbose_json") {
    query.append("timestamp_granularities[]", "word");
    query.append("timestamp_granularities[]", "segment");
  }
  return `jobs/${encodeURIComponent(id)}/transcript?${query}`;
}

export class Api {
  /** @param {{key: string, refused: () => void}} keys */
  constructor(keys) {
    this.keys = keys;
    /** Called after every request: was there an answer? @type {(isReached: boolean) => void} */
    this.onReach = () => {};
  }

  #unreachable() {
    this.onReach(false);
    return new ApiError(0, "The service cannot be reached.");
  }

  /** @returns {Record<string, string>} */
  get authorization() {
    return this.keys.key ? { Authorization: `Bearer ${this.keys.key}` } : {};
  }

  /**
   * Send a request; anything but success is thrown as an ApiError.
   * @param {string} path
   * @param {RequestInit} [init]
   */
  async send(path, init = {}) {
    const headers = { ...this.authorization, .../** @type {Record<string, string>} */ (init.headers) };
    const response = await fetch(new URL(path, SERVICE), { ...init, headers, cache: "no-store" }).catch((error) => {
      throw init.signal?.aborted ? error : this.#unreachable();
    });
    this.onReach(true);
    if (response.ok) return response;
    const body = await response.text().catch(() => "");
    if (response.status === 401) this.keys.refused();
    throw errorFrom(response.status, body, response.headers.get("Retry-After"));
  }

  /**
   * Send a request and take in the whole answer.
   * @template T
   * @param {string} path
   * @param {(response: Response) => Promise<T>} take
   * @returns {Promise<T>}
   */
  async #fetch(path, take) {
    const response = await this.send(path);
    return take(response).catch(() => {
      throw this.#unreachable(); // it broke off in the middle
    });
  }

  /** @param {string} path */
  #json(path) {
    return this.#fetch(path, (response) => response.json());
  }

  /** @param {string} path */
  #blob(path) {
    return this.#fetch(path, (response) => response.blob());
  }

  /** @returns {Promise<{data: {id: string}[]}>} */
  models() {
    return this.#json("models");
  }

  /** @returns {Promise<Record<string, unknown>>} */
  limits() {
    return this.#json("limits");
  }

  /** A recording that the demo model understands; it lies beside the page. @returns {Promise<File>} */
  async sample() {
    return new File([await this.#blob(SAMPLE.href)], "sample-meeting.opus", { type: "audio/ogg" });
  }

  /** Newest first. @param {number} limit @param {string} [after] @returns {Promise<{data: Job[], has_more: boolean}>} */
  jobs(limit, after) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (after) query.set("after", after);
    return this.#json(`jobs?${query}`);
  }

  /** @param {string} id @returns {Promise<Job>} */
  job(id) {
    return this.#json(`jobs/${encodeURIComponent(id)}`);
  }

  /** Cancels a job that runs, deletes one that has ended. @param {string} id */
  remove(id) {
    return this.send(`jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  /** The file of a transcript in one format. @param {string} id @param {string} format @param {[string, string][]} [more] */
  transcript(id, format, more) {
    return this.#blob(transcriptPath(id, format, more));
  }

  /** A transcript with everything known about it. @param {string} id @returns {Promise<WholeTranscript>} */
  whole(id) {
    return this.#json(transcriptPath(id, "verbose_json"));
  }

  /** Sound between two times, in seconds. @param {string} id @param {number} start @param {number} end */
  clip(id, start, end) {
    const query = new URLSearchParams({ start: start.toFixed(3), end: end.toFixed(3) });
    return this.#blob(`jobs/${encodeURIComponent(id)}/clip?${query}`);
  }

  /** The open event stream of a job. @param {string} id @param {string} lastId @param {AbortSignal} signal */
  events(id, lastId, signal) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (lastId) headers["Last-Event-ID"] = lastId;
    return this.send(`jobs/${encodeURIComponent(id)}/events`, { headers, signal });
  }

  /**
   * Upload a recording. XMLHttpRequest, because fetch cannot tell how far an upload is.
   * @param {File} file
   * @param {[string, string][]} fields
   * @param {string} idempotencyKey the same for every try, so that a retry joins the first job
   * @param {{progress: (sent: number, total: number) => void, signal: AbortSignal}} watch
   * @returns {Promise<Job>}
   */
  upload(file, fields, idempotencyKey, { progress, signal }) {
    const body = new FormData();
    for (const [name, value] of fields) body.append(name, value);
    body.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", new URL("jobs", SERVICE));
    request.setRequestHeader("Idempotency-Key", idempotencyKey);
    for (const [name, value] of Object.entries(this.authorization)) request.setRequestHeader(name, value);
    return new Promise((resolve, reject) => {
      request.upload.onprogress = (event) => progress(event.loaded, event.total || file.size);
      request.onerror = () => reject(this.#unreachable());
      request.onabort = () => reject(new DOMException("stopped", "AbortError"));
      request.onload = () => {
        this.onReach(true);
        if (request.status === 401) this.keys.refused();
        if (request.status === 202) resolve(JSON.parse(request.responseText));
        else reject(errorFrom(request.status, request.responseText, request.getResponseHeader("Retry-After")));
      };
      signal.addEventListener("abort", () => request.abort());
      request.send(body);
    });
  }
}
