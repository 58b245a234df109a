// Telling people what happened: notices on the screen, and a live region that screen readers speak.
// @ts-check

import { byId, fromTemplate, part } from "./dom.js";

const NOTICE_MS = 6_000;

/**
 * Show a notice. A bad one stays until it is closed.
 * @param {string} text
 * @param {{bad?: boolean}} [options]
 */
export function notify(text, { bad = false } = {}) {
  const notice = fromTemplate("template-notice");
  part(notice, "text").textContent = text;
  notice.classList.toggle("is-bad", bad);
  part(notice, "close").addEventListener("click", () => notice.remove());
  byId("notices").append(notice);
  if (!bad) setTimeout(() => notice.remove(), NOTICE_MS);
}

/** Say something to screen readers without showing it. @param {string} text */
export function say(text) {
  byId("spoken-status").textContent = text;
}

/**
 * Ask before something that cannot be undone. Focus starts on the harmless answer and returns.
 * @param {{title: string, text: string, yes: string}} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, yes }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  return new Promise((resolve) => {
    byId("confirm-yes").onclick = () => dialog.close("yes");
    byId("confirm-no").onclick = () => dialog.close("no");
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
    dialog.showModal();
    byId("confirm-no").focus();
  });
}
