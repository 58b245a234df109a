// Choosing or dropping recordings, and the uploads under way.
// @ts-check

import { byId, fromTemplate, part } from "./dom.js";
import { ApiError } from "./api.js";
import { notify, say } from "./notices.js";
import { chosenOptions } from "./options.js";
import { isFinal } from "./retry.js";
import { length, size } from "./time.js";

/**
 * @typedef {object} Upload
 * @property {File} file
 * @property {[string, string][]} fields
 * @property {string} idempotencyKey
 * @property {HTMLElement} row
 * @property {AbortController} control
 * @property {number} startedAt milliseconds
 * @property {ReturnType<typeof setTimeout> | undefined} timer runs until the next try
 */

const DEFAULT_MODEL = "whisper-1"; // every service answers to it
const UPLOADS_AT_ONCE = 2;
const MEASURED_AFTER_MS = 2_000;
const LONGEST_WAIT_SECONDS = 60;

/** Unique enough to join a retry with its first try; also where crypto.randomUUID is withheld. */
function newIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {number} sent @param {number} total @param {number} elapsedMs */
function describe(sent, total, elapsedMs) {
  if (sent >= total) return "Sent. The service is looking at it";
  const soFar = `${size(sent)} of ${size(total)}`;
  if (elapsedMs < MEASURED_AFTER_MS || !sent) return soFar;
  return `${soFar}, ${length((elapsedMs / 1000) * (total / sent - 1))} left`;
}

