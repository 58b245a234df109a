// The list of recordings on the service. It is asked for again while something is under way.
// @ts-check

import { ApiError } from "./api.js";
import { byId, fromTemplate, part } from "./dom.js";
import { notify } from "./notices.js";
import { clock, remaining, when } from "./time.js";

/** @typedef {import("./api.js").Job} Job */

const PAGE = 30;
const BUSY_PAUSE_MS = 2_000;
const IDLE_PAUSE_MS = 30_000;
const LOST_PAUSE_MS = 4_000;

export const STATUS_NAMES = /** @type {const} */ ({
  queued: "Waiting", running: "Decoding", completed: "Done", failed: "Failed", cancelled: "Cancelled",
});

/** @param {Job} job */
export function isActive(job) {
  return job.status === "queued" || job.status === "running";
}

/** How far the decoding is, 0 to 1; null while nobody can say. @param {Job} job */
export function shareDone({ progress }) {
  if (!progress?.windows_planned) return null;
  return Math.min(1, progress.windows_done / progress.windows_planned);
}

/** @param {Job} job */
export function nameOf(job) {
  return job.filename || "Untitled recording";
}

/** @param {Job} job */
function factsOf(job) {
  const share = shareDone(job);
  const eta = job.progress?.eta_seconds;
  if (job.status === "running" && share !== null) {
    return `${Math.floor(share * 100)} %${typeof eta === "number" ? `, ${remaining(eta)}` : ""}`;
  }
  const seconds = job.progress?.seconds_total;
  return [seconds ? clock(seconds) : "", when(job.created_at)].filter(Boolean).join(" · ");
}

export class JobList {
  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.api = api;
    /** @type {Map<string, Job>} newest first */
    this.jobs = new Map();
    /** @type {Map<string, HTMLElement>} */
    this.rows = new Map();
    this.selected = "";
    this.hasMore = false;
    /** The service wants a key: asking again by itself would only bring the question back. */
    this.isLocked = false;
    this.isReached = true;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    byId("list-more").addEventListener("click", () => this.#older());
    for (const type of ["visibilitychange", "online"]) addEventListener(type, () => this.#glance());
  }

  /** Ask the service for the newest jobs; throws what the service answers to the first question. */
  async refresh() {
    clearTimeout(this.timer);
    try {
      const { data, has_more: hasMore } = await this.api.jobs(PAGE);
      const older = [...this.jobs.values()].slice(PAGE);
      if (this.jobs.size <= PAGE) this.hasMore = hasMore;
      const fresh = new Map(data.map((job) => [job.id, job]));
      const oldest = data.at(-1)?.created_at ?? 0;
      for (const job of older) if (job.created_at <= oldest && !fresh.has(job.id)) fresh.set(job.id, job);
      this.jobs = fresh;
      this.isLocked = false;
      this.isReached = true;
      this.draw();
    } catch (error) {
      this.isLocked = error instanceof ApiError && error.status === 401;
      this.isReached = !(error instanceof ApiError) || error.status !== 0;
      throw error;
    } finally {
      this.#again();
    }
  }

  /** Nobody waits for the answer: what goes wrong is shown elsewhere, or passes. */
  #glance() {
    if (!document.hidden && !this.isLocked) this.refresh().catch(() => undefined);
  }

  #again() {
    clearTimeout(this.timer);
    const isBusy = [...this.jobs.values()].some(isActive);
    const pause = isBusy ? BUSY_PAUSE_MS : IDLE_PAUSE_MS;
    this.timer = setTimeout(() => this.#glance(), this.isReached ? pause : LOST_PAUSE_MS);
  }

  async #older() {
    try {
      const { data, has_more: hasMore } = await this.api.jobs(PAGE, [...this.jobs.keys()].at(-1));
      for (const job of data) this.jobs.set(job.id, job);
      this.hasMore = hasMore;
      this.draw();
      if (data[0]) this.rows.get(data[0].id)?.querySelector("a")?.focus();
    } catch (error) {
      notify(/** @type {Error} */ (error).message, { bad: true });
    }
  }

  /** Something newer is known about a job; one that is not listed yet is put where its age belongs. @param {Job} job */
  update(job) {
    const wasBusy = [...this.jobs.values()].some(isActive);
    const isListed = this.jobs.has(job.id);
    this.jobs.set(job.id, job);
    if (!isListed) this.jobs = new Map([...this.jobs].sort(([, a], [, b]) => b.created_at - a.created_at));
    this.draw();
    if (!wasBusy) this.#again();
  }

  /** @param {string} id */
  forget(id) {
    this.jobs.delete(id);
    this.draw();
  }

  /** @param {string} id */
  select(id) {
    this.selected = id;
    this.draw();
  }

  draw() {
    for (const [id, row] of this.rows) {
      if (this.jobs.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    const list = byId("jobs");
    [...this.jobs.values()].forEach((job, index) => {
      const row = this.#row(job);
      if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
    });
    byId("list-empty").hidden = this.jobs.size > 0;
    byId("list-more").hidden = !this.hasMore;
  }

  /** @param {Job} job */
  #row(job) {
    const row = this.rows.get(job.id) ?? fromTemplate("template-job");
    this.rows.set(job.id, row);
    const link = /** @type {HTMLAnchorElement} */ (row.querySelector("a"));
    link.href = `#/jobs/${encodeURIComponent(job.id)}`;
    if (job.id === this.selected) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    part(row, "name").textContent = nameOf(job);
    part(row, "badge").textContent = STATUS_NAMES[job.status];
    part(row, "badge").className = `badge is-${job.status}`;
    part(row, "facts").textContent = factsOf(job);
    showProgress(/** @type {HTMLProgressElement} */ (part(row, "progress")), job);
    return row;
  }
}

/** Only a job under way has a progress bar; one that has nothing yet to show moves without a value. @param {HTMLProgressElement} element @param {Job} job */
export function showProgress(element, job) {
  const share = shareDone(job);
  element.hidden = !isActive(job);
  if (share) element.value = share;
  else element.removeAttribute("value");
}
