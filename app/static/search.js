// Search in the transcript: matches may run over several words; case is ignored.
// @ts-check

import { byId } from "./dom.js";
import { lastStarted } from "./words.js";

/**
 * @typedef {import("./transcript.js").Entry} Entry
 * @typedef {{first: number, last: number}} Match indices of words, both included
 */

const SHORTEST_QUERY = 2;
const TYPING_PAUSE_MS = 150;

/**
 * All matches of `query` in the words, in reading order.
 * @param {Entry[]} entries
 * @param {string} query
 * @returns {Match[]}
 */
export function findMatches(entries, query) {
  const needle = query.toLowerCase().normalize("NFC").replace(/\s+/g, " ").trim();
  if (needle.length < SHORTEST_QUERY && !/\P{ASCII}/u.test(needle)) return [];
  if (!needle) return [];
  let text = "";
  const offsets = entries.map((entry) => {
    text += entry.before.replace(/\s+/g, " ").toLowerCase();
    const start = text.length;
    text += entry.text.toLowerCase().normalize("NFC");
    return { start };
  });
  /** @type {Match[]} */
  const matches = [];
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
    const first = Math.max(0, lastStarted(offsets, at));
    matches.push({ first, last: Math.max(first, lastStarted(offsets, at + needle.length - 1)) });
  }
  return matches;
}

export class Search {
  /** @param {import("./transcript.js").TranscriptView} transcript */
  constructor(transcript) {
    this.transcript = transcript;
    this.text = /** @type {HTMLInputElement} */ (byId("search-text"));
    /** @type {Match[]} */
    this.matches = [];
    this.current = -1;
    /** @type {HTMLElement[]} */
    this.marked = [];
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.text.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.#find(), TYPING_PAUSE_MS);
    });
    byId("search").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#step(1);
    });
    this.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.shiftKey) return;
      event.preventDefault();
      this.#step(-1);
    });
    byId("search-next").addEventListener("click", () => this.#step(1));
    byId("search-previous").addEventListener("click", () => this.#step(-1));
    this.#report();
  }

  clear() {
    this.text.value = "";
    this.#find();
  }

  #find() {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const element of this.marked) element.classList.remove("is-hit", "is-hit-now");
    const { entries } = this.transcript;
    this.matches = findMatches(entries, this.text.value);
    this.marked = this.matches.flatMap(({ first, last }) =>
      entries.slice(first, last + 1).map(({ element }) => element));
    for (const element of this.marked) element.classList.add("is-hit");
    this.current = -1;
    if (this.matches.length) this.#step(1);
    else this.#report();
  }

  /** @param {1 | -1} direction */
  #step(direction) {
    if (this.timer) return this.#find();
    const count = this.matches.length;
    if (!count) return undefined;
    this.#markCurrent(false);
    this.current = this.current < 0 ? 0 : (this.current + direction + count) % count;
    this.#markCurrent(true);
    const place = this.transcript.entries[this.matches[this.current].first].element;
    place.scrollIntoView({ block: "center" });
    return this.#report();
  }

  /** @param {boolean} isCurrent */
  #markCurrent(isCurrent) {
    const match = this.matches[this.current];
    if (!match) return;
    const words = this.transcript.entries.slice(match.first, match.last + 1);
    for (const { element } of words) element.classList.toggle("is-hit-now", isCurrent);
  }

  #report() {
    const count = this.matches.length;
    const isAsked = this.text.value.trim().length >= SHORTEST_QUERY;
    byId("search-count").textContent = count ? `${this.current + 1} of ${count}` : isAsked ? "No match" : "";
    for (const id of ["search-next", "search-previous"]) {
      /** @type {HTMLButtonElement} */ (byId(id)).disabled = count === 0;
    }
  }
}