/** Show that files can be dropped while they hover over the page. @param {(files: File[]) => void} take */
function listenForDrops(take) {
  let depth = 0;
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files") ?? false;
  const show = () => document.body.classList.toggle("is-dragging", depth > 0);
  addEventListener("dragenter", (event) => {
    if (hasFiles(event)) depth += 1;
    show();
  });
  addEventListener("dragleave", (event) => {
    if (hasFiles(event)) depth = Math.max(0, depth - 1);
    show();
  });
  addEventListener("dragover", (event) => {
    if (hasFiles(event)) event.preventDefault();
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    show();
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

export class Uploads {
  /**
   * @param {import("./api.js").Api} api
   * @param {(job: import("./api.js").Job, file: File, isAlone: boolean) => void} accepted
   */
  constructor(api, accepted) {
    this.api = api;
    this.accepted = accepted;
    /** @type {Upload[]} */
    this.waiting = [];
    /** @type {Set<Upload>} */
    this.active = new Set();
    /** Refused for want of room, and tried again by themselves. @type {Set<Upload>} */
    this.later = new Set();
    /** Refused for want of a key. @type {Set<Upload>} */
    this.refused = new Set();
    this.maxBytes = Infinity;
    this.model = DEFAULT_MODEL;
    const input = /** @type {HTMLInputElement} */ (byId("files"));
    input.addEventListener("change", () => {
      this.add([...(input.files ?? [])]);
      input.value = ""; // so that the same file can be chosen again
    });
    byId("upload-form").addEventListener("submit", (event) => event.preventDefault());
    listenForDrops((files) => this.add(files));
    addEventListener("beforeunload", (event) => {
      if (this.active.size || this.waiting.length || this.later.size) event.preventDefault();
    });
  }

  /** @param {number} bytes */
  setLimit(bytes) {
    this.maxBytes = bytes;
    byId("upload-limit").textContent = `Audio or video, several at once, up to ${size(bytes)} each.`;
  }

  /** @param {File[]} files */
  add(files) {
    const options = files.length ? chosenOptions() : null;
    if (!options) return;
    const fields = /** @type {[string, string][]} */ ([["model", this.model], ...options]);
    for (const file of files) {
      const problem = this.#problemWith(file);
      if (problem) notify(problem, { bad: true });
      else this.#enqueue(file, fields);
    }
    this.#startNext();
  }

  /** @param {File} file */
  #problemWith(file) {
    if (file.size === 0) return `${file.name} is empty (or a folder).`;
    if (file.size <= this.maxBytes) return "";
    return `${file.name} has ${size(file.size)}; this service takes ${size(this.maxBytes)} at most.`;
  }

  /** @param {File} file @param {[string, string][]} fields */
  #enqueue(file, fields) {
    const row = fromTemplate("template-upload");
    /** @type {Upload} */
    const upload = {
      file, fields, row, idempotencyKey: newIdempotencyKey(), control: new AbortController(), startedAt: 0,
      timer: undefined,
    };
    part(row, "name").textContent = file.name;
    part(row, "progress").setAttribute("aria-label", `Upload of ${file.name}`);
    part(row, "facts").textContent = `${size(file.size)}, waiting`;
    part(row, "stop").setAttribute("aria-label", `Stop the upload of ${file.name}`);
    part(row, "stop").addEventListener("click", () => this.#stop(upload));
    part(row, "retry").addEventListener("click", () => this.#retry(upload));
    byId("uploads").append(row);
    this.waiting.push(upload);
  }

  #startNext() {
    while (this.active.size < UPLOADS_AT_ONCE && this.waiting.length) {
      this.#send(/** @type {Upload} */ (this.waiting.shift()));
    }
  }

  /** @param {Upload} upload */
  async #send(upload) {
    this.active.add(upload);
    upload.startedAt = performance.now();
    const watch = {
      progress: (/** @type {number} */ sent, /** @type {number} */ total) => this.#showProgress(upload, sent, total),
      signal: upload.control.signal,
    };
    try {
      const job = await this.api.upload(upload.file, upload.fields, upload.idempotencyKey, watch);
      this.#finish(upload, job);
    } catch (error) {
      this.#fail(upload, /** @type {Error} */ (error));
    }
    this.active.delete(upload);
    this.#startNext();
  }

  /** @param {Upload} upload @param {number} sent @param {number} total */
  #showProgress(upload, sent, total) {
    const progress = /** @type {HTMLProgressElement} */ (part(upload.row, "progress"));
    if (sent >= total) progress.removeAttribute("value");
    else progress.value = sent / total;
    part(upload.row, "facts").textContent = describe(sent, total, performance.now() - upload.startedAt);
  }

  /** @param {Upload} upload @param {import("./api.js").Job} job */
  #finish(upload, job) {
    const hadFocus = upload.row.contains(document.activeElement);
    upload.row.remove();
    if (hadFocus) byId("files").focus();
    say(`${upload.file.name} is uploaded.`);
    this.accepted(job, upload.file, this.active.size === 1 && this.waiting.length === 0);
  }

  /** @param {Upload} upload @param {Error} error */
  #fail(upload, error) {
    if (error.name === "AbortError") return;
    const status = error instanceof ApiError ? error.status : 0;
    const seconds = this.#tryLater(upload, error);
    if (status === 401) this.refused.add(upload);
    upload.row.classList.add("is-failed");
    const next = seconds === null ? "" : ` Trying again in ${length(seconds)}.`;
    part(upload.row, "facts").textContent = error.message + next;
    part(upload.row, "progress").hidden = true;
    part(upload.row, "retry").hidden = isFinal(error) && status !== 401;
    part(upload.row, "stop").textContent = "Remove";
    part(upload.row, "stop").setAttribute("aria-label", `Remove ${upload.file.name}`);
    say(`Upload of ${upload.file.name} failed: ${error.message}`);
  }

  /**
   * A service that says when it has room is asked again then. Gives the seconds until that, or null.
   * @param {Upload} upload
   * @param {Error} error
   */
  #tryLater(upload, error) {
    if (!(error instanceof ApiError) || error.retryAfter === null) return null;
    const seconds = Math.min(error.retryAfter, LONGEST_WAIT_SECONDS);
    this.later.add(upload);
    upload.timer = setTimeout(() => this.#again(upload), seconds * 1000);
    return seconds;
  }

  /** Why it failed no longer matters. @param {Upload} upload */
  #forget(upload) {
    clearTimeout(upload.timer);
    this.later.delete(upload);
    this.refused.delete(upload);
  }

  /** @param {Upload} upload */
  #retry(upload) {
    this.#again(upload);
    part(upload.row, "stop").focus();
  }

  /** @param {Upload} upload */
  #again(upload) {
    this.#forget(upload);
    upload.row.classList.remove("is-failed");
    part(upload.row, "progress").hidden = false;
    part(upload.row, "retry").hidden = true;
    part(upload.row, "stop").textContent = "Stop";
    part(upload.row, "stop").setAttribute("aria-label", `Stop the upload of ${upload.file.name}`);
    part(upload.row, "facts").textContent = `${size(upload.file.size)}, waiting`;
    this.waiting.push(upload);
    this.#startNext();
  }

  /** A key was entered: what was refused for want of one can go now. */
  retryRefused() {
    for (const upload of [...this.refused]) this.#again(upload);
  }

  /** @param {Upload} upload */
  #stop(upload) {
    this.#forget(upload);
    upload.control.abort();
    this.waiting = this.waiting.filter((other) => other !== upload);
    upload.row.remove();
    byId("files").focus();
  }
}
