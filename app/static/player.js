// Plays a recording from the file on this device, or stretch by stretch from the service.
// @ts-check

import { bar, byId, setIcon } from "./dom.js";
import { ApiError } from "./api.js";
import { clock } from "./time.js";

const CLIP_SECONDS = 30;
const CLIPS_KEPT = 6;
const STEP_SECONDS = 5;
const STRIP_UNITS = 1000;
const ARRIVAL_SLACK_SECONDS = 0.05;
const HAS_KEYS_OF_ITS_OWN = "a, button, input, select, textarea, summary, dialog, [role=button]";

/**
 * @typedef {{url: string, start: number, end: number}} Stretch sound at `url` from `start` to `end`
 * @typedef {{load: (time: number) => Promise<Stretch>, close: () => void}} Sound
 */

/** The whole file, already on this device. @param {File} file @returns {Sound} */
function fileSound(file) {
  const url = URL.createObjectURL(file);
  return { load: async () => ({ url, start: 0, end: Infinity }), close: () => URL.revokeObjectURL(url) };
}

/** @param {Promise<Stretch>} stretch */
function release(stretch) {
  stretch.then(({ url }) => URL.revokeObjectURL(url), () => undefined);
}

/**
 * Half a minute at a time from the service, the next one fetched ahead.
 * @param {import("./api.js").Api} api
 * @param {string} jobId
 * @param {() => number} duration
 * @returns {Sound}
 */
function serviceSound(api, jobId, duration) {
  /** @type {Map<number, Promise<Stretch>>} */
  const stretches = new Map();
  const fetchStretch = (/** @type {number} */ start) => {
    const known = stretches.get(start);
    if (known) return known;
    const end = Math.min(start + CLIP_SECONDS, duration());
    const coming = api.clip(jobId, start, end).then((blob) => ({ url: URL.createObjectURL(blob), start, end }));
    coming.catch(() => stretches.delete(start));
    stretches.set(start, coming);
    for (const [oldest, stretch] of stretches) {
      if (stretches.size <= CLIPS_KEPT) break;
      stretches.delete(oldest);
      release(stretch);
    }
    return coming;
  };
  return {
    load: (time) => {
      const start = Math.floor(time / CLIP_SECONDS) * CLIP_SECONDS;
      const coming = fetchStretch(start);
      if (start + CLIP_SECONDS < duration()) fetchStretch(start + CLIP_SECONDS).catch(() => undefined);
      return coming;
    },
    close: () => stretches.forEach(release),
  };
}

