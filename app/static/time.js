// Times and sizes in words people read. All inputs are seconds or bytes.
// @ts-check

/** 75.4 → "1:15", 3671 → "1:01:11". @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const rest = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** 4.2 → "4.2 s", 75 → "1 min 15 s", 7500 → "2 h 5 min". @param {number} seconds */
export function length(seconds) {
  if (seconds < 10) return `${Number(seconds.toFixed(1))}\u00a0s`;
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole}\u00a0s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60}\u00a0s` : ""}`;
  const minutes = Math.floor(whole / 60) % 60;
  return `${Math.floor(whole / 3600)} h${minutes ? ` ${minutes} min` : ""}`;
}

/** How long something still takes, rounded so that it does not jitter. @param {number} seconds */
export function remaining(seconds) {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 90) return `about ${Math.round(seconds / 10) * 10} s left`;
  return `about ${length(Math.round(seconds / 60) * 60)} left`;
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  let step = 0;
  for (; bytes >= 1000 && step < units.length - 1; step += 1) bytes /= 1000;
  return `${step && bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)}\u00a0${units[step]}`;
}

/** When, for a list: the time today, else the date. @param {number} unixSeconds */
export function when(unixSeconds) {
  const moment = new Date(unixSeconds * 1000);
  const isToday = moment.toDateString() === new Date().toDateString();
  return isToday ? moment.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" }) : date(unixSeconds);
}

/** The year is left out where it is this one. @param {number} unixSeconds */
export function date(unixSeconds) {
  const moment = new Date(unixSeconds * 1000);
  const year = moment.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return moment.toLocaleDateString(undefined, { day: "numeric", month: "short", year });
}
