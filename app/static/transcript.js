// The words on the screen: drawn in slices, marked while they are spoken, reached by mouse and keys.
// One listener serves all words, and off-screen segments cost no layout (content-visibility in the CSS).
// @ts-check

import { fromTemplate, make, part, reveal } from "./dom.js";
import { clock } from "./time.js";
import { lastStarted, splitText } from "./words.js";

/**
 * @typedef {import("./words.js").ApiSegment} ApiSegment
 *
 * @typedef {object} Entry a word on the screen
 * @property {string} text
 * @property {string} before text between it and the word before
 * @property {number} start
 * @property {number} end
 * @property {number | null} probability
 * @property {HTMLElement} element
 *
 * @typedef {{start: number, end: number, text: string}} Gap
 */

export const UNSURE_BELOW = 0.6;
export const LOST_BELOW = 0.3;
const SEGMENTS_AT_ONCE = 150;
const SPOKEN_TAIL_SECONDS = 1;

/** @returns {Promise<void>} */
function nextFrame() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** @param {ApiSegment} segment */
function signature(segment) {
  return `${segment.id} ${segment.start} ${segment.words?.length} ${segment.text}`;
}

/** How sure the model is, in words; empty where there is nothing to say. @param {number | null} probability */
export function doubtOf(probability) {
  if (probability === null || probability >= UNSURE_BELOW) return "";
  const degree = probability < LOST_BELOW ? "Very unsure" : "Unsure";
  return `${degree}: ${Math.round(probability * 100)} % confidence`;
}

/** @param {import("./words.js").ApiWord} word @param {number} index */
function wordElement(word, index) {
  const probability = word.probability ?? null;
  const doubt = doubtOf(probability);
  const element = make(doubt ? "u" : "span", word.word, "word");
  element.dataset.word = String(index);
  if (doubt) {
    element.classList.add(/** @type {number} */ (probability) < LOST_BELOW ? "lost" : "unsure");
    element.title = doubt;
  }
  return element;
}

export class TranscriptView {
  /**
   * @param {HTMLElement} list
   * @param {(time: number) => void} play
   */
  constructor(list, play) {
    this.list = list;
    this.play = play;
    /** @type {Entry[]} in reading order */
    this.entries = [];
    /** Signatures of the segments on the screen. @type {string[]} */
    this.drawn = [];
    /** @type {Entry[] | null} */
    this.byStart = null;
    /** @type {Entry | null} */
    this.spoken = null;
    /** The one element that Tab reaches. @type {HTMLElement | null} */
    this.tabStop = null;
    /** Changes when what is being drawn is no longer wanted. @type {symbol} */
    this.run = Symbol("drawing");
    this.settled = Promise.resolve();
    list.addEventListener("click", (event) => this.#click(event));
    list.addEventListener("keydown", (event) => this.#key(event));
  }

  clear() {
    this.list.replaceChildren();
    this.entries = [];
    this.drawn = [];
    this.byStart = null;
    this.spoken = null;
    this.tabStop = null;
    this.run = Symbol("drawing");
    this.settled = Promise.resolve();
  }

  get isEmpty() {
    return this.drawn.length === 0;
  }

  /** Live segments; one that is already there is left out. @param {ApiSegment[]} segments */
  append(segments) {
    const known = new Set(this.drawn);
    this.#draw(segments.filter((segment) => !known.has(signature(segment))));
  }

  /** The whole transcript. Nothing is drawn again where it only confirms what is there. @param {ApiSegment[]} segments */
  async show(segments) {
    const same = segments.length === this.drawn.length && segments.every((s, i) => signature(s) === this.drawn[i]);
    if (same) return this.settled;
    this.clear();
    this.settled = this.#drawAll(segments, this.run);
    return this.settled;
  }

  /** @param {ApiSegment[]} segments @param {symbol} run */
  async #drawAll(segments, run) {
    this.list.setAttribute("aria-busy", "true");
    for (let at = 0; at < segments.length && run === this.run; at += SEGMENTS_AT_ONCE) {
      this.#draw(segments.slice(at, at + SEGMENTS_AT_ONCE));
      await nextFrame();
    }
    this.list.removeAttribute("aria-busy");
  }

  /** @param {ApiSegment[]} segments */
  #draw(segments) {
    const rows = document.createDocumentFragment();
    for (const segment of segments) {
      rows.append(this.#row(segment));
      this.drawn.push(signature(segment));
    }
    this.byStart = null;
    this.list.append(rows);
    if (!this.tabStop) this.#setTabStop(this.list.querySelector("button"));
  }

  /** @param {ApiSegment} segment */
  #row(segment) {
    const row = fromTemplate("template-segment");
    const stamp = /** @type {HTMLElement} */ (row.querySelector(".stamp"));
    const said = /** @type {HTMLElement} */ (row.querySelector(".said"));
    row.dataset.start = stamp.dataset.start = String(segment.start);
    stamp.textContent = clock(segment.start);
    stamp.setAttribute("aria-label", `Play from ${clock(segment.start)}`);
    if (segment.channel !== null && segment.channel !== undefined) {
      said.append(make("span", `Channel ${segment.channel + 1}`, "channel"));
    }
    let before = " ";
    for (const { text, word } of splitText(segment.text.trim(), segment.words ?? [])) {
      if (!word) {
        said.append(text);
        before = text;
        continue;
      }
      const element = wordElement({ ...word, word: text }, this.entries.length);
      this.entries.push({ text, before, start: word.start, end: word.end, probability: word.probability ?? null, element });
      said.append(element);
      before = "";
    }
    return row;
  }

