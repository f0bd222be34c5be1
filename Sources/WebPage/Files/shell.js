// What is around every screen? The moment, the way to other screens, search, health, the token.
//
// The moment is the centre: green and live, or amber with its time, its position and how long ago that was. Health is what
// `/readyz` says.

import * as address from "./address.js";
import { get, hasToken, onContact, onTokenWanted, Refusal, setToken } from "./api.js";
import * as clocks from "./clock.js";
import { button, fill, h, keeper, link } from "./dom.js";
import { ago, clock, count, setLocal, span, when, zone } from "./format.js";
import { parse } from "./moment.js";
import { dialog, note, say } from "./parts.js";

const SCREENS = [["/", "Board", ["board", "pool"]], ["/actors", "Actors", ["actors", "actor"]], ["/nodes", "Nodes", ["nodes"]], ["/log", "Log", ["log"]], ["/lab", "Lab", ["lab"]]];
const HEALTH_MS = 5000;
// Names are looked up once somebody has stopped typing for a moment.
const LOOK_MS = 200;

export function makeShell({ step, refresh }) {
  const top = document.getElementById("top");
  let resolved = null;
  let trouble = null;
  let health = { level: "unknown", text: "not asked yet", checks: [] };

  // --- The moment ---

  const field = h("input", { class: "moment-field", placeholder: "14:03, 5m, #574", "aria-label": "Go to a time or position", maxlength: "40", autocomplete: "off", enterkeyhint: "go" });
  // The bar is drawn every second; a field that somebody writes in stays where it is.
  const form = keeper(h("form", { class: "moment-form", on: { submit: (event) => (event.preventDefault(), enter()) } }, field));

  function enter() {
    const found = parse(field.value, clocks.now());
    if (found.problem) return say(found.problem, { level: "bad" });
    field.value = "";
    field.blur();
    address.travel(found.at);
  }

  async function resolve() {
    const at = address.at();
    resolved = null;
    trouble = null;
    draw();
    if (!at) return;
    try {
      const found = await clocks.resolve(at);
      if (address.at() === at) resolved = found;
    } catch (error) {
      if (address.at() === at) trouble = error.message;
    }
    draw();
  }

  function draw() {
    const at = address.at();
    const { screen } = address.current();
    document.body.classList.toggle("past", at !== null);
    fill(
      top,
      h("a", { class: "brand", href: address.href("/"), title: "Greenroom: the board" }, "Greenroom"),
      h("nav", { "aria-label": "Screens" }, SCREENS.map(([path, text, names]) => link(address.href(path), { "aria-current": names.includes(screen) ? "page" : null }, text))),
      h("div", { class: "moment", role: "group", "aria-label": "Moment" },
        button("‹", () => step(false), { class: "plain", title: "Previous decision ([)", "aria-label": "Previous decision" }),
        at === null
          ? h("span", { class: "now live" }, h("b", null, "LIVE"), h("time", null, clock(clocks.now())))
          : h("span", { class: "now past" }, h("b", null, "PAST"), resolved ? h("time", null, when(resolved.time, clocks.now(), 3)) : h("span", null, trouble ?? at),
            resolved?.seq ? h("span", { class: "position" }, `#${count(resolved.seq)}`) : null, resolved ? h("span", { class: "far" }, ago((clocks.now() - resolved.time) / 1000)) : null),
        button("›", () => step(true), { class: "plain", title: "Next decision (])", "aria-label": "Next decision" }),
        form,
        at === null ? null : button("Back to live", () => address.travel(null), { class: "to-live", title: "Back to live (l)" })),
      h("div", { class: "tools" },
        button([h("span", { class: "word" }, "Search "), h("kbd", null, "/")], search, { class: "plain", "aria-label": "Search" }),
        button(zone() === "UTC" ? "UTC" : "local", toggleZone, { class: "plain", title: "Times in UTC or in your own zone", "aria-label": `Times are in ${zone()}` }),
        h("button", { type: "button", class: `health ${health.level}`, title: health.text, "aria-label": `Health: ${health.text}`, on: { click: showHealth } }, h("i", null), h("span", null, health.word ?? ""))));
  }

  function toggleZone() {
    setLocal(zone() === "UTC");
    draw();
    refresh();
  }

  setInterval(() => document.visibilityState === "visible" && draw(), 1000);

  // --- Health ---

  async function askHealth() {
    try {
      const response = await fetch("/readyz", { cache: "no-store" });
      const answer = await response.json();
      const failing = (answer.checks ?? []).filter((check) => check.status !== "ok");
      health = { level: response.ok ? "good" : "bad", word: response.ok ? "ready" : "not ready", checks: answer.checks ?? [], uptime: answer.uptimeSeconds,
        text: response.ok ? "ready" : `not ready: ${failing.map((check) => `${check.name}${check.detail ? ` (${check.detail})` : ""}`).join(", ")}` };
    } catch {
      away();
    }
    draw();
  }

  function away() {
    health = { level: "bad", word: "no answer", text: "the service doesn't answer; it is asked again", checks: [] };
  }

  onContact((isThere) => {
    if (!isThere && health.word !== "no answer") {
      away();
      draw();
    } else if (isThere && health.word === "no answer") askHealth();
  });
  setInterval(() => document.visibilityState === "visible" && askHealth(), HEALTH_MS);
  askHealth();

  async function showHealth() {
    await askHealth();
    let version = "";
    try {
      version = (await get("/openapi.json")).info?.version ?? "";
    } catch {
      // The checks say more.
    }
    dialog("Health", (close) => [
      h("p", null, h("b", { class: health.level }, health.text), health.uptime ? `, up for ${span(health.uptime)}` : ""),
      h("dl", { class: "checks" }, health.checks.map((check) => [h("dt", null, check.name), h("dd", { class: check.status === "ok" ? "good" : "bad" }, check.status, check.detail ? `: ${check.detail}` : "")])),
      version ? note(`Greenroom ${version}`) : null,
      h("p", { class: "buttons" }, button(hasToken() ? "Change the token …" : "Use a token …", () => (close(), askForToken("")))),
    ]);
  }

  // --- The token ---

  function askForToken(reason) {
    return dialog("Token", (close) => {
      const input = h("input", { type: "password", name: "token", autocomplete: "off", "aria-label": "Token", placeholder: "token", autofocus: true });
      const keep = h("input", { type: "checkbox", name: "keep" });
      return h("form", { class: "form", on: { submit: (event) => {
        event.preventDefault();
        setToken(input.value.trim(), keep.checked);
        close(true);
        if (reason === "") refresh();
      } } },
      reason ? note(reason) : null,
      note("The page shows what the role read may see. With admin it can also pause pools and apply policies."),
      input, h("label", { class: "row" }, keep, " Keep it in this browser; else it is forgotten with this tab"),
      h("p", { class: "buttons" }, hasToken() ? button("Forget it", () => (setToken(null), close(false), refresh())) : null, h("button", { type: "submit", class: "primary" }, "Use")));
    });
  }
  onTokenWanted((reason) => askForToken(reason).then(Boolean));

  // --- Search ---

  function search() {
    if (document.querySelector("dialog")) return;
    let pools = [];
    let round = 0;
    dialog("Search", (close) => {
      const results = h("ol", { class: "results", role: "listbox" });
      let found = [];
      let chosen = 0;
      const input = h("input", { type: "search", placeholder: "a pool, an actor, a worker, #position or a time", "aria-label": "Search", autocomplete: "off", on: { input: look, keydown } });
      const show = () => fill(results, found.map((item, index) => h("li", { role: "option", "aria-selected": String(index === chosen), class: index === chosen ? "on" : null }, h("a", { href: item.href, on: { click: () => close() } }, h("small", null, item.kind), ` ${item.text}`))));
      function keydown(event) {
        if (event.key === "ArrowDown") chosen = Math.min(found.length - 1, chosen + 1);
        else if (event.key === "ArrowUp") chosen = Math.max(0, chosen - 1);
        else if (event.key === "Enter" && found[chosen]) {
          address.go(found[chosen].href);
          close();
        } else return;
        event.preventDefault();
        show();
      }
      async function look() {
        const mine = ++round;
        const text = input.value.trim();
        const lower = text.toLowerCase();
        found = pools.filter((pool) => `${pool.namespace}/${pool.name}`.toLowerCase().includes(lower)).slice(0, 8).map((pool) => ({ kind: "pool", text: `${pool.namespace}/${pool.name}`, href: address.poolHref(pool.namespace, pool.name) }));
        const moment = text && parse(text, clocks.now());
        if (moment && moment.at) found.push({ kind: "moment", text: /^\d+$/.test(moment.at) ? `position ${moment.at}` : when(Date.parse(moment.at), clocks.now()), href: address.hereHref({ at: moment.at }) });
        chosen = 0;
        show();
        if (text.length < 2 || text.startsWith("#")) return;
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        if (mine !== round) return;
        const more = await Promise.all([byName("actors", text), byName("workers", text)]);
        if (mine !== round) return;
        found = found.concat(more.flat());
        if (found.length === 0) fill(results, h("li", null, note(`No pool has “${text}” in its name, and no actor or worker has exactly that name.`)));
        else show();
      }
      get("/v1/pools", { query: { limit: 10000 }, state: true }).then((page) => ((pools = page.items), look()), () => {});
      return [input, results];
    });
  }

  async function byName(what, text) {
    try {
      const item = await get(`/v1/${what}/${text.includes("/") ? text.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(text)}`, { state: true });
      return what === "actors"
        ? [{ kind: "actor", text: `${item.namespace}/${item.id}`, href: address.actorHref(item.namespace, item.id) }]
        : [{ kind: "worker", text: `${item.namespace}/${item.name} of ${item.pool}`, href: address.poolHref(item.namespace, item.pool, { tab: "workers" }) }];
    } catch (error) {
      return error instanceof Refusal && error.status === 409 ? [{ kind: what, text: error.message, href: address.href(`/${what}`) }] : [];
    }
  }

  resolve();
  return { changed: resolve, search, focusMoment: () => field.focus() };
}

