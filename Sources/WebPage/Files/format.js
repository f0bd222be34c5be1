// How are numbers, spans, sizes and moments written?
//
// The same number reads the same everywhere on the page. Times are in UTC unless the reader chose their own zone; every
// moment of the log has microseconds, and what is shown says when it is less.

let isLocal = localStorage.getItem("greenroom.zone") === "local";
export const zone = () => (isLocal ? "local" : "UTC");
export const setLocal = (value) => {
  isLocal = value;
  localStorage.setItem("greenroom.zone", value ? "local" : "utc");
};

/** 1234567 → 1,234,567. */
export function count(value) {
  if (value === null || value === undefined) return "–";
  const number = Number(value);
  if (Number.isInteger(number) && Math.abs(number) < 1000) return String(number);
  return (Number.isInteger(number) ? String(number) : String(Math.round(number * 100) / 100)).replace(/^-?\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ","));
}

/** A span of seconds with what two units can say: `85 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function span(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "–";
  const value = Math.max(0, seconds);
  if (value < 0.0995) return `${Math.round(value * 1000)} ms`;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  if (value < 59.5) return `${Math.round(value)} s`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = value >= 3600 ? Math.round(value / 60) * 60 : Math.round(value);
  const index = units.findIndex(([, size]) => rest >= size);
  const parts = [];
  for (const [name, size] of units.slice(index, index + 2)) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole > 0) parts.push(`${whole} ${name}`);
  }
  return parts.join(" ");
}

/** `13 s ago`; what is ahead is `in 13 s`. */
export const ago = (seconds) => (seconds < -0.5 ? `in ${span(-seconds)}` : seconds < 1 ? "just now" : `${span(seconds)} ago`);

export function bytes(value) {
  if (!value) return value === 0 ? "0 B" : "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const index = Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const number = value / 2 ** (10 * index);
  return `${number < 10 && index > 0 ? number.toFixed(1) : Math.round(number)} ${units[index]}`;
}

const two = (number) => String(number).padStart(2, "0");

/** The parts of a moment in the reader's zone. */
export function parts(milliseconds) {
  const date = new Date(milliseconds);
  return isLocal
    ? [date.getFullYear(), date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()]
    : [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
}

export const day = (milliseconds) => {
  const [year, month, date] = parts(milliseconds);
  return `${year}-${two(month)}-${two(date)}`;
};

/** `14:03:07`, with `digits` of its second's fraction. */
export function clock(milliseconds, digits = 0) {
  const [, , , hour, minute, second] = parts(milliseconds);
  const fraction = digits > 0 ? `.${String(Math.floor(((milliseconds % 1000) + 1000) % 1000)).padStart(3, "0").slice(0, digits)}` : "";
  return `${two(hour)}:${two(minute)}:${two(second)}${fraction}`;
}

/** The time, with its day where that isn't `near`'s. */
export const when = (milliseconds, near = Date.now(), digits = 0) =>
  day(milliseconds) === day(near) ? clock(milliseconds, digits) : `${day(milliseconds)} ${clock(milliseconds, digits)}`;

/** Milliseconds of an RFC 3339 time. */
export const stamp = (text) => (text ? Date.parse(text) : NaN);

/** The same in microseconds, which the log has. */
export const micros = (text) => (text ? Math.floor(Date.parse(text) / 1000) * 1000000 + Number((/\.(\d+)/.exec(text)?.[1] ?? "").padEnd(6, "0").slice(0, 6)) : NaN);

/** Round steps of an axis from 0 to `most`, at most `steps` of them. */
export function ticks(most, steps) {
  const raw = Math.max(most, 1) / steps;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw));
  const found = [];
  for (let value = 0; value <= most + 1e-9; value += step) found.push(value);
  return found;
}

/** Round moments between two, at most `steps` of them: `{at, text, isDay}`. */
export function timeTicks(from, to, steps) {
  const sizes = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000];
  const size = (sizes.find((seconds) => (to - from) / 1000 / seconds <= steps) ?? 2592000) * 1000;
  const offset = isLocal ? new Date(from).getTimezoneOffset() * 60000 : 0;
  const found = [];
  for (let at = Math.ceil((from - offset) / size) * size + offset; at <= to; at += size) {
    const [, month, date, hour, minute, second] = parts(at);
    const isDay = hour === 0 && minute === 0 && second === 0;
    const text = size >= 86400000 || isDay ? `${two(date)}.${two(month)}.` : size >= 60000 ? `${two(hour)}:${two(minute)}` : clock(at);
    found.push({ at, text, isDay });
  }
  return found;
}

/** A word for one or many: `3 workers`, `1 worker`. */
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** What a reason of the log is in words. */
export const blockedWords = {
  pool_exhausted: "every slot is taken",
  node_locality: "free workers are on other nodes",
  no_eligible_pool: "no policy and no workers",
  quota: "its tenant's limit",
};

export const statusWord = (status) => status.replace("STATUS_", "").toLowerCase();
