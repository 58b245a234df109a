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
 * @property {{message: string, code?: string | null} | null} error
 */

const SERVICE = new URL("v1/", document.baseURI);
const MAX_EXPLANATION = 400;

/** The service said no, or could not be reached (`status` 0). */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {string} [code] */
  constructor(status, message, code = "") {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** What OpenAI's error body says, or a sentence about the status. @param {number} status @param {string} body */
function errorFrom(status, body) {
  try {
    const { error } = JSON.parse(body);
    return new ApiError(status, String(error.message).slice(0, MAX_EXPLANATION), error.code ?? "");
  } catch {
    return new ApiError(status, `The service answered with status ${status}.`);
  }
}

/** @param {unknown} error */
function unreachable(error) {
  if (error instanceof DOMException && error.name === "AbortError") return error;
  return new ApiError(0, "The service cannot be reached. Is it still running?");
}

export class Api {
  /** @param {{key: string, refused: () => void}} keys */
  constructor(keys) {
    this.keys = keys;
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
    const response = await fetch(new URL(path, SERVICE), { ...init, headers, cache: "no-store" }).catch(
      (error) => Promise.reject(unreachable(error)),
    );
    if (response.ok) return response;
    const error = errorFrom(response.status, await response.text().catch(() => ""));
    if (response.status === 401) this.keys.refused();
    throw error;
  }

  /** @param {string} path @param {RequestInit} [init] */
  async read(path, init) {
    return (await this.send(path, init)).json();
  }

  /** @returns {Promise<{data: {id: string}[]}>} */
  models() {
    return this.read("models");
  }

  /** @returns {Promise<Record<string, unknown>>} */
  limits() {
    return this.read("limits");
  }

  /** Newest first. @param {number} limit @param {string} [after] @returns {Promise<{data: Job[], has_more: boolean}>} */
  jobs(limit, after) {
    const query = new URLSearchParams({ limit: String(limit) });
    if (after) query.set("after", after);
    return this.read(`jobs?${query}`);
  }

  /** @param {string} id @returns {Promise<Job>} */
  job(id) {
    return this.read(`jobs/${encodeURIComponent(id)}`);
  }

  /** Cancels a job that runs, deletes one that has ended. @param {string} id */
  remove(id) {
    return this.send(`jobs/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  /** @param {string} id @param {string} format */
  transcript(id, format) {
    const query = new URLSearchParams({ response_format: format });
    if (format === "verbose_json") {
      query.append("timestamp_granularities[]", "word");
      query.append("timestamp_granularities[]", "segment");
    }
    return this.send(`jobs/${encodeURIComponent(id)}/transcript?${query}`);
  }

  /** Sound between two times, in seconds. @param {string} id @param {number} start @param {number} end */
  async clip(id, start, end) {
    const query = new URLSearchParams({ start: start.toFixed(3), end: end.toFixed(3) });
    return (await this.send(`jobs/${encodeURIComponent(id)}/clip?${query}`)).blob();
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
      request.onerror = () => reject(unreachable(null));
      request.onabort = () => reject(new DOMException("stopped", "AbortError"));
      request.onload = () => {
        if (request.status === 401) this.keys.refused();
        if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
        else reject(errorFrom(request.status, request.responseText));
      };
      signal.addEventListener("abort", () => request.abort());
      request.send(body);
    });
  }
}
