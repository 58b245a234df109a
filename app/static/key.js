// The API key: where it is kept and how people enter it. It is never put into an address.
// @ts-check

import { byId } from "./dom.js";

const PLACE = "longform.key";

/**
 * A place to keep the key; null where the browser keeps nothing for this site.
 * @param {"localStorage" | "sessionStorage"} name
 * @returns {Storage | null}
 */
function storage(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}

export class Keys {
  constructor() {
    this.tab = storage("sessionStorage");
    this.device = storage("localStorage");
    this.key = this.tab?.getItem(PLACE) ?? this.device?.getItem(PLACE) ?? "";
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
    this.keep.checked = Boolean(this.device?.getItem(PLACE));
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
    this.tab?.removeItem(PLACE);
    this.device?.removeItem(PLACE);
    if (key) (this.keep.checked ? this.device : this.tab)?.setItem(PLACE, key);
  }

  /** Nothing of what the key opened may stay on the screen: start afresh. */
  forget() {
    this.store("");
    location.reload();
  }
}
