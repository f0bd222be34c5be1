// Which moment does a person mean, and which one is shown?
//
// A moment is a position of the log or a time. It stands in the address as `at`, so a pasted link shows another person the
// same; without it the page is live. What a person may write: `#574`, `574`, `14:03`, `14:03:07`, `yesterday 14:03`, `5m`,
// `2h ago`, a date, a date with a time, RFC 3339, `live`.

import { parts, zone } from "./format.js";

const UNITS = { s: 1, sec: 1, m: 60, min: 60, h: 3600, d: 86400, w: 604800 };

/** `{at}` of what was written, null for live; `{problem}` where it is nothing of that. */
export function parse(text, now) {
  const words = text.trim().toLowerCase();
  if (words === "" || words === "live" || words === "now") return { at: null };
  let match = words.match(/^#?\s?(\d{1,18})$/);
  if (match) return match[1] === "0" ? { problem: "positions begin at 1" } : { at: match[1] };
  match = words.match(/^-?\s*((?:\d+(?:\.\d+)?\s*(?:sec|min|s|m|h|d|w)\s*)+)(?:ago)?$/);
  if (match) {
    let seconds = 0;
    for (const [, number, unit] of match[1].matchAll(/(\d+(?:\.\d+)?)\s*(sec|min|s|m|h|d|w)/g)) seconds += Number(number) * UNITS[unit];
    return { at: rfc(now - seconds * 1000) };
  }
  match = words.match(/^(?:(today|yesterday)\s+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?$/);
  if (match) {
    const [, word, hour, minute, second] = match;
    if (Number(hour) > 23 || Number(minute) > 59 || Number(second ?? 0) > 59) return { problem: "there is no such time of day" };
    const [year, month, date] = parts(now);
    let at = instant(year, month, date - (word === "yesterday" ? 1 : 0), Number(hour), Number(minute), Number(second ?? 0));
    // A time that hasn't come today was yesterday's.
    if (!word && at > now) at = instant(year, month, date - 1, Number(hour), Number(minute), Number(second ?? 0));
    return { at: rfc(at + Number(`0.${match[5] ?? 0}`) * 1000) };
  }
  match = words.match(/^(\d{4})-(\d{2})-(\d{2})(?:[t ](\d{2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?)?$/);
  if (match) {
    const [, year, month, date, hour, minute, second] = match.map(Number);
    return { at: rfc(instant(year, month, date, hour || 0, minute || 0, second || 0) + Number(match[7] ?? 0) * 1000) };
  }
  const time = Date.parse(text.trim());
  if (/^\d{4}-/.test(words) && !Number.isNaN(time)) return { at: text.trim() };
  return { problem: "write a time (14:03, yesterday 14:03, 5m, 2026-11-21 14:03) or a position (#574)" };
}

const instant = (year, month, date, hour, minute, second) =>
  zone() === "UTC" ? Date.UTC(year, month - 1, date, hour, minute, second) : new Date(year, month - 1, date, hour, minute, second).getTime();

/** RFC 3339 in UTC. */
export const rfc = (milliseconds) => new Date(milliseconds).toISOString();

export const isPosition = (at) => /^\d+$/.test(at ?? "");