export class Player {
  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.api = api;
    this.audio = /** @type {HTMLAudioElement} */ (byId("audio"));
    this.bar = /** @type {HTMLInputElement} */ (byId("seek"));
    /** Called with the position in seconds, many times a second while playing. @type {(time: number) => void} */
    this.onTime = () => {};
    /** @type {Sound | null} */
    this.sound = null;
    /** @type {Stretch | null} */
    this.stretch = null;
    this.duration = 0;
    /** Grows with every wish to be elsewhere; an older one that arrives late changes nothing. */
    this.request = 0;
    this.shownSecond = -1;
    this.shownDuration = -1;
    /** @type {SVGElement | null} */
    this.played = null;
    this.jobId = "";
    this.hasService = false;
    this.wanted = 0;
    /** The one animation frame asked for; 0 for none. */
    this.frame = 0;
    this.#listen();
  }

  #listen() {
    byId("play").addEventListener("click", () => this.toggle());
    byId("rewind").addEventListener("click", () => this.seek(this.time - STEP_SECONDS));
    byId("skip").addEventListener("click", () => this.seek(this.time + STEP_SECONDS));
    addEventListener("keydown", (event) => this.#key(event));
    this.bar.addEventListener("input", () => this.seek(Number(this.bar.value)));
    const speed = /** @type {HTMLSelectElement} */ (byId("speed"));
    speed.addEventListener("change", () => this.#setSpeed(Number(speed.value)));
    for (const type of ["play", "pause"]) this.audio.addEventListener(type, () => this.#showState());
    this.audio.addEventListener("play", () => this.#tick());
    this.audio.addEventListener("seeked", () => this.#showTime());
    this.audio.addEventListener("ended", () => this.#continue());
    this.audio.addEventListener("durationchange", () => this.#measure());
    this.audio.addEventListener("error", () => this.#unplayable());
  }

  /** Space plays and pauses wherever it has no other meaning. @param {KeyboardEvent} event */
  #key(event) {
    const isTaken = /** @type {Element} */ (event.target).closest(HAS_KEYS_OF_ITS_OWN);
    if (event.key !== " " || event.repeat || isTaken || !this.sound || byId("player").hidden) return;
    event.preventDefault();
    this.toggle();
  }

  /** @param {{jobId: string, duration: number, file: File | null, hasService: boolean}} recording */
  open({ jobId, duration, file, hasService }) {
    this.close();
    this.jobId = jobId;
    this.hasService = hasService;
    this.setDuration(duration);
    if (file) this.sound = fileSound(file);
    else if (hasService) this.sound = serviceSound(this.api, jobId, () => this.duration);
    this.#note(this.sound ? "" : "The service no longer keeps the sound.");
    byId("player").hidden = false;
    if (file) this.seek(0, false);
    else this.#showTime();
  }

  close() {
    this.request += 1;
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load(); // lets go of the sound it has decoded
    this.sound?.close();
    this.sound = null;
    this.stretch = null;
    this.wanted = 0;
    byId("player").hidden = true;
    this.mark([]);
  }

  /** @param {number} seconds */
  setDuration(seconds) {
    this.duration = seconds;
    this.bar.max = String(Math.max(seconds, 0.1));
    this.#showTime();
  }

  get time() {
    return this.stretch && !this.audio.seeking ? this.stretch.start + this.audio.currentTime : this.wanted;
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  toggle() {
    if (this.isPlaying) return this.audio.pause();
    return this.seek(this.time >= this.duration - 0.1 ? 0 : this.time, true);
  }

  /**
   * Go to a time; play from there if `play`, else go on as before.
   * @param {number} time
   * @param {boolean} [play]
   */
  async seek(time, play = this.isPlaying) {
    const target = Math.min(Math.max(time, 0), this.duration || Infinity);
    this.wanted = target;
    const request = ++this.request;
    if (!this.sound) return this.#showTime();
    try {
      await this.#arrive(target, request);
      if (request !== this.request) return;
      this.#note("");
      if (play) await this.audio.play();
    } catch (error) {
      if (request === this.request) this.#silent(error);
    }
    this.#showTime();
  }

  /** Have the sound of `time` in the audio element. @param {number} time @param {number} request */
  async #arrive(time, request) {
    const { stretch } = this;
    const isHere = stretch && time >= stretch.start && time < stretch.end;
    const next = isHere ? stretch : await /** @type {Sound} */ (this.sound).load(time);
    if (request !== this.request) return;
    if (this.stretch?.url !== next.url) {
      this.audio.src = next.url;
      this.#setSpeed(this.audio.defaultPlaybackRate);
    }
    this.stretch = next;
    this.audio.currentTime = Math.max(0, time - next.start);
  }

  /** @param {unknown} error */
  #silent(error) {
    if (error instanceof DOMException && error.name === "AbortError") return; // paused before it began
    const status = error instanceof ApiError ? error.status : null;
    const isGone = status === 404;
    if (isGone) this.sound = null;
    if (isGone) this.#note("The service no longer keeps the sound.");
    else if (status === 0) this.#note("The sound could not be fetched: the service cannot be reached.");
    else this.#note("This sound cannot be played.");
  }

  /** The browser does not know the file's format: the service can still play what it decoded. */
  #unplayable() {
    if (!this.stretch || this.stretch.end !== Infinity) return;
    const { jobId, hasService } = this;
    this.sound?.close();
    this.stretch = null;
    this.sound = hasService ? serviceSound(this.api, jobId, () => this.duration) : null;
    if (!this.sound) this.#note("This browser cannot play the file's format.");
  }

  /** A stretch has ended: go on with the next one. */
  #continue() {
    const end = this.stretch?.end ?? Infinity;
    if (end < this.duration - ARRIVAL_SLACK_SECONDS) this.seek(end, true);
  }

  #measure() {
    const isWhole = this.stretch?.end === Infinity && Number.isFinite(this.audio.duration);
    if (isWhole) this.setDuration(this.audio.duration);
  }

  /** @param {number} speed */
  #setSpeed(speed) {
    this.audio.defaultPlaybackRate = speed;
    this.audio.playbackRate = speed;
  }

  /** Every frame while playing. A seek starts playing anew, and must not start a second round of frames. */
  #tick() {
    cancelAnimationFrame(this.frame);
    this.#showTime();
    this.frame = this.isPlaying ? requestAnimationFrame(() => this.#tick()) : 0;
  }

  #showState() {
    const button = byId("play");
    setIcon(button, this.isPlaying ? "pause" : "play");
    button.setAttribute("aria-label", this.isPlaying ? "Pause" : "Play");
    this.#showTime();
  }

  #showTime() {
    const { time } = this;
    const whole = Math.floor(time);
    if (document.activeElement !== this.bar || this.isPlaying) this.bar.value = String(time);
    this.played?.setAttribute("width", ((time / (this.duration || 1)) * STRIP_UNITS).toFixed(1));
    if (whole !== this.shownSecond || this.duration !== this.shownDuration) {
      this.shownSecond = whole;
      this.shownDuration = this.duration;
      byId("clock").textContent = `${clock(time)} / ${clock(this.duration)}`;
      this.bar.setAttribute("aria-valuetext", `${clock(time)} of ${clock(this.duration)}`);
    }
    this.onTime(time);
  }

  /** @param {string} text */
  #note(text) {
    byId("sound-note").hidden = !text;
    byId("sound-text").textContent = text;
    for (const id of ["play", "rewind", "skip"]) /** @type {HTMLButtonElement} */ (byId(id)).disabled = !this.sound;
  }

  /**
   * Show places on the strip under the position.
   * @param {{start: number, end: number, isOpen: boolean}[]} places
   */
  mark(places) {
    const scale = STRIP_UNITS / (this.duration || 1);
    this.played = bar(0, 0, "is-played");
    byId("strip").replaceChildren(
      this.played,
      ...places.map(({ start, end, isOpen }) =>
        bar(start * scale, Math.max(3, (end - start) * scale), isOpen ? "is-open" : "is-doubt")),
    );
    this.shownSecond = -1;
    this.#showTime();
  }
}
