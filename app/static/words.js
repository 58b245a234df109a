// Puts the words of a transcript into the text of its segments, and finds words by time. Draws nothing.
// @ts-check

/**
 * @typedef {object} ApiWord
 * @property {string} word
 * @property {number} start
 * @property {number} end
 * @property {number} [probability]
 * @property {number | null} [channel]
 *
 * @typedef {object} ApiSegment
 * @property {number} id
 * @property {number} start
 * @property {number} end
 * @property {string} text
 * @property {number | null} [channel]
 * @property {ApiWord[]} [words]
 *
 * @typedef {object} Run a stretch of a segment's text: a word, or what stands between two words
 * @property {string} text
 * @property {ApiWord | null} word
 */

/**
 * Cut a segment's text into words and what stands between them, so that the text stays as it is.
 * A word that the text does not contain is left out; the text is never changed.
 * @param {string} text
 * @param {ApiWord[]} words
 * @returns {Run[]}
 */
export function splitText(text, words) {
  /** @type {Run[]} */
  const runs = [];
  let at = 0;
  for (const word of words) {
    const bare = word.word.trim();
    const found = bare ? text.indexOf(bare, at) : -1;
    if (found < 0) continue;
    if (found > at) runs.push({ text: text.slice(at, found), word: null });
    runs.push({ text: bare, word });
    at = found + bare.length;
  }
  if (at < text.length) runs.push({ text: text.slice(at), word: null });
  return runs;
}

/**
 * Give each segment its words where the transcript lists them apart. Within a channel both lists are
 * in order, so a segment takes words of its channel for as long as its text contains them.
 * @param {ApiSegment[]} segments
 * @param {ApiWord[]} words
 * @returns {ApiSegment[]}
 */
export function withWords(segments, words) {
  /** What is left of each channel. @type {Map<number, {words: ApiWord[], next: number}>} */
  const channels = new Map();
  return segments.map((segment) => {
    const channel = segment.channel ?? 0;
    const left = channels.get(channel) ?? { words: words.filter((word) => (word.channel ?? 0) === channel), next: 0 };
    const own = wordsFrom(left.words, left.next, segment);
    channels.set(channel, { words: left.words, next: left.next + own.length });
    return { ...segment, words: own };
  });
}

/** @param {ApiWord[]} words @param {number} start index @param {ApiSegment} segment */
function wordsFrom(words, start, segment) {
  let next = start;
  for (let at = 0; next < words.length; next += 1) {
    const bare = words[next].word.trim();
    const found = segment.text.indexOf(bare, at);
    if (found < 0 && words[next].start >= segment.end - 0.01) break;
    if (words[next].start > segment.end + 0.5) break;
    if (found >= 0) at = found + bare.length;
  }
  return words.slice(start, next);
}

/**
 * Index of the last entry whose `start` is not after `time`; -1 before the first.
 * @param {{start: number}[]} entries in order of `start`
 * @param {number} time seconds
 */
export function lastStarted(entries, time) {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle].start <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