  /** Notes between the segments, where words may be missing. @param {Gap[]} gaps */
  placeGaps(gaps) {
    for (const old of this.list.querySelectorAll(".gap")) old.remove();
    const rows = /** @type {HTMLElement[]} */ ([...this.list.querySelectorAll(".segment")]);
    const starts = rows.map((row) => ({ start: Number(row.dataset.start), row }));
    for (const gap of gaps) {
      const note = fromTemplate("template-gap");
      const button = /** @type {HTMLElement} */ (note.firstElementChild);
      note.dataset.start = button.dataset.start = String(gap.start);
      part(note, "text").textContent = `${gap.text}, ${clock(gap.start)} to ${clock(gap.end)}. Listen`;
      const index = lastStarted(starts, gap.start);
      if (index < 0) this.list.prepend(note);
      else starts[index].row.after(note);
    }
    if (!this.tabStop) this.#setTabStop(this.list.querySelector("button"));
  }

  /** Mark the word spoken at `time`, in seconds. @param {number} time @returns {Entry | null} */
  mark(time) {
    this.byStart ??= [...this.entries].sort((a, b) => a.start - b.start);
    const entry = this.byStart[lastStarted(this.byStart, time)] ?? null;
    const spoken = entry && time < entry.end + SPOKEN_TAIL_SECONDS ? entry : null;
    if (spoken === this.spoken) return spoken;
    this.spoken?.element.classList.remove("is-spoken");
    spoken?.element.classList.add("is-spoken");
    this.spoken = spoken;
    return spoken;
  }

  /** Bring the place of `time` into view. @param {number} time */
  revealTime(time) {
    const rows = /** @type {HTMLElement[]} */ ([...this.list.children]);
    const index = lastStarted(rows.map((row) => ({ start: Number(row.dataset.start) })), time);
    if (rows.length) reveal(rows[Math.max(0, index)]);
  }

  /** Put the keyboard on a word. @param {Entry} entry */
  focusEntry(entry) {
    this.#focus(entry.element);
    reveal(entry.element);
  }

  /** The first word below the threshold behind the one that has the keyboard, from the start again after the last. */
  nextUnsure() {
    const here = Number(this.tabStop?.dataset.word ?? -1);
    const unsure = (/** @type {Entry} */ entry) => entry.probability !== null && entry.probability < UNSURE_BELOW;
    return this.entries.find((entry, index) => index > here && unsure(entry)) ?? this.entries.find(unsure) ?? null;
  }

  get unsureCount() {
    return this.entries.filter(({ probability }) => probability !== null && probability < UNSURE_BELOW).length;
  }

  /** @param {Element | null} target @returns {number | null} */
  #timeOf(target) {
    const element = /** @type {HTMLElement | null} */ (target?.closest("[data-word], button[data-start]") ?? null);
    if (!element || !this.list.contains(element)) return null;
    const { word, start } = element.dataset;
    return word === undefined ? Number(start) : this.entries[Number(word)].start;
  }

  /** @param {MouseEvent} event */
  #click(event) {
    if (!getSelection()?.isCollapsed) return; // people select text to copy it
    const target = /** @type {Element} */ (event.target);
    const time = this.#timeOf(target);
    if (time === null) return;
    this.#setTabStop(/** @type {HTMLElement} */ (target.closest("[data-word], button")));
    this.play(time);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const from = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Enter" || event.key === " ") {
      const time = this.#timeOf(from);
      if (time === null) return;
      event.preventDefault();
      this.play(time);
      return;
    }
    const to = this.#neighbour(from, event.key);
    if (!to) return;
    event.preventDefault();
    this.#focus(to);
    reveal(to, "nearest");
  }

  /** @param {HTMLElement} from @param {string} key @returns {HTMLElement | null} */
  #neighbour(from, key) {
    const row = from.closest("li");
    const stamp = (/** @type {Element | null | undefined} */ item) => item?.querySelector("button") ?? null;
    const word = from.dataset.word === undefined ? null : Number(from.dataset.word);
    switch (key) {
      case "ArrowDown": return stamp(row?.nextElementSibling);
      case "ArrowUp": return stamp(row?.previousElementSibling);
      case "Home": return stamp(this.list.firstElementChild);
      case "End": return stamp(this.list.lastElementChild);
      case "ArrowRight":
        return word === null ? row?.querySelector(".word") ?? null : this.entries[word + 1]?.element ?? null;
      case "ArrowLeft":
        if (word === null) return null;
        return from === row?.querySelector(".word") ? stamp(row) : this.entries[word - 1]?.element ?? null;
      default: return null;
    }
  }

  /** @param {HTMLElement} element */
  #focus(element) {
    this.#setTabStop(element);
    element.focus({ preventScroll: true });
  }

  /** @param {HTMLElement | null} element */
  #setTabStop(element) {
    if (element === this.tabStop) return;
    if (this.tabStop) {
      this.tabStop.tabIndex = -1;
      if (this.tabStop.dataset.word !== undefined) this.tabStop.removeAttribute("role");
    }
    this.tabStop = element;
    if (!element) return;
    element.tabIndex = 0;
    if (element.dataset.word !== undefined) element.setAttribute("role", "button");
  }
}
