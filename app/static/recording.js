// One recording: follows its job, shows what state it is in, and hands its transcript to the other parts.
// @ts-check

import { byId } from "./dom.js";
import { ApiError } from "./api.js";
import { CoverageReport, placesOf } from "./coverage.js";
import { Downloads } from "./downloads.js";
import { watch } from "./events.js";
import { isActive, nameOf, shareDone, showProgress, STATUS_NAMES } from "./jobs.js";
import { confirm, notify, say } from "./notices.js";
import { Player } from "./player.js";
import { Search } from "./search.js";
import { languageName } from "./options.js";
import { persist } from "./retry.js";
import { clock, date, length, remaining, when } from "./time.js";
import { doubtOf, TranscriptView } from "./transcript.js";
import { withWords } from "./words.js";

/** @typedef {import("./api.js").Job} Job */

const QUARTER = 0.25;

/** @param {Job} job */
function progressText(job) {
  const { progress } = job;
  if (job.status === "queued") return "Waiting for its turn. You can close this page; the service goes on.";
  if (!progress?.windows_planned) return "Reading the sound and looking for speech.";
  return [
    `${Math.floor((shareDone(job) ?? 0) * 100)} %`,
    `${clock(progress.seconds_done)} of ${clock(progress.seconds_total ?? 0)}`,
    `${progress.windows_done} of ${progress.windows_planned} windows`,
    typeof progress.eta_seconds === "number" ? remaining(progress.eta_seconds) : "",
  ].filter(Boolean).join(" · ");
}

/** What is known about a recording, in one line. @param {Job} job */
function factsOf(job) {
  return [
    job.progress?.seconds_total ? length(job.progress.seconds_total) : "",
    job.language ? languageName(job.language) : "",
    when(job.created_at),
    STATUS_NAMES[job.status].toLowerCase(),
    job.status === "completed" && job.expires_at ? `kept until ${date(job.expires_at)}` : "",
  ].filter(Boolean).join(" · ");
}

