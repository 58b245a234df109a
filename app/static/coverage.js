// The coverage report: what is certain, what is not, and where to listen again.
// @ts-check

import { byId, fromTemplate, make, part, setIcon } from "./dom.js";
import { clock, length } from "./time.js";

/**
 * @typedef {{start: number, end: number}} Span
 *
 * @typedef {{start: number, end: number, reason: string, words: number}} Redecoded
 * `words`: how many of the transcript come from this second hearing; 0: it was in vain
 *
 * @typedef {object} Coverage as in the service's verbose_json
 * @property {number} speech_seconds
 * @property {number} uncovered_seconds
 * @property {Span[]} uncovered
 * @property {Span[]} doubtful
 * @property {Record<string, number>} seams
 * @property {number[]} uncertain_seams
 * @property {Redecoded[]} redecoded
 * @property {Span[]} truncated
 * @property {string[]} [warnings] what was odd about the file
 *
 * @typedef {{start: number, end: number, text: string, isOpen: boolean, isSettled: boolean}} Place
 * `isOpen`: words may be missing here; `isSettled`: was decoded again, needs no ears
 */

const PLACES_AT_FIRST = 40;
const WIDE = "(min-width: 72rem)"; // where the report stands beside the transcript
const SEAM_NAMES = [
  ["agreed", "both sides agree"],
  ["voted", "settled by a vote"],
  ["repaired", "decoded again"],
  ["uncertain", "uncertain"],
  ["silent", "in silence"],
];
const REASONS = /** @type {Record<string, string>} */ ({
  seam: "Decoded again to settle a seam",
  gap: "Decoded again: speech had no words",
  hidden: "Decoded again: a stretched word hid others",
  truncated: "Decoded again: a window was cut short",
  mixed: "Decoded again in parts: several languages",
  repetitive: "Decoded again: the text repeated itself",
  sparse: "Decoded again: hardly any text for the speech in it",
  improbable: "Decoded again: the text was improbable",
});

/** Why a stretch was heard again, and what that brought. @param {Redecoded} stretch */
function secondHearing({ reason, words }) {
  const why = REASONS[reason] ?? `Decoded again: ${reason}`;
  return `${why}; brought ${words === 0 ? "nothing" : words === 1 ? "1 word" : `${words} words`}`;
}

/**
 * Everything worth a look, in the order of the recording.
 * @param {Coverage} coverage
 * @returns {Place[]}
 */
export function placesOf(coverage) {
  const settled = coverage.redecoded.map((stretch) => ({
    start: stretch.start, end: stretch.end, text: secondHearing(stretch), isOpen: false, isSettled: true,
  }));
  const open = (/** @type {string} */ text) => (/** @type {Span} */ { start, end }) =>
    ({ start, end, text, isOpen: true, isSettled: false });
  const doubt = (/** @type {string} */ text) => (/** @type {Span} */ { start, end }) =>
    ({ start, end, text, isOpen: false, isSettled: false });
  return [
    ...coverage.uncovered.map(open("Speech without words")),
    ...coverage.truncated.map(open("Text may be cut short")),
    ...coverage.uncertain_seams.map((time) => ({ start: time, end: time })).map(doubt("Uncertain seam: two windows disagree")),
    ...coverage.doubtful.map(doubt("Words where no speech was heard")),
    ...settled,
  ].sort((a, b) => a.start - b.start);
}

/** @param {Place[]} places @param {Coverage} coverage @param {number} unsureWords */
function verdictOf(places, coverage, unsureWords) {
  const count = places.filter(({ isSettled }) => !isSettled).length;
  if (!coverage.speech_seconds && !count) return "No speech was heard in this recording.";
  if (!count && coverage.warnings?.length) return "All speech that could be read has words.";
  if (!count) return unsureWords ? "All speech has words." : "All speech has words. Nothing to check.";
  return count === 1 ? "1 place to check" : `${count} places to check`;
}

/** @param {Coverage} coverage @param {number} unsureWords @returns {[string, string, boolean][]} */
function measuresOf(coverage, unsureWords) {
  const seams = SEAM_NAMES.map(([status, name]) => /** @type {[string, number]} */ ([name, coverage.seams[status] ?? 0]));
  const total = seams.reduce((sum, [, count]) => sum + count, 0);
  return [
    ["Speech heard", length(coverage.speech_seconds), false],
    ["Speech without words", length(coverage.uncovered_seconds), false],
    ["Unsure words", String(unsureWords), false],
    ["Decoded again", String(coverage.redecoded.length), false],
    ["Cut short", String(coverage.truncated.length), false],
    ["Window seams", String(total), false],
    ...seams.filter(([, count]) => count).map(([name, count]) =>
      /** @type {[string, string, boolean]} */ ([name, String(count), true])),
  ];
}

export class CoverageReport {
  /** @param {{go: (time: number) => void, nextUnsure: () => void}} hooks */
  constructor({ go, nextUnsure }) {
    this.go = go;
    /** @type {Place[]} */
    this.places = [];
    byId("places").addEventListener("click", (event) => {
      const place = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(".place"));
      if (place) this.go(Number(place.dataset.start));
    });
    byId("places-more").addEventListener("click", () => this.#list(this.places));
    byId("next-unsure").addEventListener("click", nextUnsure);
  }

  clear() {
    byId("coverage").hidden = true;
  }

  /** @param {Coverage} coverage @param {number} unsureWords */
  show(coverage, unsureWords) {
    this.places = placesOf(coverage);
    const verdict = byId("verdict");
    const warnings = coverage.warnings ?? [];
    const isOpen = warnings.length > 0 || this.places.some(({ isSettled }) => !isSettled);
    verdict.classList.toggle("is-open", isOpen);
    setIcon(verdict, isOpen ? "look" : "done");
    byId("verdict-text").textContent = verdictOf(this.places, coverage, unsureWords);
    byId("warnings").replaceChildren(...warnings.map((text) => make("li", text)));
    const unsure = byId("next-unsure");
    unsure.hidden = unsureWords === 0;
    unsure.textContent = unsureWords === 1 ? "Go to the unsure word" : `Next of ${unsureWords} unsure words`;
    this.#list(this.places.slice(0, PLACES_AT_FIRST));
    this.#measure(measuresOf(coverage, unsureWords));
    /** @type {HTMLDetailsElement} */ (byId("figures")).open = matchMedia(WIDE).matches;
    byId("coverage").hidden = false;
  }

  /** @param {Place[]} places */
  #list(places) {
    byId("places").replaceChildren(...places.map((place) => {
      const item = fromTemplate("template-place");
      const button = /** @type {HTMLElement} */ (item.firstElementChild);
      button.dataset.start = String(place.start);
      button.classList.toggle("is-settled", place.isSettled);
      part(item, "time").textContent = clock(place.start);
      const span = place.end - place.start;
      part(item, "text").textContent = span > 0 ? `${place.text}, ${length(span)}` : place.text;
      return item;
    }));
    const rest = this.places.length - places.length;
    byId("places-more").hidden = rest <= 0;
    byId("places-more").textContent = `Show ${rest} more`;
  }

  /** @param {[string, string, boolean][]} measures */
  #measure(measures) {
    byId("measures").replaceChildren(...measures.flatMap(([name, value, isSub]) => {
      const term = document.createElement("dt");
      const figure = document.createElement("dd");
      term.textContent = name;
      figure.textContent = value;
      term.classList.toggle("is-sub", isSub);
      return [term, figure];
    }));
  }
}
