// What is going on, and where is somebody needed?
//
// A row a pool: what needs a person first, then those that wait the longest. Rows move as the log does. A row leads to its
// pool, and every number in it is the API's.

import * as address from "./address.js";
import { all, decision, get, has } from "./api.js";
import { sparkline } from "./chart.js";
import { aged, heard, now, resolve } from "./clock.js";
import { order, sentence } from "./concerns.js";
import { fill, h, link } from "./dom.js";
import { blockedWords, clock, count, many, span, stamp } from "./format.js";
import { follow } from "./live.js";
import { chip, command, dots, empty, note, region, trouble } from "./parts.js";
import { policies } from "./policies.js";
import { loadMany } from "./series.js";
import { makeList } from "./virtual.js";

const NARROW = matchMedia("(max-width: 760px)");
const SPARK_MS = 10000;
// What the small pictures show: an hour, or as much of it as there have been pools.
const SPANS = [["2 min", 120000], ["5 min", 300000], ["15 min", 900000], ["hour", 3600000]];
const NEWEST = 30;
const HELD_MS = 4000;

export function open(host) {
  // Each pool with the moment at which it was as it says: a stream tells a pool again only once it changes, and time alone is no change.
  let pools = new Map();
  let sparks = new Map();
  let sparkSpan = SPANS.at(-1);
  const why = new Map();
  const shownWhy = new Map();
  const asked = new Set();
  let slots = new Map();
  let newest = [];
  let close = null;
  let timer = null;
  let control = new AbortController();
  let isLoaded = false;
  let problem = null;
  let connection = "";
  let isDrawAsked = false;

  const top = region({ class: "board-head" });
  const feed = region({ class: "feed" });
  const body = region({ class: "board-body" });
  const list = makeList({
    label: "Pools", key: (item) => item.key, height: (item) => (item.title ? 40 : NARROW.matches ? 116 : 54), row: drawRow,
    rowProps: (item) => ({ class: `list-row ${item.title ? "list-title" : "pool-row"}` }),
  });
  fill(host, h("h1", { class: "visually-hidden" }, "Board"), top.element, h("div", { class: "board" }, body.element, feed.element));

  function restart() {
    control.abort();
    control = new AbortController();
    close?.();
    close = null;
    clearInterval(timer);
    [pools, sparks, newest] = [new Map(), new Map(), []];
    isLoaded = false;
    problem = null;
    if (address.at()) loadPast();
    else {
      close = follow({ topics: ["board", "decisions"] }, {
        board: takeBoard,
        decisions: (data) => takeDecisions(data.items),
        poll: loadLive,
        state: (state, error) => {
          connection = state;
          if (state === "refused") problem = error;
          later();
        },
      });
      loadNewest();
    }
    timer = setInterval(() => document.visibilityState === "visible" && loadSparks(), SPARK_MS);
    later();
  }

  function takeBoard(data) {
    heard(data);
    if (data.full) pools = new Map();
    const since = data.at ? stamp(data.at) : now();
    for (const pool of data.items) pools.set(`${pool.namespace}/${pool.name}`, { pool, since });
    for (const name of data.removed ?? []) pools.delete(name);
    if (!isLoaded) loadSparks();
    isLoaded = true;
    later();
  }

  const keep = (items, since) => (pools = new Map(items.map((pool) => [`${pool.namespace}/${pool.name}`, { pool, since }])));
  const shownPools = () => [...pools.values()].map(({ pool, since }) => aged(pool, since));

  async function loadLive(signal) {
    const page = await all("/v1/pools", { signal });
    keep(page.items, now());
    if (!isLoaded) loadSparks();
    isLoaded = true;
    later();
    const last = newest[0]?.seq;
    if (last) takeDecisions((await get("/v1/decisions", { query: { after: last, limit: 100 }, signal })).items);
  }

  async function loadPast() {
    // By then there may be another moment, with a signal of its own.
    const signal = control.signal;
    try {
      const page = await all("/v1/pools", { state: true, signal });
      if (signal.aborted) return;
      keep(page.items, null);
      isLoaded = true;
      loadSparks();
      later();
      loadNewest();
    } catch (error) {
      if (signal.aborted) return;
      problem = error;
      later();
    }
  }

  async function loadNewest() {
    const signal = control.signal;
    try {
      if (await has("/v1/decisions", "order")) {
        const moment = address.at() ?? undefined;
        const found = await get("/v1/decisions", { query: { order: "desc", to: moment, limit: NEWEST, changes: true }, signal });
        if (signal.aborted) return;
        newest = found.items.filter((item) => !item.shadow);
      } else {
        // A service that lists them only oldest first: those since the oldest decision in force.
        const least = Math.min(...shownPools().map((pool) => pool.decisionSeq ?? Infinity));
        if (!Number.isFinite(least)) return setTimeout(() => !signal.aborted && loadNewest(), 1500);
        const { items } = await get("/v1/decisions", { query: { after: Math.max(0, least - 200), limit: 1000 }, signal });
        newest = items.filter((item) => item.from !== item.to && !item.shadow).reverse().slice(0, NEWEST);
      }
    } catch {
      // The rows say what is wrong.
    }
    later();
  }

  function takeDecisions(items) {
    const fresh = items.filter((item) => item.from !== item.to && !item.shadow && !(newest[0]?.seq >= item.seq));
    newest = [...fresh.reverse(), ...newest].slice(0, NEWEST);
    later();
  }

  async function loadSparks() {
    if (pools.size === 0) return;
    const signal = control.signal;
    try {
      slots = await policies.slots();
      const moment = address.at();
      const to = moment ? (await resolve(moment)).time : now();
      const oldest = Math.max(0, ...shownPools().map((pool) => pool.ageSeconds ?? 0));
      sparkSpan = SPANS.find(([, length]) => length >= oldest * 1050) ?? SPANS.at(-1);
      const from = to - sparkSpan[1];
      // Those in sight, by neighbours in the alphabet: at most a hundred a question.
      const names = list.seen().filter((item) => item.pool).map((item) => item.pool.full).sort();
      if (pools.size <= 100) return takeSparks(await loadMany(undefined, 100, from, to, signal));
      for (const name of names) {
        if (signal.aborted) return;
        const before = name.slice(0, -1) + String.fromCharCode(name.charCodeAt(name.length - 1) - 1) + "\uffff";
        if (!sparks.has(name) || sparks.get(name).to < to - SPARK_MS * 3) takeSparks(await loadMany(before, 8, from, to, signal));
      }
    } catch {
      // The pictures come with the next round.
    }
  }

  function takeSparks(found) {
    for (const [name, series] of found) sparks.set(name, series);
    if (found.length > 0) later();
  }

  function later() {
    if (isDrawAsked) return;
    isDrawAsked = true;
    requestAnimationFrame(() => {
      isDrawAsked = false;
      draw();
    });
  }

  function draw() {
    if (problem) return body.show(trouble(problem, restart));
    if (!isLoaded) return body.show(connection === "away" ? trouble(new Error("It is asked again until it does."), null) : h("p", { class: "loading" }, "Reading the pools …"));
    const sorted = held(order(shownPools()));
    const needy = sorted.filter((pool) => pool.isNeedy);
    const rest = sorted.filter((pool) => !pool.isNeedy);
    const items = [
      needy.length > 0 ? { key: "needy", title: "Needs a person", number: needy.length } : null,
      ...needy.map((pool) => ({ key: pool.full, pool })),
      needy.length > 0 && rest.length > 0 ? { key: "rest", title: "All others", number: rest.length } : null,
      ...rest.map((pool) => ({ key: pool.full, pool })),
    ].filter(Boolean);
    const sum = (value) => sorted.reduce((total, pool) => total + value(pool), 0);
    const waits = sum((pool) => pool.demand.waiting);
    top.show(
      h("dl", { class: "facts" },
        number("pools", sorted.length), number("actors wait", waits, waits > 0 ? "wait" : ""),
        number("actors run", sum((pool) => pool.demand.resident)),
        number("workers ready", sum((pool) => pool.ready)), number("busy", sum((pool) => pool.busy)), number("starting", sum((pool) => pool.starting)),
        number("need a person", needy.length, needy.length > 0 ? "bad" : "")),
      h("div", { class: "head-side" }, connectionText(), command("greenroom get pools")));
    if (sorted.length === 0) {
      body.show(empty("There is no pool.", h("span", null, "Apply a policy with ", h("code", null, "greenroom apply -f FILE"), ", or in the ", link(address.href("/lab"), null, "lab"), ".")));
    } else {
      body.show(
        h("div", { class: "table", role: "table", "aria-label": "Pools", "aria-rowcount": items.length },
          h("div", { class: "pool-row table-head", role: "row" },
            ["Pool", `Last ${sparkSpan[0]}`, "Workers", "Waiting", "Why this many"].map((text) => h("span", { role: "columnheader" }, text))),
          list.element));
      list.show(items);
    }
    drawFeed();
  }

  // Rows don't move under a pointer or away from the focus: the order of before stays for a few seconds after the last move.
  let lastPointed = 0;
  let names = new Map();
  list.element.addEventListener("pointermove", () => (lastPointed = performance.now()));
  list.element.addEventListener("pointerleave", () => (lastPointed = 0));

  function held(sorted) {
    const isHeld = performance.now() - lastPointed < HELD_MS || list.element.contains(document.activeElement);
    if (isHeld && names.size > 0) sorted.sort((a, b) => (names.get(a.full)?.place ?? Infinity) - (names.get(b.full)?.place ?? Infinity) || 0);
    if (isHeld && names.size > 0) for (const pool of sorted) pool.isNeedy = names.get(pool.full)?.isNeedy ?? false;
    else for (const pool of sorted) pool.isNeedy = pool.concerns.length > 0;
    names = new Map(sorted.map((pool, place) => [pool.full, { place, isNeedy: pool.isNeedy }]));
    return sorted;
  }

  function connectionText() {
    if (address.at()) return null;
    if (connection === "polled") return note("asked every second: this service has no stream");
    if (connection === "away") return chip("bad", "no answer: asked again");
    if (connection === "broken") return chip("warn", "stream broke: opened again");
    return null;
  }

  function drawRow(item) {
    if (item.title) return h("h2", { role: "cell" }, item.title, h("small", null, ` ${count(item.number)}`));
    const { pool } = item;
    return [
      h("div", { class: "cell-name", role: "cell" },
        link(address.poolHref(pool.namespace, pool.name), { class: "main" }, h("span", { class: "soft" }, `${pool.namespace}/`), pool.name),
        h("small", null, pool.target || "no policy", pool.mode === "recommend" ? " · recommends only" : "")),
      h("div", { class: "cell-spark", role: "cell" }, sparkline(sparks.get(pool.full), slots.get(pool.full) ?? 1)),
      h("div", { class: "cell-workers", role: "cell" },
        h("span", { class: "figure" }, h("b", null, count(pool.ready)), h("span", { class: "soft" }, ` of ${count(pool.desired)}`), h("small", null, ` ${bounds(pool)}`)),
        dots(pool)),
      h("div", { class: "cell-waiting", role: "cell" }, waiting(pool)),
      h("div", { class: "cell-why", role: "cell" },
        pool.concerns.length > 0 ? h("p", { class: "concerns" }, pool.concerns.map((concern) => chip(concern.level, concern.word, concern.text))) : null,
        h("p", { class: "sentence", title: pool.concerns[0]?.text }, reasonOf(pool))),
    ];
  }

  const bounds = (pool) => (pool.target ? (pool.min === pool.max ? `fixed` : `${count(pool.min)}–${count(pool.max)}`) : "");

  /** The sentence of a pool's decision, which is fetched when its row is seen. */
  function reasonOf(pool) {
    const first = pool.concerns[0];
    if (first && (first.level === "bad" || first.word === "paused")) return first.text;
    if (!pool.decisionSeq) return pool.target ? "nothing was decided yet" : "nobody decides its size";
    const kept = why.get(pool.decisionSeq);
    if (kept !== undefined) return kept;
    if (asked.has(pool.decisionSeq)) return lastWhy(pool);
    asked.add(pool.decisionSeq);
    decision(pool.decisionSeq).then(
      (found) => {
        why.set(pool.decisionSeq, sentence(found));
        shownWhy.set(pool.full, sentence(found));
        if (why.size > 5000) why.clear();
        later();
      },
      () => {}).finally(() => asked.delete(pool.decisionSeq));
    // Until then the sentence of the decision before stays.
    return lastWhy(pool);
  }

  const lastWhy = (pool) => shownWhy.get(pool.full) ?? " ";

  function waiting(pool) {
    if (pool.demand.waiting === 0) return h("span", { class: "soft" }, pool.demand.resident > 0 ? `${many(pool.demand.resident, "actor")} run` : "–");
    const reasons = Object.entries(pool.demand.blocked).sort((a, b) => b[1] - a[1]);
    const text = reasons.length === 0 ? "" : reasons.length === 1 ? blockedWords[reasons[0][0]] ?? reasons[0][0] : reasons.map(([name, number]) => `${number} ${name}`).join(", ");
    return [
      h("span", { class: "figure waits" }, h("b", null, count(pool.demand.waiting)), " wait", pool.oldestWaitSeconds !== undefined ? `, oldest ${span(pool.oldestWaitSeconds)}` : ""),
      h("small", { title: reasons.map(([name, number]) => `${number}: ${blockedWords[name] ?? name}`).join("\n") }, text),
    ];
  }

  function drawFeed() {
    feed.show(
      h("h2", null, "Last changes"),
      newest.length === 0 ? note("None yet.") : null,
      h("ol", null, newest.map((item) => {
        const [namespace, ...name] = item.pool.split("/");
        return h("li", { key: item.seq },
          link(address.poolHref(namespace, name.join("/"), { at: item.seq }), { title: `Go to position ${item.seq}` },
            h("time", null, clock(stamp(item.at))), h("b", { class: item.to > item.from ? "up" : "down" }, `${item.from} → ${item.to}`), h("span", null, item.pool)),
          h("p", { title: item.reason }, item.reason));
      })));
  }

  restart();
  const tick = setInterval(() => address.at() === null && later(), 1000);
  return {
    update: restart,
    close() {
      control.abort();
      close?.();
      clearInterval(timer);
      clearInterval(tick);
      list.close();
    },
  };
}

const number = (name, value, level = "") => h("div", { class: `fact ${level}` }, h("dd", null, count(value)), h("dt", null, name));
