// What do all screens share? Small pieces: counts, dots of workers, notes, dialogs, commands to copy, tabs.

import * as address from "./address.js";
import { Refusal, Silence } from "./api.js";
import { knownTime } from "./clock.js";
import { button, fill, h, keeper, svg } from "./dom.js";
import { count } from "./format.js";

/** A button that copies the equal command of the command line; `flag` gives it the moment that is shown. */
export function command(text, flag = "--at") {
  const moment = address.at() && (flag === "--until" ? knownTime(address.at()) : address.at());
  const whole = moment && flag ? `${text} ${flag} ${moment}` : text;
  return h(
    "button",
    {
      type: "button", class: "command", title: `Copy: ${whole}`, "aria-label": `Copy the command ${whole}`,
      on: {
        click: async (event) => {
          const element = event.currentTarget;
          try {
            await navigator.clipboard.writeText(whole);
            say(`Copied: ${whole}`);
          } catch {
            say(whole, { stays: true });
          }
          element.classList.add("done");
          setTimeout(() => element.classList.remove("done"), 1200);
        },
      },
    },
    h("code", null, whole));
}

export const note = (...children) => h("p", { class: "note" }, ...children);
export const empty = (title, text) => h("div", { class: "empty" }, h("p", null, h("b", null, title)), text ? h("p", null, text) : null);
export const chip = (level, text, title) => h("span", { class: `chip ${level}`, title }, text);

/** What went wrong, in words, with what to do. */
export function trouble(error, again) {
  const title =
    error instanceof Silence ? "The service doesn't answer."
    : error instanceof Refusal && error.isMissing ? "This service doesn't have that yet."
    : error instanceof Refusal && error.status === 403 ? "Your token may not do that."
    : error instanceof Refusal && error.status === 404 ? "There is nothing of that name at this moment."
    : "That didn't work.";
  return h(
    "div", { class: "empty trouble", role: "alert" }, h("p", null, h("b", null, title)), h("p", null, error.message),
    again ? h("p", null, button("Try again", again)) : null);
}

// --- Workers as dots ---

const DOTS = 24;
const KINDS = [["busy", "busy"], ["idle", "free"], ["starting", "starting"], ["draining", "draining"], ["lost", "lost"]];

/** The workers of a pool: a dot each, or a bar where they are many. */
export function dots(pool) {
  const parts = KINDS.map(([kind, word]) => [kind, word, pool[kind] ?? 0]).filter(([, , number]) => number > 0);
  const total = parts.reduce((sum, [, , number]) => sum + number, 0);
  const text = total === 0 ? "no workers" : parts.map(([, word, number]) => `${count(number)} ${word}`).join(", ");
  const label = { class: "dots", role: "img", "aria-label": text, title: text };
  if (total === 0) return h("span", { ...label, class: "dots none" }, "–");
  if (total <= DOTS) return h("span", label, parts.flatMap(([kind, , number]) => Array.from({ length: number }, () => h("i", { class: `dot ${kind}` }))));
  return h("span", { ...label, class: "dots bar" }, parts.map(([kind, , number]) => h("i", { class: `part ${kind}`, style: { "flex-grow": String(number) } })));
}

// --- Dialogs and messages ---

const messages = h("div", { class: "messages", role: "status", "aria-live": "polite" });
document.body.append(messages);

/** A sentence at the foot of the page, for a moment. */
export function say(text, { stays = false, level = "" } = {}) {
  const element = h("p", { class: `message ${level}` }, text, button("×", () => element.remove(), { class: "plain", "aria-label": "Dismiss" }));
  messages.append(element);
  while (messages.childElementCount > 4) messages.firstChild.remove();
  if (!stays) setTimeout(() => element.remove(), 6000);
}

/** Opens a dialog; `build(close)` gives its content. Resolves with what `close` was given. */
export function dialog(title, build, { isWide = false } = {}) {
  return new Promise((resolve) => {
    const element = h("dialog", { class: isWide ? "wide" : null, "aria-label": title });
    let result;
    const close = (value) => {
      result = value;
      element.close();
    };
    element.addEventListener("close", () => {
      element.remove();
      resolve(result);
    });
    element.addEventListener("click", (event) => event.target === element && close());
    fill(element, h("header", null, h("h2", null, title), button("×", () => close(), { class: "plain", "aria-label": "Close" })), build(close));
    document.body.append(element);
    element.showModal();
    element.querySelector("[autofocus], input, textarea, select")?.focus();
  });
}

/** Tabs whose choice stands in the address. */
export function tabs(names, chosen, choose) {
  const move = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const list = [...event.currentTarget.querySelectorAll("[role=tab]")];
    const next = list[(list.indexOf(document.activeElement) + by + list.length) % list.length];
    next.focus();
    next.click();
  };
  return h(
    "div", { class: "tabs", role: "tablist", on: { keydown: move } },
    names.map(([id, text, number]) =>
      h("button", {
        type: "button", role: "tab", id: `tab-${id}`, "aria-selected": String(id === chosen), tabindex: id === chosen ? "0" : "-1", on: { click: () => choose(id) },
      }, text, number === undefined ? null : h("small", null, ` ${count(number)}`))));
}

/** A name and its value. */
export const fact = (name, value, props) => h("div", { class: "fact", ...props }, h("dt", null, name), h("dd", null, value));

export const meter = (used, total) =>
  svg("svg", { class: "meter", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "meter-all", width: 100, height: 6 }),
    svg("rect", { class: "meter-used", width: total > 0 ? (100 * used) / total : 0, height: 6 }));

/** An element that is renewed as a whole, by `show` alone. */
export const region = (props) => {
  const element = keeper(h("div", props));
  return { element, show: (...children) => fill(element, ...children) };
};
