// What happened to this pool, and why?
//
// The chart over any stretch, beside it always the why of the moment that is shown, below it workers, actors, the policy, the
// decisions and shadows. A click in the chart travels there; previous and next decision, playing and "go back to when …" do
// too. The stretch, the moment and the tab stand in the address.

import * as actions from "./actions.js";
import * as address from "./address.js";
import { all, decision as decisionAt, get, has, lines, poolPath } from "./api.js";
import { BANDS, makeChart, makeMinimap } from "./chart.js";
import * as clocks from "./clock.js";
import { aged } from "./clock.js";
import { concerns } from "./concerns.js";
import { button, fill, h, keeper, link } from "./dom.js";
import { ago, clock, count, many, span, stamp, statusWord, when } from "./format.js";
import { follow } from "./live.js";
import { rfc } from "./moment.js";
import { chip, command, dots, empty, fact, note, region, say, tabs, trouble } from "./parts.js";
import * as texts from "./policies.js";
import { decisions, load, neighbour } from "./series.js";
import { makeList } from "./virtual.js";
import { whyPanel } from "./why.js";

const RANGES = [["1m", 60], ["5m", 300], ["15m", 900], ["1h", 3600], ["6h", 21600], ["1d", 86400], ["7d", 604800]];
const NEWEST_CHANGES = 400;

