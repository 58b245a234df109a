// Taking a transcript away: a file in every format, or its text on the clipboard.
// @ts-check

import { byId, make } from "./dom.js";
import { notify } from "./notices.js";
import { filledIn } from "./options.js";

/** Format of the service, name for people, end of the file's name. */
const FORMATS = [
  ["text", "Plain text", "txt"],
  ["srt", "Subtitles, SubRip", "srt"],
  ["vtt", "Subtitles, WebVTT", "vtt"],
  ["tsv", "Table of segments", "tsv"],
  ["json", "JSON, text only", "json"],
  ["verbose_json", "JSON with words and coverage", "words.json"],
];
/** These have options of their own. */
const SUBTITLES = ["srt", "vtt"];
const BLOB_KEPT_MS = 60_000;

/** Offer bytes as a file; a blob, because a link could not carry the key. @param {Blob} blob @param {string} name */
function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), BLOB_KEPT_MS);
}

/** "Council, 3 May.mp3" and "srt" → "Council, 3 May.srt". @param {string} recording @param {string} ending */
function fileName(recording, ending) {
  const base = recording.replace(/\.[^.]{1,5}$/, "").replace(/[\\/:*?"<>|\p{Cc}]/gu, "_");
  return `${base || "transcript"}.${ending}`;
}

export class Downloads {
  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.api = api;
    this.jobId = "";
    this.name = "";
    this.menu = /** @type {HTMLDetailsElement} */ (byId("download"));
    byId("formats").append(...FORMATS.map(([format, name, ending]) => {
      const item = document.createElement("li");
      const button = make("button", name, "menu-item");
      button.setAttribute("type", "button");
      button.append(make("code", `.${ending}`));
      button.addEventListener("click", () => this.#save(format, ending));
      item.append(button);
      return item;
    }));
    this.cues = /** @type {HTMLFormElement} */ (byId("cue-options"));
    this.cues.addEventListener("submit", (event) => event.preventDefault());
    byId("copy").addEventListener("click", () => this.#copy());
    this.#closeLikeAMenu();
    this.hide();
  }

  hide() {
    this.menu.hidden = true;
    this.menu.open = false;
    byId("copy").hidden = true;
  }

  /** @param {{jobId: string, name: string, hasText: boolean}} transcript */
  offer({ jobId, name, hasText }) {
    this.jobId = jobId;
    this.name = name;
    this.menu.hidden = false;
    byId("copy").hidden = !hasText;
  }

  /** It closes when people go elsewhere, and with Escape. */
  #closeLikeAMenu() {
    addEventListener("click", (event) => {
      if (!this.menu.contains(/** @type {Node} */ (event.target))) this.menu.open = false;
    });
    this.menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#close();
    });
  }

  #close() {
    this.menu.open = false;
    this.menu.querySelector("summary")?.focus();
  }

  /** @param {string} format @param {string} ending */
  async #save(format, ending) {
    const options = SUBTITLES.includes(format) ? filledIn(this.cues) : [];
    if (!options) return; // out of range: the menu stays open, where the browser says so
    this.#close();
    const name = fileName(this.name, ending);
    try {
      saveAs(await this.api.transcript(this.jobId, format, options), name);
    } catch (error) {
      notify(/** @type {Error} */ (error).message, { bad: true });
    }
  }

  async #copy() {
    try {
      const text = await (await this.api.transcript(this.jobId, "text")).text();
      await navigator.clipboard.writeText(text);
      notify("The text is on the clipboard.");
    } catch {
      notify("The browser did not allow copying. Download the plain text instead.", { bad: true });
    }
  }
}
