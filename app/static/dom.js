// Finding and making elements. Text enters the page here and only ever as text, never as markup.
// @ts-check

/**
 * The element with this id; a missing one is a mistake in index.html.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return /** @type {T} */ (element);
}

/**
 * A copy of the first element of a `<template>`.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function fromTemplate(id) {
  const template = /** @type {HTMLTemplateElement} */ (/** @type {unknown} */ (byId(id)));
  return /** @type {T} */ (template.content.firstElementChild?.cloneNode(true));
}

/**
 * The element marked `data-part="name"` inside `root`.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {ParentNode} root
 * @param {string} name
 * @returns {T}
 */
export function part(root, name) {
  return /** @type {T} */ (root.querySelector(`[data-part="${name}"]`));
}

/**
 * A new element with text in it.
 * @param {string} tag
 * @param {string} text
 * @param {string} [className]
 */
export function make(tag, text, className) {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/**
 * A new SVG rectangle of full height; lengths are in the units of the view box.
 * @param {number} x
 * @param {number} width
 * @param {string} className
 */
export function bar(x, width, className) {
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  rect.setAttribute("x", x.toFixed(2));
  rect.setAttribute("width", width.toFixed(2));
  rect.setAttribute("height", "10");
  rect.setAttribute("class", className);
  return rect;
}

/** Point the icon of a button at another symbol of the sprite. @param {ParentNode} root @param {string} name */
export function setIcon(root, name) {
  root.querySelector("use")?.setAttribute("href", `#icon-${name}`);
}

/**
 * Scroll only as far as needed, and without motion for those who asked for none.
 * @param {Element} element
 * @param {ScrollLogicalPosition} [block]
 */
export function reveal(element, block = "center") {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block, behavior: still ? "auto" : "smooth" });
}