export function open(host, here) {
  const { namespace, name } = here;
  const full = `${namespace}/${name}`;
  let control = new AbortController();
  let pool = null;
  // When the pool was as it says; null in the past, where ages stand still. The same of its workers.
  let since = null;
  let workersSince = null;
  let problem = null;
  let series = null;
  let overview = null;
  let shown = [];
  let why = { decision: null, previous: null, changes: [] };
  let slots = 1;
  let policy = null;
  let workers = null;
  let connection = "";
  let closeStream = null;
  let timers = [];
  let playing = null;
  let moment = null;
  let tabRound = 0;
  let shownLine = null;

  const head = region({ class: "pool-head" });
  const side = region({ class: "why", role: "region", "aria-label": "Why this many workers" });
  const tools = region({ class: "chart-tools" });
  const below = region({ class: "below" });
  const foot = region({ class: "tab-body", role: "tabpanel" });
  const chart = makeChart({ travel: travelTo, choose, step: (isLater, changesOnly) => step(isLater, changesOnly) });
  const minimap = makeMinimap({ choose });
  const explained = keeper(legend());
  const main = keeper(h("div", { class: "pool-main" }));
  const screen = region({ class: "pool" });
  fill(host, screen.element);

  function layout() {
    if (problem && !pool) {
      // What plays can be stopped, also while it goes through a time before the pool was there.
      return screen.show(playing ? tools.element : null, h("h1", null, full), trouble(problem, restart), problem.status === 404 && address.at() ? note("It may not have been there yet. ", link(address.hereHref({ at: null }), null, "Go to live")) : null);
    }
    fill(main, tools.element, chart.element, minimap.element, explained, below.element);
    screen.show(head.element, h("div", { class: "pool-top" }, main, side.element), foot.element);
  }

  function restart() {
    control.abort();
    control = new AbortController();
    closeStream?.();
    closeStream = null;
    timers.forEach(clearInterval);
    timers = [];
    problem = null;
    const signal = control.signal;
    const failed = (error) => {
      if (signal.aborted || error.name === "AbortError") return;
      problem = error;
      layout();
    };
    layout();
    drawTools();
    if (address.at()) {
      loadPast(signal).catch(failed);
    } else {
      moment = null;
      position = 0;
      const renew = async () => {
        const found = await get(poolPath(namespace, name), { signal });
        takeNewest(found, found.position ?? position);
      };
      renew().catch(failed);
      closeStream = follow({ topics: ["pool", "workers", "decisions"], pool: full }, {
        pool: (data) => (clocks.heard({ seq: data.seq }), data.pool ? takeNewest(data.pool, data.seq) : null),
        workers: (data) => {
          [workers, workersSince] = [data.items, clocks.now()];
          if (tab() === "workers") drawTab();
        },
        decisions: () => loadSeries(signal),
        poll: async (stop) => takePool(await get(poolPath(namespace, name), { signal: stop })),
        state: (state, error) => {
          connection = state;
          if (state === "refused") failed(error);
          else if (pool) drawHead();
        },
      });
      timers.push(setInterval(() => document.visibilityState === "visible" && loadSeries(signal), seriesEvery()));
      timers.push(setInterval(() => document.visibilityState === "visible" && drawTab(), 3000));
      // Ages go on by the clock. Rates fade by a rule of the service, so they are asked for.
      timers.push(setInterval(() => document.visibilityState === "visible" && pool && drawHead(), 1000));
      timers.push(setInterval(() => document.visibilityState === "visible" && pool && renew().catch(() => {}), 5000));
    }
    loadSeries(signal);
    loadOverview(signal);
    timers.push(setInterval(() => document.visibilityState === "visible" && loadOverview(signal), 30000));
    texts.policies.one(namespace, name, address.at()).then((found) => {
      policy = found;
      if (found) slots = texts.slotsOf(found);
      drawChart();
    }, () => {});
    drawTab();
  }

  async function loadPast(signal) {
    moment = await clocks.resolve(address.at());
    if (signal.aborted) return;
    takePool(await get(poolPath(namespace, name), { state: true, signal }));
  }

  // An answer may be older than what the stream has told meanwhile.
  let position = 0;
  function takeNewest(found, at) {
    if (at < position) return;
    position = at;
    takePool(found);
  }

  let lastDecision;
  function takePool(found) {
    pool = found;
    since = address.at() ? null : clocks.now();
    fit(pool.ageSeconds);
    problem = null;
    layout();
    drawHead();
    drawChart();
    if (pool.decisionSeq !== lastDecision || why.decision === null) {
      lastDecision = pool.decisionSeq;
      loadWhy(control.signal);
    }
  }

  async function loadWhy(signal) {
    const seq = pool.decisionSeq;
    if (!seq) {
      why = { decision: null, previous: null, changes: [] };
      return drawWhy();
    }
    try {
      const found = await decisionAt(seq);
      if (signal.aborted) return;
      // The first comes as a whole, as a panel that grows moves what is below it.
      const isFirst = why.decision === null;
      why = { ...why, decision: found };
      if (!isFirst) drawWhy();
      const [previous, changes] = await Promise.all([
        decisions(namespace, name, { before: seq, limit: 1, signal }), decisions(namespace, name, { before: seq + 1, changes: true, limit: 5, signal }),
      ]);
      if (signal.aborted || pool.decisionSeq !== seq) return;
      why = { decision: found, previous: previous.items[0] ?? null, changes: changes.items };
      drawWhy();
      drawChart();
    } catch (error) {
      if (!signal.aborted) side.show(trouble(error, () => loadWhy(signal)));
    }
  }

  // --- The stretch that is shown ---

  // An hour, or as much of it as the pool has been there.
  let fitted = 3600;
  const rangeSeconds = () => RANGES.find(([id]) => id === address.param("last"))?.[1] ?? fitted;

  function fit(age) {
    const [, seconds] = RANGES.find(([, length]) => length >= age * 1.2) ?? RANGES[3];
    const wanted = Math.min(3600, seconds);
    if (wanted === fitted) return;
    fitted = wanted;
    drawTools();
    if (!address.param("last") && !address.param("from")) loadSeries(control.signal);
  }

  function stretch() {
    const [from, to] = [address.param("from"), address.param("to")];
    if (from && to) return [stamp(from), stamp(to)];
    const length = rangeSeconds() * 1000;
    const end = clocks.now();
    if (!moment) return [end - length, end];
    // What came after the moment is part of the story.
    const to_ = Math.min(end, moment.time + length / 4);
    return [to_ - length, to_];
  }

  const seriesEvery = () => Math.min(15000, Math.max(1000, (rangeSeconds() * 1000) / 300));

  let isSeriesAsked = false;
  let isSeriesWanted = false;
  async function loadSeries(signal) {
    if (isSeriesAsked) return void (isSeriesWanted = true);
    isSeriesAsked = true;
    isSeriesWanted = false;
    try {
      if (address.at() && !moment) moment = await clocks.resolve(address.at());
      const [from, to] = stretch();
      const [loaded, changes] = await Promise.all([
        load(namespace, name, from, to, { points: Math.min(1200, Math.max(200, main.clientWidth || 600)), signal }),
        decisions(namespace, name, { from: rfc(from), to: rfc(to), changes: true, limit: NEWEST_CHANGES, signal }),
      ]);
      if (signal.aborted) return;
      series = loaded;
      series.window = [from, to];
      shown = changes.items.map((item) => ({ ...item, time: stamp(item.at) }));
      drawChart();
    } catch (error) {
      if (!signal.aborted) below.show(trouble(error, () => loadSeries(control.signal)));
    } finally {
      isSeriesAsked = false;
    }
    if ((signal.aborted || isSeriesWanted) && !control.signal.aborted) loadSeries(control.signal);
  }

  async function loadOverview(signal) {
    try {
      const end = clocks.now();
      const [from, to] = stretch();
      const begun = pool ? (moment?.time ?? end) - pool.ageSeconds * 1000 : from;
      const start = Math.min(from, Math.max(begun, end - 7 * 86400000, end - Math.max((to - from) * 24, 3600000)));
      overview = await load(namespace, name, start, Math.max(end, to), { points: 300, columns: ["demand", "ready"], signal });
      drawChart();
    } catch {
      // The chart says what is wrong.
    }
  }

  function drawChart() {
    if (!series) return;
    const [from, to] = series.window;
    const at = moment ? moment.time : null;
    chart.show({ series, from, to, at, slots, decisions: shown, decision: why.decision?.seq });
    if (overview) minimap.show({ series: overview, from, to, at, slots });
    const bandsHere = Object.keys(BANDS).filter((kind) => series.bands.some((band) => band.kind === kind));
    below.show(
      h("p", { class: "legend bands" }, bandsHere.map((kind) => h("span", null, h("i", { class: `key band ${kind}` }), BANDS[kind]))),
      series.isFromDecisions ? note("Drawn from decisions: this service keeps no series. What happened between two decisions isn't seen.") : null,
      series.rows.length === 0 ? note("Nothing is known of this stretch: choose a longer one.") : null);
  }

  // --- Travelling ---

  function travelTo({ seq, time }) {
    if (playing) stop();
    address.travel(seq !== undefined ? String(seq) : rfc(time));
  }

  function choose(from, to) {
    address.set({ from: rfc(from), to: rfc(Math.min(to, clocks.now())), last: null });
  }

  async function step(isLater, changesOnly) {
    if (playing) stop();
    const at = pool?.decisionSeq ?? clocks.headPosition() ?? 1;
    // The decision in force may be older than the moment: going back goes to it first.
    const from = !isLater && address.at() && moment?.seq > at ? at + 1 : at;
    const isElsewhere = address.watchful();
    try {
      const found = await neighbour(namespace, name, from, { isLater, changes: changesOnly });
      if (isElsewhere()) return;
      if (found) address.travel(String(found.seq));
      else say(isLater ? "That was the last decision. Live is one key away: l." : "That was the first decision.");
    } catch (error) {
      say(error.message, { level: "bad" });
    }
  }

  async function play(speed) {
    if (playing) return stop();
    // The moment of the address may not have been looked up yet.
    const at = address.at();
    let start;
    try {
      start = at ? (await clocks.resolve(at)).time : stretch()[0];
    } catch (error) {
      return say(error.message, { level: "bad" });
    }
    if (playing || address.at() !== at || control.signal.aborted) return;
    playing = { speed, from: start, began: performance.now(), timer: setInterval(tick, 500) };
    tick();
    drawTools();
  }

  function tick() {
    const time = playing.from + (performance.now() - playing.began) * playing.speed;
    if (time >= clocks.now()) {
      stop();
      return address.travel(null);
    }
    address.travel(rfc(time), { replace: true });
  }

  function stop() {
    clearInterval(playing?.timer);
    playing = null;
    drawTools();
  }

  const conditions = ["desired < 5", "desired >= 5", "waiting > 0", "oldestWait > 10", "ready = 0", "policy", "paused", "crash"];

  async function goBack(text) {
    if (playing) stop();
    const condition = text.replace(/\s+/g, "").replace(/^firstwaited|^waited/, "oldestWait");
    let before = moment?.seq ?? undefined;
    const isElsewhere = address.watchful();
    try {
      if (!(await has("/v1/pools/{namespace}/{name}/when"))) return say("This service can't look for moments.", { level: "bad" });
      for (let pages = 0; pages < 50; pages += 1) {
        const answer = await get(`${poolPath(namespace, name)}/when`, { query: { condition, before } });
        if (isElsewhere()) return;
        if (answer.found) return address.travel(String(answer.found.seq));
        if (!answer.searchedTo || answer.searchedTo <= 1) break;
        before = answer.searchedTo;
      }
      say(`There was no such moment: ${text}.`);
    } catch (error) {
      say(error.message, { level: "bad" });
    }
  }

  function drawTools() {
    const hasStretch = address.param("from") && address.param("to");
    tools.show(
      h("div", { class: "ranges", role: "group", "aria-label": "Stretch" },
        RANGES.map(([id, seconds]) =>
          h("button", {
            type: "button", "aria-pressed": String(!hasStretch && seconds === rangeSeconds()), on: { click: () => address.set({ last: id, from: null, to: null }) },
          }, id)),
        hasStretch ? h("button", { type: "button", "aria-pressed": "true", title: "The stretch that was chosen" }, `${span((stamp(address.param("to")) - stamp(address.param("from"))) / 1000)}`) : null),
      h("div", { class: "steps", role: "group", "aria-label": "Travel" },
        button("⇤", () => step(false, true), { title: "Previous change ({)", "aria-label": "Previous change" }), button("‹", () => step(false, false), { title: "Previous decision ([)", "aria-label": "Previous decision" }),
        playing
          ? h("button", { type: "button", "aria-pressed": "true", title: "Stop (space)", on: { click: stop } }, `■ ×${playing.speed}`)
          : [button("▶ ×1", () => play(1), { title: "Play as fast as it was (space)" }), button("×60", () => play(60), { title: "Play sixty times as fast" })],
        button("›", () => step(true, false), { title: "Next decision (])", "aria-label": "Next decision" }), button("⇥", () => step(true, true), { title: "Next change (})", "aria-label": "Next change" })),
      h("form", {
        class: "back-when",
        on: { submit: (event) => (event.preventDefault(), goBack(event.currentTarget.querySelector("input").value)) },
      },
        h("label", null, h("span", null, "Back to when "), h("input", { list: "conditions", placeholder: "desired < 5", "aria-label": "Go back to when", required: true, maxlength: "60" })),
        h("datalist", { id: "conditions" }, conditions.map((text) => h("option", { value: text }))), h("button", { type: "submit" }, "Go")));
  }

  // --- What is around the chart ---

  function drawHead() {
    drawHeadOf(aged(pool, since));
  }

  function drawHeadOf(pool) {
    const list = concerns(pool);
    head.show(
      h("div", { class: "title-line" },
        h("div", null,
          h("h1", null, h("span", { class: "soft" }, `${namespace}/`), name),
          h("p", { class: "soft" }, pool.target ? `${pool.target} · ${pool.mode} · ` : "no policy · ", `${many(slots, "slot")} a worker`, pool.ageSeconds ? ` · known for ${span(pool.ageSeconds)}` : "")),
        actions.buttons(pool, restart)),
      list.map((concern) => h("p", { class: `concern ${concern.level}` }, h("b", null, concern.word), " ", concern.text,
        concern.word === "paused" && pool.pause ? [" · ", link(address.hereHref({ at: pool.pause.seq }), null, `since #${pool.pause.seq}`)] : null,
        concern.path && pool.target ? [" · ", h("a", { href: address.hereHref({ tab: "policy", path: concern.path }), on: { click: (event) => openPath(event, concern.path) } }, "policy line")] : null)),
      connection === "away" && !address.at() ? h("p", { class: "concern bad" }, h("b", null, "no answer"), " The service doesn't answer. It is asked again.") : null,
      h("dl", { class: "facts" },
        fact("demand", h("b", { class: "demand-text" }, count(pool.demand.total))),
        fact("waiting", [h("b", { class: pool.demand.waiting > 0 ? "demand-text" : null }, count(pool.demand.waiting)), pool.oldestWaitSeconds !== undefined ? h("small", null, ` oldest ${span(pool.oldestWaitSeconds)}`) : null]),
        fact("running", count(pool.demand.resident)), fact("desired", h("b", null, count(pool.desired))), fact("ready", count(pool.ready)),
        fact("busy", count(pool.busy)), fact("starting", count(pool.starting)), fact("draining", count(pool.draining)),
        fact("bounds", pool.target ? `${count(pool.min)}–${count(pool.max)}` : "–"),
        pool.startSeconds ? fact("start p50/p90", `${span(pool.startSeconds.p50)} / ${span(pool.startSeconds.p90)}`) : null,
        fact("arrivals", h("span", null, `${count(Math.round(pool.arrivalsPerSecond.minute1 * 100) / 100)}/s`)),
        h("div", { class: "fact dots-fact" }, h("dt", null, "workers"), h("dd", null, dots(pool)))));
  }

  // Decisions differ in length. The panel never gets lower while it is open, so that what is below stays under the pointer.
  let lowest = 0;
  function holdHeight() {
    const height = side.element.offsetHeight;
    if (height <= lowest) return;
    lowest = height;
    side.element.style.setProperty("min-height", `${height}px`);
  }
  function releaseHeight() {
    lowest = 0;
    side.element.style.removeProperty("min-height");
  }
  addEventListener("resize", releaseHeight, { passive: true });

  /** The line of the policy, which is below. */
  function openPath(event, path) {
    event.preventDefault();
    address.set({ tab: "policy", path });
    document.querySelector(".tabs")?.scrollIntoView({ block: "start", behavior: "smooth" });
  }

  function drawWhy() {
    side.show(whyPanel({ ...why, pool: full, policyHref: (path) => address.hereHref({ tab: "policy", path }), openPath }));
    holdHeight();
  }

  const tab = () => address.param("tab") ?? "workers";

  const workerList = makeList({ label: "Workers", key: (worker) => worker.uid ?? worker.name, height: () => 32, row: workerRow });
  const actorList = makeList({ label: "Actors", key: (actor) => `${actor.namespace}/${actor.id}`, height: () => 32, row: actorRow });
  const decisionList = makeList({ label: "Decisions", key: (item) => item.seq, height: () => 32, row: decisionRow });

  async function drawTab() {
    const round = ++tabRound;
    const signal = control.signal;
    const chosen = tab();
    const names = [["workers", "Workers", pool ? pool.ready + pool.starting + pool.draining : undefined], ["actors", "Actors", pool?.demand.total], ["decisions", "Decisions"], ["policy", "Policy"], ["shadows", "Shadows"]];
    const bar = () => tabs(names, chosen, (id) => address.set({ tab: id === "workers" ? null : id, path: null }));
    try {
      const content = await CONTENTS[chosen]?.(signal);
      if (signal.aborted || round !== tabRound || content === null) return;
      foot.show(bar(), content ?? note("There is no such tab."));
      listOf[chosen]?.();
      const line = foot.element.querySelector(".line.on");
      if (line && line !== shownLine) line.scrollIntoView({ block: "center" });
      shownLine = line;
    } catch (error) {
      if (!signal.aborted && round === tabRound) foot.show(bar(), trouble(error, drawTab));
    }
  }

  const table = (list, heads, className) =>
    h("div", { class: `table ${className}`, role: "table" }, h("div", { class: "table-head grid-row", role: "row" }, heads.map((text) => h("span", { role: "columnheader" }, text))), list.element);
  let rows = [];
  const listOf = { workers: () => workerList.show(rows), actors: () => actorList.show(rows), decisions: () => decisionList.show(rows) };

  const CONTENTS = {
    async workers(signal) {
      const found = workers && !address.at() ? { items: workers } : await all("/v1/workers", { query: { pool: full }, state: true, signal });
      const told = workers && !address.at() ? workersSince : null;
      rows = found.items.map((worker) => aged(worker, told));
      if (tab() !== "workers") return null;
      return [h("div", { class: "tab-tools" }, command(`greenroom get workers --pool ${full}`)),
        rows.length === 0 ? empty("No workers at this moment.") : table(workerList, ["Worker", "Status", "Slots", "Actors", "Node", "Age"], "workers")];
    },
    async actors(signal) {
      const found = await all("/v1/actors", { query: { pool: full }, state: true, most: 2000, signal });
      const rank = { STATUS_WAITING: 0, STATUS_RESUMING: 1, STATUS_RUNNING: 2 };
      rows = found.items.sort((a, b) => (rank[a.status] ?? 3) - (rank[b.status] ?? 3) || (b.waitedSeconds ?? 0) - (a.waitedSeconds ?? 0));
      if (tab() !== "actors") return null;
      return [h("div", { class: "tab-tools" }, found.next ? note("The first 2,000. ", link(address.href("/actors", { pool: full }), null, "All of them")) : null, command(`greenroom get actors --pool ${full}`)),
        rows.length === 0 ? empty("No actors at this moment.") : table(actorList, ["Actor", "Status", "Worker", "Why, or how it was placed", "Waited", "Age"], "actors")];
    },
    async decisions(signal) {
      const found = await decisions(namespace, name, { before: moment?.seq ? moment.seq + 1 : undefined, limit: 500, signal });
      rows = found.items;
      if (tab() !== "decisions") return null;
      return [h("div", { class: "tab-tools" }, found.next ? note("The newest 500.") : null, command(`greenroom get decisions --pool ${full}`, "--until")),
        rows.length === 0 ? empty("Nothing was decided yet.") : table(decisionList, ["Position", "Time", "Count", "Why"], "decisions")];
    },
    async policy(signal) {
      const found = await texts.policies.one(namespace, name, address.at());
      policy = found;
      const applied = await lines("/v1/events", { query: { kind: "policy.applied", pool: full, limit: 1000 }, signal });
      if (!found) return empty("No policy was in force.", h("span", null, "Write one in the ", link(address.href("/lab", { pool: full, at: null }), null, "lab"), "."));
      const value = JSON.parse(found.canonicalJSON);
      const written = texts.lines(value);
      const path = address.param("path");
      const chosen = path ? texts.lineOf(written, path) : -1;
      const versions = applied.filter((event) => event.data.policy && !event.data.shadow && (!moment?.seq || event.seq <= moment.seq)).reverse();
      const compared = address.param("with");
      const other = versions.find((event) => event.data.digest?.startsWith(compared ?? "-"));
      return [
        h("div", { class: "tab-tools" }, h("span", { class: "soft" }, "digest ", h("code", null, found.digest.slice(0, 12)), ` · applied ${when(stamp(found.appliedAt), clocks.now())} · `, link(address.hereHref({ at: found.seq }), null, `#${found.seq}`)),
          found.isOfNow && address.at() ? chip("warn", "the policy of now: this service doesn't tell an earlier one") : null, command(`greenroom get policies -n ${namespace} -o yaml`, null)),
        h("div", { class: "policy-view" },
          h("pre", { class: "code", tabindex: "0" },
            (compared && other ? texts.difference(texts.text(other.data.policy), texts.text(value)).map((line) => ({ text: line.text, indent: 0, mark: line.mark })) : written)
              .map((line, index) => h("span", { class: `line${index === chosen && !compared ? " on" : ""}${line.mark === "+" ? " plus" : line.mark === "-" ? " minus" : ""}`, "data-line": index + 1 }, `${line.mark ?? ""}${" ".repeat(line.indent)}${line.text}\n`))),
          h("div", { class: "versions" },
            h("h3", null, "Versions"),
            h("ol", null, versions.slice(0, 50).map((event) => h("li", { key: event.seq, class: event.data.digest === found.digest ? "on" : null },
              link(address.hereHref({ at: event.seq }), null, `#${event.seq}`), ` ${when(stamp(event.at), clocks.now())} `, h("code", null, event.data.digest?.slice(0, 8) ?? "removed"), event.data.by ? ` by ${event.data.by}` : "",
              event.data.digest && event.data.digest !== found.digest ? [" ", link(address.hereHref({ tab: "policy", with: compared === event.data.digest.slice(0, 8) ? null : event.data.digest.slice(0, 8), path: null }), null, compared === event.data.digest.slice(0, 8) ? "hide" : "compare")] : null))),
            versions.length === 0 ? note("None in the first 1,000 policy events.") : null)),
      ];
    },
    async shadows(signal) {
      const found = (await texts.policies.list()).filter((item) => item.shadowOf === name && item.namespace === namespace);
      if (found.length === 0) return empty("No shadow decides beside this pool's policy.", h("span", null, "A shadow is a policy to try: its decisions are logged and never applied. Write one in the ", link(address.href("/lab", { pool: full, at: null }), null, "lab"), "."));
      const last = await Promise.all(found.map((item) => decisions(namespace, name, { shadow: item.name, limit: 8, before: moment?.seq ? moment.seq + 1 : undefined, signal }).catch(() => ({ items: [] }))));
      return h("div", { class: "shadows" }, found.map((item, index) => h("section", { key: item.name }, h("h3", null, item.name, h("small", null, ` ${item.digest.slice(0, 8)}, since ${when(stamp(item.appliedAt), clocks.now())}`)),
        h("p", null, last[index].items[0] ? [`would have `, h("b", null, count(last[index].items[0].to)), `, where the pool's own policy has ${count(pool?.desired ?? 0)}`] : "has decided nothing yet"),
        h("ol", null, last[index].items.map((each) => h("li", { key: each.seq }, link(address.hereHref({ at: each.seq }), null, `#${each.seq}`), ` ${clock(stamp(each.at))} ${each.from} → ${each.to}: ${each.reason}`))))));
    },
  };

  function workerRow(worker) {
    return [
      h("span", { role: "cell" }, worker.name), h("span", { role: "cell", class: `status ${worker.status.toLowerCase()}` }, worker.status.toLowerCase(), worker.report ? h("small", { title: worker.report.problem }, ` says ${worker.report.state}`) : null),
      h("span", { role: "cell" }, `${worker.used}/${worker.slots}`),
      h("span", { role: "cell", class: "clip" }, worker.actors.map((id, index) => [index > 0 ? ", " : "", actorLink(namespace, id)])),
      h("span", { role: "cell" }, worker.node || "–"), h("span", { role: "cell" }, span(worker.ageSeconds), worker.lastSeenSeconds > 5 ? h("small", null, ` seen ${ago(worker.lastSeenSeconds)}`) : null),
    ];
  }

  function actorRow(actor) {
    return [
      h("span", { role: "cell" }, actorLink(actor.namespace, actor.id)), h("span", { role: "cell", class: `status ${statusWord(actor.status)}` }, statusWord(actor.status)),
      h("span", { role: "cell" }, actor.worker ?? "–"), h("span", { role: "cell", class: "clip" }, actor.reason ?? actor.snapshot ?? ""),
      h("span", { role: "cell" }, actor.waitedSeconds === undefined ? "–" : span(actor.waitedSeconds)), h("span", { role: "cell" }, span(actor.ageSeconds)),
    ];
  }

  function decisionRow(item) {
    return [
      h("span", { role: "cell" }, link(address.hereHref({ at: item.seq }), { class: "main" }, `#${item.seq}`)), h("span", { role: "cell" }, when(stamp(item.at), clocks.now(), 3)),
      h("span", { role: "cell", class: item.to > item.from ? "up" : item.to < item.from ? "down" : "soft" }, item.from === item.to ? `= ${item.to}` : `${item.from} → ${item.to}`),
      h("span", { role: "cell", class: "clip", title: item.reason }, item.text ?? item.reason),
    ];
  }

  function actorLink(space, id) {
    const [first, ...rest] = id.includes("/") ? id.split("/") : [space, id];
    return link(address.actorHref(first, rest.join("/")), { class: "main" }, id);
  }

  function update(next, before) {
    // A tab or a line of the policy loads nothing else again.
    const isSame = ["at", "from", "to", "last"].every((key) => next.params.get(key) === before.params.get(key));
    if (isSame) return drawTab();
    if (playing && next.params.get("at") === null) stop();
    lastDecision = undefined;
    restart();
  }

  function keydown(event) {
    if (event.key === " ") play(60);
    else if (event.key === "[") step(false, false);
    else if (event.key === "]") step(true, false);
    else if (event.key === "{") step(false, true);
    else if (event.key === "}") step(true, true);
    else return false;
    return true;
  }

  restart();
  return {
    update, keydown, step,
    close() {
      stop();
      control.abort();
      closeStream?.();
      timers.forEach(clearInterval);
      removeEventListener("resize", releaseHeight);
      for (const list of [workerList, actorList, decisionList]) list.close();
    },
  };
}

const legend = () =>
  h("p", { class: "legend" },
    h("span", null, h("i", { class: "key unmet" }), "demand beyond ready"),
    h("span", null, h("i", { class: "key change" }), "decisions: more, fewer"),
    h("span", { class: "soft" }, "click: go there · drag: choose a stretch"));

