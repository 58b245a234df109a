// The API key: where it is kept and how people enter it. It is never put into an address.
// @ts-check

import { byId } from "./dom.js";

const PLACE = "longform.key";

/** @returns {string} */
function stored() {
  return sessionStorage.getItem(PLACE) ?? localStorage.getItem(PLACE) ?? "";
}

export class Keys {
  constructor() {
    this.key = stored();
    /** Called after a key was entered. */
    this.onEntered = () => {};
    this.dialog = /** @type {HTMLDialogElement} */ (byId("key-dialog"));
    this.text = /** @type {HTMLInputElement} */ (byId("key-text"));
    this.keep = /** @type {HTMLInputElement} */ (byId("key-keep"));
    this.openButton = byId("key-open");
    this.openButton.hidden = !this.key;
    this.openButton.addEventListener("click", () => this.ask());
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.accept();
    });
    byId("key-cancel").addEventListener("click", () => this.dialog.close());
    byId("key-forget").addEventListener("click", () => this.forget());
  }

  /** The service answered 401. */
  refused() {
    this.openButton.hidden = false;
    this.ask(this.key ? "The service did not accept this key." : "");
  }

  /** @param {string} [problem] */
  ask(problem = "") {
    byId("key-error").textContent = problem;
    byId("key-forget").hidden = !this.key;
    this.text.setAttribute("aria-invalid", String(Boolean(problem)));
    if (this.dialog.open) return;
    this.keep.checked = localStorage.getItem(PLACE) !== null;
    this.dialog.showModal();
    this.text.focus();
  }

  accept() {
    const key = this.text.value.trim();
    if (!key) return;
    this.store(key);
    this.text.value = "";
    this.dialog.close();
    this.onEntered();
  }

  /** @param {string} key */
  store(key) {
    this.key = key;
    sessionStorage.removeItem(PLACE);
    localStorage.removeItem(PLACE);
    if (key) (this.keep.checked ? localStorage : sessionStorage).setItem(PLACE, key);
  }

  /** Nothing of what the key opened may stay on the screen: start afresh. */
  forget() {
    this.store("");
    location.reload();
  }
}
