// Choosing or dropping recordings, and the uploads under way.
// @ts-check

import { byId, fromTemplate, part } from "./dom.js";
import { notify, say } from "./notices.js";
import { chosenOptions } from "./options.js";
import { length, size } from "./time.js";

/**
 * @typedef {object} Upload
 * @property {File} file
 * @property {[string, string][]} fields
 * @property {string} idempotencyKey
 * @property {HTMLElement} row
 * @property {AbortController} control
 * @property {number} startedAt milliseconds
 */

const DEFAULT_MODEL = "whisper-1"; // every service answers to it
const UPLOADS_AT_ONCE = 2;
const MEASURED_AFTER_MS = 2_000;

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
      if (this.active.size || this.waiting.length) event.preventDefault();
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
    upload.row.classList.add("is-failed");
    part(upload.row, "facts").textContent = error.message;
    part(upload.row, "progress").hidden = true;
    part(upload.row, "retry").hidden = false;
    part(upload.row, "stop").textContent = "Remove";
    part(upload.row, "stop").setAttribute("aria-label", `Remove ${upload.file.name}`);
    say(`Upload of ${upload.file.name} failed: ${error.message}`);
  }

  /** @param {Upload} upload */
  #retry(upload) {
    upload.row.classList.remove("is-failed");
    part(upload.row, "progress").hidden = false;
    part(upload.row, "retry").hidden = true;
    part(upload.row, "stop").textContent = "Stop";
    part(upload.row, "facts").textContent = `${size(upload.file.size)}, waiting`;
    part(upload.row, "stop").focus();
    this.waiting.push(upload);
    this.#startNext();
  }

  /** A key was entered: what was refused for want of one can go now. */
  retryRefused() {
    for (const row of byId("uploads").querySelectorAll(".is-failed")) part(row, "retry").click();
  }

  /** @param {Upload} upload */
  #stop(upload) {
    upload.control.abort();
    this.waiting = this.waiting.filter((other) => other !== upload);
    upload.row.remove();
    byId("files").focus();
  }
}
