// Puts the parts together and decides what is shown: the welcome, or the recording in the address.
// @ts-check

import { Api, ApiError } from "./api.js";
import { byId } from "./dom.js";
import { isActive, JobList, nameOf, shareDone } from "./jobs.js";
import { Keys } from "./key.js";
import { notify, say } from "./notices.js";
import { fillLanguages } from "./options.js";
import { RecordingView } from "./recording.js";
import { Uploads } from "./upload.js";

const TITLE = "Whisper Longform";
const ALIASES = new Set(["whisper-1"]);

const keys = new Keys();
const api = new Api(keys);
const list = new JobList(api);
const recording = new RecordingView(api, {
  changed: (job) => {
    list.update(job);
    const share = isActive(job) ? shareDone(job) : null;
    document.title = `${share ? `${Math.floor(share * 100)} % · ` : ""}${nameOf(job)} – ${TITLE}`;
  },
  gone: (id) => {
    list.forget(id);
    location.hash = "#/";
    byId("main").focus();
  },
});
const uploads = new Uploads(api, (job, file, isAlone) => {
  recording.files.set(job.id, file);
  list.update(job);
  if (isAlone || !selectedId()) location.hash = `#/jobs/${encodeURIComponent(job.id)}`;
});

/** The job that the address names; empty for none. */
function selectedId() {
  const match = /^#\/jobs\/([^/]+)$/.exec(location.hash);
  return match ? decodeURIComponent(match[1]) : "";
}

/** What nothing else on the page says already: the key dialog asks, the banner tells that nobody answers. @param {unknown} error */
function complain(error) {
  if (error instanceof ApiError && [0, 401].includes(error.status)) return;
  notify(error instanceof Error ? error.message : String(error), { bad: true });
}

/** @param {{focus: boolean}} options whether the keyboard goes where the eyes go */
async function show({ focus }) {
  const id = selectedId();
  list.select(id);
  byId("welcome").hidden = Boolean(id);
  byId("frame").classList.toggle("is-reading", Boolean(id));
  if (!id) {
    recording.close();
    document.title = TITLE;
    return;
  }
  try {
    await recording.open(id, { focus });
  } catch (error) {
    if (id !== selectedId()) return;
    recording.close();
    if (error instanceof ApiError && error.status === 404) {
      notify("This recording is no longer on the service.", { bad: true });
      list.forget(id);
      location.hash = "#/";
    } else complain(error);
  }
}

async function showModel() {
  const { data } = await api.models();
  const model = data.find(({ id }) => !ALIASES.has(id))?.id ?? "";
  if (model) uploads.model = model;
  byId("model-name").textContent = `Model: ${model}`;
  byId("model-name").hidden = !model;
  byId("demo-note").hidden = model !== "demo";
}

async function showLimits() {
  const limits = await api.limits();
  if (typeof limits.max_upload_bytes === "number") uploads.setLimit(limits.max_upload_bytes);
}

/** Everything that needs an answer of the service; one refusal is enough to ask for the key. */
async function begin() {
  try {
    await list.refresh();
    await Promise.allSettled([showModel(), showLimits()]);
    if (!selectedId() || selectedId() !== recording.id) show({ focus: false });
  } catch (error) {
    complain(error);
  }
}

/** @param {HTMLButtonElement} button */
async function trySample(button) {
  button.disabled = true;
  try {
    uploads.add([await api.sample()]);
  } catch (error) {
    complain(error);
  }
  button.disabled = false;
}

let isReached = true;
api.onReach = (isAnswered) => {
  if (isAnswered === isReached) return;
  isReached = isAnswered;
  byId("lost").hidden = isReached;
  say(isReached ? "The service answers again." : "The service cannot be reached.");
  if (isReached) begin(); // it may have come back with another model
};
keys.onEntered = async () => {
  await begin();
  uploads.retryRefused();
};
byId("try-sample").addEventListener("click", () => trySample(byId("try-sample")));
addEventListener("hashchange", () => show({ focus: !document.querySelector("dialog[open]") }));
fillLanguages();
begin();
