// The options of a new transcript. Only what differs from the service's defaults is sent.
// @ts-check

import { byId } from "./dom.js";

/** Most heard first; the service accepts every code of the model. */
const LANGUAGES = [
  "en", "zh", "es", "hi", "ar", "pt", "bn", "ru", "ja", "de", "fr", "ko", "it", "tr", "vi", "ta", "te", "mr",
  "ur", "id", "pl", "uk", "nl", "fa", "th", "gu", "kn", "ml", "pa", "ro", "el", "cs", "hu", "sv", "he", "da",
  "fi", "no", "sk", "bg", "hr", "sr", "lt", "lv", "et", "sl", "ca", "gl", "eu", "af", "sw", "ms", "tl", "ne",
  "si", "km", "my", "lo", "ka", "hy", "az", "kk", "uz", "mn", "is", "cy", "yo", "ha", "so", "am",
];

const NAMES = new Intl.DisplayNames(undefined, { type: "language" });

/** In the reader's own language. @param {string} code */
export function languageName(code) {
  return NAMES.of(code) ?? code;
}

/** Fill the list of languages. */
export function fillLanguages() {
  const select = /** @type {HTMLSelectElement} */ (byId("option-language"));
  select.append(new Option("Detect by itself", ""));
  for (const code of LANGUAGES) select.append(new Option(languageName(code), code));
}

/**
 * Fields to send with a recording, or null when one of them is out of range (the browser says which).
 * @returns {[string, string][] | null}
 */
export function chosenOptions() {
  return filledIn(/** @type {HTMLFormElement} */ (byId("upload-form")));
}

/**
 * What was filled in of a form, or null when a field of it is out of range (the browser says which).
 * @param {HTMLFormElement} form
 * @returns {[string, string][] | null}
 */
export function filledIn(form) {
  const invalid = /** @type {HTMLElement | null} */ (form.querySelector("input:invalid"));
  if (invalid) {
    invalid.closest("details")?.setAttribute("open", "");
    form.reportValidity();
    return null;
  }
  return [...new FormData(form)]
    .map(([name, value]) => /** @type {[string, string]} */ ([name, String(value).trim()]))
    .filter(([, value]) => value !== "");
}