export class RecordingView {
  /**
   * @param {import("./api.js").Api} api
   * @param {{changed: (job: Job) => void, gone: (id: string) => void}} hooks
   */
  constructor(api, hooks) {
    this.api = api;
    this.hooks = hooks;
    /** Recordings chosen on this page, by job. @type {Map<string, File>} */
    this.files = new Map();
    /** The recording that is open or being opened. */
    this.id = "";
    /** @type {Job | null} */
    this.job = null;
    this.control = new AbortController();
    this.isFollowing = true;
    this.player = new Player(api);
    this.downloads = new Downloads(api);
    this.transcript = new TranscriptView(byId("segments"), (time) => this.player.seek(time, true));
    this.search = new Search(this.transcript);
    this.report = new CoverageReport({ go: (time) => this.#go(time), nextUnsure: () => this.#nextUnsure() });
    this.player.onTime = (time) => this.#mark(time);
    this.#listen();
  }

  #listen() {
    byId("cancel").addEventListener("click", () => this.#cancel());
    byId("delete").addEventListener("click", () => this.#delete());
    byId("follow").addEventListener("click", () => this.#scrollAlong(!this.isFollowing));
    for (const type of ["wheel", "touchmove"]) {
      addEventListener(type, () => this.player.isPlaying && this.#scrollAlong(false), { passive: true });
    }
    const attach = /** @type {HTMLInputElement} */ (byId("attach"));
    attach.addEventListener("change", () => this.#attach(attach));
  }

  /**
   * Show a job and follow it to its end, however long the service is away in between. Throws a final
   * answer of the service; nothing once another recording was opened.
   * @param {string} id
   * @param {{focus: boolean}} options
   */
  async open(id, options) {
    this.close();
    this.id = id;
    const { signal } = (this.control = new AbortController());
    try {
      await this.#follow(id, options, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** @param {string} id @param {{focus: boolean}} options @param {AbortSignal} signal */
  async #follow(id, { focus }, signal) {
    const job = await persist(() => this.api.job(id), signal);
    if (signal.aborted) return;
    byId("recording").hidden = false;
    byId("waiting").hidden = true;
    this.#show(job);
    if (focus) byId("recording-title").focus();
    if (isActive(job)) await this.#watch(id, signal);
    else await this.#finish(signal);
  }

  close() {
    this.control.abort();
    this.id = "";
    this.job = null;
    this.lastQuarter = 0;
    this.player.close();
    this.transcript.clear();
    this.search.clear();
    this.report.clear();
    this.downloads.hide();
    for (const id of ["recording", "search", "legend"]) byId(id).hidden = true;
  }

  /** @param {Job} job */
  #show(job) {
    const had = this.job;
    this.job = job;
    byId("recording-title").textContent = nameOf(job);
    byId("facts").textContent = factsOf(job);
    byId("working").hidden = !isActive(job);
    byId("working-title").textContent = job.status === "queued" ? "Waiting" : "Decoding";
    byId("progress-text").textContent = progressText(job);
    showProgress(/** @type {HTMLProgressElement} */ (byId("progress")), job);
    this.#showActions(job);
    this.#showFailure(job);
    if (had?.status !== job.status) this.#showPlayer(job);
    else if (job.progress?.seconds_total && !this.player.duration) this.player.setDuration(job.progress.seconds_total);
    this.#announce(had, job);
    this.hooks.changed(job);
  }

  /** Focus never stays on a button that is gone. @param {Job} job */
  #showActions(job) {
    const hadFocus = document.activeElement === byId("cancel");
    byId("cancel").hidden = !isActive(job);
    byId("delete").hidden = isActive(job);
    if (hadFocus && !isActive(job)) byId("recording-title").focus();
  }

  /** @param {Job} job */
  #showFailure(job) {
    const isFailed = job.status === "failed";
    byId("failure").hidden = !isFailed && job.status !== "cancelled";
    byId("failure").classList.toggle("is-bad", isFailed);
    byId("reading").hidden = !byId("failure").hidden && this.transcript.isEmpty;
    byId("failure-title").textContent = isFailed ? "This recording could not be transcribed" : "Cancelled";
    byId("failure-text").textContent = isFailed
      ? job.error?.message ?? "The service gave no reason."
      : "Decoding was stopped. Upload the recording again to transcribe it.";
    byId("failure-code").textContent = isFailed && job.error?.code ? `Code: ${job.error.code}` : "";
  }

  /** The player stays as it is when the job only moves on. @param {Job} job */
  #showPlayer(job) {
    const isOpen = !byId("player").hidden;
    const isDone = job.status === "completed";
    const isMute = isOpen && !this.player.sound; // the browser could not play the file
    const file = isMute ? null : this.files.get(job.id) ?? null;
    const duration = job.progress?.seconds_total ?? 0;
    if (!isActive(job) && !isDone) this.player.close();
    else if ((!isOpen && file) || (isDone && !file)) {
      this.player.open({ jobId: job.id, duration, file, hasService: job.has_audio });
    } else this.player.hasService = job.has_audio;
  }

  /** @param {Job | null} had @param {Job} job */
  #announce(had, job) {
    const quarter = Math.floor((shareDone(job) ?? 0) / QUARTER);
    if (had && had.status !== job.status) say(`${nameOf(job)}: ${STATUS_NAMES[job.status].toLowerCase()}`);
    else if (job.status === "running" && quarter > (this.lastQuarter ?? 0)) say(`${quarter * 25} % decoded`);
    this.lastQuarter = quarter;
  }

  /** @param {string} id @param {AbortSignal} signal */
  async #watch(id, signal) {
    this.#wait();
    await watch(this.api, id, (event) => this.#hear(event), signal);
    if (signal.aborted) return;
    const job = await persist(() => this.api.job(id), signal);
    if (signal.aborted) return;
    this.#show(job);
    await this.#finish(signal);
  }

  /** One event of the job's stream; true when it says that the job has ended. @param {import("./events.js").StreamEvent} event */
  #hear({ type, data }) {
    const heard = JSON.parse(data);
    const job = /** @type {Job} */ (this.job);
    if (type === "segments") {
      this.transcript.append(heard.segments);
      byId("legend").hidden = this.transcript.isEmpty;
    }
    if (type === "progress") this.#show({ ...job, status: "running", progress: heard });
    if (type === "status") this.#show(heard);
    this.#wait();
    return type === "status" && !isActive(heard);
  }

  /** What to say while there is no text. */
  #wait() {
    const job = /** @type {Job} */ (this.job);
    byId("waiting").hidden = !isActive(job) || !this.transcript.isEmpty;
    byId("waiting").textContent = job.status === "queued"
      ? "The text appears here as soon as decoding has begun."
      : "The first words appear here when the first windows are decoded.";
  }

  /** The job has ended: fetch the whole transcript and what is known about it. @param {AbortSignal} signal */
  async #finish(signal) {
    const job = /** @type {Job} */ (this.job);
    byId("waiting").hidden = true;
    if (job.status !== "completed") return;
    const whole = await persist(() => this.api.whole(job.id), signal);
    if (signal.aborted) return;
    const segments = withWords(whole.segments, whole.words ?? []);
    await this.transcript.show(segments);
    if (signal.aborted) return;
    if (whole.duration) this.player.setDuration(whole.duration);
    this.#showResult(whole);
  }

  /** @param {import("./api.js").WholeTranscript} whole */
  #showResult({ coverage }) {
    const { isEmpty } = this.transcript;
    const job = /** @type {Job} */ (this.job);
    for (const id of ["search", "legend"]) byId(id).hidden = isEmpty;
    this.downloads.offer({ jobId: job.id, name: nameOf(job), hasText: !isEmpty });
    byId("waiting").hidden = !isEmpty;
    byId("waiting").textContent = "No words were heard in this recording.";
    this.search.clear();
    if (!coverage) return;
    const places = placesOf(coverage);
    this.transcript.placeGaps(places.filter(({ isOpen }) => isOpen));
    this.player.mark(places.filter(({ isSettled }) => !isSettled));
    this.report.show(coverage, this.transcript.unsureCount);
  }

  /** @param {number} time */
  #mark(time) {
    if (this.transcript.isEmpty) return;
    const before = this.transcript.spoken;
    const spoken = this.transcript.mark(time);
    if (!spoken || spoken === before || !this.player.isPlaying || !this.isFollowing) return;
    const { top, bottom } = spoken.element.getBoundingClientRect();
    const playerHeight = byId("player").offsetHeight + 16;
    if (top < playerHeight || bottom > innerHeight - 32) spoken.element.scrollIntoView({ block: "center" });
  }

  /** @param {boolean} isFollowing */
  #scrollAlong(isFollowing) {
    this.isFollowing = isFollowing;
    byId("follow").setAttribute("aria-pressed", String(isFollowing));
  }

  /** Listen to a place of the coverage report. @param {number} time */
  #go(time) {
    this.player.seek(time, true);
    this.transcript.revealTime(time);
  }

  #nextUnsure() {
    const entry = this.transcript.nextUnsure();
    if (!entry) return;
    this.transcript.focusEntry(entry);
    this.player.seek(entry.start, false);
    say(`${entry.text}, at ${clock(entry.start)}. ${doubtOf(entry.probability)}`);
  }

  /** @param {HTMLInputElement} input */
  #attach(input) {
    const { job } = this;
    const file = input.files?.[0];
    if (!job || !file) return;
    this.files.set(job.id, file);
    this.player.open({ jobId: job.id, duration: job.progress?.seconds_total ?? 0, file, hasService: job.has_audio });
    byId("play").focus();
  }

  async #cancel() {
    const job = /** @type {Job} */ (this.job);
    await this.#remove(job.id, "could not be cancelled");
    if (this.job?.id !== job.id || !isActive(this.job)) return;
    const now = await this.api.job(job.id).catch(() => null);
    if (!now) this.hooks.gone(job.id);
    else if (this.job?.id === job.id) this.#show(now);
  }

  async #delete() {
    const job = /** @type {Job} */ (this.job);
    const isSure = await confirm({
      title: "Delete this transcript?",
      text: `“${nameOf(job)}” and the service's copy of its sound will be gone for good. Your own file stays as it is.`,
      yes: "Delete for good",
    });
    if (!isSure) return;
    if (await this.#remove(job.id, "could not be deleted")) {
      this.files.delete(job.id);
      this.hooks.gone(job.id);
      say(`${nameOf(job)} is deleted.`);
    }
  }

  /** True once the service has done it, or no longer knows the job. @param {string} id @param {string} failure */
  async #remove(id, failure) {
    try {
      await this.api.remove(id);
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return true;
      notify(`The recording ${failure}. ${/** @type {Error} */ (error).message}`, { bad: true });
      return false;
    }
  }
}
