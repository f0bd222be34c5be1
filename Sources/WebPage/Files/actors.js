// Which actors are there, and what happened to one of them?
//
// The list comes page by page as it is scrolled. One actor is a timeline: a lane for each worker that it was on, its waits
// between them. It follows the actor across workers and nodes; a placement shows the tiers it chose from.

import * as address from "./address.js";
import { all, get, Refusal } from "./api.js";
import * as clocks from "./clock.js";
import { fill, h, link, svg } from "./dom.js";
import { blockedWords, bytes, clock, count, many, micros, span, stamp, statusWord, timeTicks, when } from "./format.js";
import { command, empty, fact, note, region, trouble } from "./parts.js";
import { makeList } from "./virtual.js";

const STATUSES = ["waiting", "resuming", "running", "pausing", "paused", "suspending", "suspended", "crashed"];

export function openList(host) {
  const body = region({ class: "listing" });
  let control = new AbortController();
  let items = [];
  let next = null;
  let isReading = false;
  let problem = null;
  let isLoaded = false;
  const list = makeList({ label: "Actors", key: (actor) => `${actor.namespace}/${actor.id}`, height: () => 32, row, end: more });
  fill(host, body.element);

  async function restart() {
    control.abort();
    control = new AbortController();
    [items, next, problem, isLoaded, isReading] = [[], null, null, false, false];
    await read();
  }

  async function read() {
    if (isReading) return;
    isReading = true;
    const signal = control.signal;
    try {
      const query = { pool: address.param("pool"), status: address.param("status"), after: next ?? undefined, limit: 1000 };
      const page = await get("/v1/actors", { query, state: true, signal });
      if (signal.aborted) return;
      items = items.concat(page.items);
      next = page.next;
      isLoaded = true;
    } catch (error) {
      if (signal.aborted) return;
      problem = error;
    } finally {
      if (!signal.aborted) isReading = false;
    }
    draw();
  }

  function more() {
    if (next !== null && isLoaded && !problem) read();
  }

  function draw() {
    body.show(
      h("div", { class: "title-line" }, h("h1", null, "Actors"), command(`greenroom get actors${address.param("pool") ? ` --pool ${address.param("pool")}` : ""}`)),
      h("form", { class: "filters", on: { submit: (event) => event.preventDefault() } },
        field("Pool", "pool", "NAMESPACE/NAME"),
        h("label", null, "Status ", h("select", { value: address.param("status") ?? "", on: { change: (event) => address.set({ status: event.target.value || null }) } },
          h("option", { value: "" }, "any"), STATUSES.map((text) => h("option", { value: text, selected: address.param("status") === text }, text)))),
        isLoaded ? note(next === null ? many(items.length, "actor") : `the first ${count(items.length)}; more as you scroll`) : null),
      problem ? trouble(problem, restart)
        : !isLoaded ? h("p", { class: "loading" }, "Reading the actors …")
        : items.length === 0 ? empty("No such actors at this moment.")
        : h("div", { class: "table actors-all", role: "table" }, h("div", { class: "table-head grid-row", role: "row" }, ["Actor", "Pool", "Status", "Worker", "Node", "Why, or its snapshot", "Waited", "Age"].map((text) => h("span", { role: "columnheader" }, text))), list.element));
    list.show(items);
  }

  draw();
  restart();
  return { update: restart, close: () => (control.abort(), list.close()) };
}

function field(title, name, placeholder) {
  return h("label", null, `${title} `, h("input", {
    value: address.param(name) ?? "", placeholder, "aria-label": title,
    on: { change: (event) => address.set({ [name]: event.target.value.trim() || null }) },
  }));
}

function row(actor) {
  const cell = (...children) => h("span", { role: "cell" }, ...children);
  return [
    cell(link(address.actorHref(actor.namespace, actor.id), { class: "main" }, h("span", { class: "soft" }, `${actor.namespace}/`), actor.id)),
    cell(link(address.poolHref(actor.namespace, actor.pool), null, actor.pool)),
    h("span", { role: "cell", class: `status ${statusWord(actor.status)}` }, statusWord(actor.status)), cell(actor.worker ?? "–"), cell(actor.node ?? "–"),
    h("span", { role: "cell", class: "clip" }, actor.reason ? blockedWords[actor.reason] ?? actor.reason : actor.snapshot ?? ""),
    cell(actor.waitedSeconds === undefined ? "–" : span(actor.waitedSeconds)), cell(span(actor.ageSeconds)),
  ];
}

// --- One actor ---

const STATE_AFTER = {
  "actor.created": "suspended", "actor.requested": "waiting", "actor.withdrawn": "suspended", "actor.placed": "resuming", "actor.running": "running",
  "actor.idle": "idle", "actor.paused": "paused", "actor.suspended": "suspended", "actor.crashed": "crashed", "actor.deleted": "deleted",
};
const MOST_EVENTS = 5000;

export function openOne(host, here) {
  const { namespace, name } = here;
  const body = region({ class: "actor" });
  const timeline = region({ class: "timeline" });
  let control = new AbortController();
  let actor = null;
  let events = [];
  let isCut = false;
  let problem = null;
  let placement = null;
  let timer = null;
  let moment = null;
  // The moment in microseconds.
  let until = null;
  fill(host, body.element);
  const path = `/v1/actors/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  new ResizeObserver(() => events.length > 0 && drawTimeline()).observe(timeline.element);

  async function restart() {
    control.abort();
    control = new AbortController();
    clearInterval(timer);
    problem = null;
    moment = null;
    const { signal } = control;
    await load();
    if (!address.at() && !signal.aborted) timer = setInterval(() => document.visibilityState === "visible" && load(), 2000);
  }

  async function load() {
    const signal = control.signal;
    try {
      if (address.at()) {
        moment = await clocks.resolve(address.at());
        until = micros(clocks.knownTime(address.at()));
      }
      const history = await all(`${path}/history`, { most: MOST_EVENTS, signal });
      if (signal.aborted) return;
      // Its events say whether it is there at the moment. Only an actor that is there is asked for.
      const state = history.next !== null || isThere(history.items)
        ? await get(path, { state: true, signal }).catch((error) => (error instanceof Refusal && error.status === 404 ? null : Promise.reject(error))) : null;
      if (signal.aborted) return;
      [actor, events, isCut] = [state, history.items, history.next !== null];
      const chosen = address.param("placement");
      if (chosen && placement?.seq !== Number(chosen)) await explain(Number(chosen), signal);
      else if (!chosen) placement = null;
      problem = null;
    } catch (error) {
      if (signal.aborted) return;
      problem = error;
    }
    draw();
  }

  async function explain(seq, signal) {
    const event = events.find((item) => item.seq === seq);
    placement = { seq, event, view: null, problem: null };
    try {
      placement.view = await get(`${path}/placement`, { query: { at: event?.data.asOf ?? seq - 1 }, signal });
    } catch (error) {
      if (signal.aborted) return;
      placement.problem = error;
    }
  }

  // A commit takes effect as a whole: what counts is its time.
  const isShown = (event) => !moment || micros(event.at) <= until;

  function isThere(history) {
    const last = history.findLast((event) => !event.superseded && isShown(event));
    return last !== undefined && last.kind !== "actor.deleted";
  }

  function draw() {
    if (problem) return body.show(h("h1", null, `${namespace}/${name}`), trouble(problem, restart));
    const shown = events.filter(isShown);
    body.show(
      h("div", { class: "title-line" },
        h("div", null, h("h1", null, h("span", { class: "soft" }, `${namespace}/`), name),
          actor ? h("p", { class: "soft" }, "actor of ", link(address.poolHref(namespace, actor.pool), null, actor.pool), actor.template ? ` · template ${actor.template}` : "", actor.tenant ? ` · tenant ${actor.tenant}` : "") : null),
        command(`greenroom history actor ${namespace}/${name}`, "--until")),
      actor ? h("dl", { class: "facts" },
        fact("status", h("b", { class: `status ${statusWord(actor.status)}` }, statusWord(actor.status))),
        fact("worker", actor.worker ?? "–"), fact("node", actor.node ?? "–"),
        actor.reason ? fact("waits because", blockedWords[actor.reason] ?? actor.reason) : null,
        fact(actor.status === "STATUS_WAITING" ? "waits for" : "waited", actor.waitedSeconds === undefined ? "–" : span(actor.waitedSeconds)),
        fact("turns", count(shown.filter((event) => event.kind === "actor.running" && !event.superseded).length)),
        fact("crashes", count(shown.filter((event) => event.kind === "actor.crashed").length)),
        actor.snapshot ? fact("snapshot", h("code", { class: "clip" }, actor.snapshot)) : null,
        actor.wake ? fact("wakes", actor.wake.at ? when(stamp(actor.wake.at), clocks.now()) : actor.wake.reason ?? "not predicted") : null)
        : note("The actor isn't there at this moment. The log still has what happened to it."),
      actor?.upstream ? h("p", { class: "concern bad" }, h("b", null, actor.upstream.state), " ", actor.upstream.problem ?? "", " ", actor.upstream.remedy) : null,
      timeline.element,
      placement ? drawPlacement() : null,
      h("section", null, h("h2", null, "Events", h("small", null, ` ${count(shown.length)}${isCut ? `, the first ${count(MOST_EVENTS)}` : ""}`)),
        h("ol", { class: "events" }, shown.slice(-300).reverse().map(eventRow))));
    drawTimeline();
  }

  function eventRow(event) {
    return h("li", { key: event.seq, class: event.superseded ? "superseded" : null },
      link(address.hereHref({ at: event.seq }), null, `#${event.seq}`), h("time", null, when(stamp(event.at), clocks.now(), 3)),
      h("span", { class: "soft" }, event.seconds === null ? "" : `+${span(event.seconds)}`), h("b", null, event.kind.replace("actor.", "")),
      h("span", { class: "clip" }, words(event), event.superseded ? " (didn't fit its state: changed nothing)" : ""),
      event.kind === "actor.placed" ? link(address.hereHref({ placement: event.seq }), null, "tiers") : h("span", null));
  }

  function words({ kind, data }) {
    if (kind === "actor.requested") return `wants a worker${data.expectedMillis ? ` for about ${span(data.expectedMillis / 1000)}` : ""}`;
    if (kind === "actor.placed") return `on ${data.worker}, ${data.tier}, after ${span(data.waitedSeconds ?? data.waited)}`;
    if (kind === "actor.running") return `on ${data.worker}${data.restoreMillis !== undefined ? `, restored in ${span(data.restoreMillis / 1000)}` : ""}`;
    if (kind === "actor.suspended") return `left ${data.worker ?? "its worker"}${data.snapshot ? `, snapshot ${data.snapshot}` : ""}${data.bytes ? `, ${bytes(data.bytes)}` : ""}`;
    return [data.worker ? `on ${data.worker}` : "", data.reason ?? "", data.by ? `by ${data.by}` : ""].filter(Boolean).join(", ");
  }

  const isRest = (part) => part.state === "suspended" || part.state === "crashed";

  /** Stretches of one state on one lane: `{from, to, state, lane, event}`. */
  function stretches() {
    const found = [];
    let last = null;
    const end = moment ? moment.time : Math.max(clocks.now(), stamp(events.at(-1).at));
    for (const event of events) {
      const state = STATE_AFTER[event.kind];
      if (!state || event.superseded) continue;
      const at = stamp(event.at);
      if (last) found.push({ ...last, to: at });
      const lane = ["resuming", "running", "idle", "paused"].includes(state) ? event.data.worker ?? last?.lane ?? "" : "";
      last = state === "deleted" ? null : { from: at, state, lane, event };
    }
    if (last) found.push({ ...last, to: Math.max(end, last.from) });
    return found;
  }

  function drawTimeline() {
    if (events.length === 0) return timeline.show();
    const parts = stretches().filter((part) => !moment || part.from <= moment.time);
    if (parts.length === 0) return timeline.show(note("Nothing had happened to it yet."));
    const lanes = [...new Set(parts.map((part) => part.lane).filter(Boolean))].slice(-24);
    const first = parts[0].from;
    const end = Math.max(parts.at(-1).to, first + 1000);
    // A long rest at the end would leave the rest no room.
    const lastMove = Math.max(parts.at(-1).from, first + 1000);
    const to = Math.min(end, lastMove + (lastMove - first) * 0.15 + 500);
    const width = Math.max(timeline.element.clientWidth, 200);
    const left = Math.min(170, width * 0.3);
    const [rowHeight, gap] = [20, 5];
    const x = (at) => left + ((Math.min(at, to) - first) / (to - first)) * (width - left - 4);
    const laneTop = (lane) => (lane === "" ? 0 : (lanes.indexOf(lane) + 1) * (rowHeight + gap));
    const height = (lanes.length + 1) * (rowHeight + gap) + 18;
    const title = (part) => `${part.state}${part.lane ? ` on ${part.lane}` : ""} for ${span((part.to - part.from) / 1000)}, from ${clock(part.from, 3)}`;
    timeline.show(
      h("h2", null, "Over ", many(lanes.length, "worker"), h("small", null, ` ${span((end - first) / 1000)}, ${when(first, clocks.now())} to ${when(end, clocks.now())}`)),
      svg("svg", { class: "lanes", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `Timeline: ${many(parts.length, "stretch", "stretches")} over ${many(lanes.length, "worker")}` },
        // What would be cut off at the edge is left out.
        timeTicks(first, to, Math.max(2, Math.floor((width - left) / 90))).filter((tick) => x(tick.at) < width - 28).map((tick) => [
          svg("path", { class: "grid", d: `M${x(tick.at).toFixed(1)} 0V${height - 16}` }), svg("text", { class: "tick", x: x(tick.at), y: height - 3, "text-anchor": "middle" }, tick.text)]),
        ["", ...lanes].map((lane) => svg("text", { class: "lane", x: 0, y: laneTop(lane) + rowHeight - 6 }, lane === "" ? "no worker" : lane.length > left / 7 ? `${lane.slice(0, 3)}…${lane.slice(-Math.floor(left / 7 - 5))}` : lane)),
        parts.filter((part) => part.lane === "" || lanes.includes(part.lane)).map((part) =>
          svg("a", { href: address.hereHref({ at: part.event.seq, placement: part.event.kind === "actor.placed" ? part.event.seq : null }), "aria-label": title(part) },
            // What only rests is a line; a crash is a stroke at its beginning.
            svg("rect", { class: `stretch ${part.state}`, x: x(part.from), y: laneTop(part.lane) + (isRest(part) ? rowHeight / 2 - 1 : 2), width: Math.max(1.5, x(part.to) - x(part.from)), height: isRest(part) ? 2 : rowHeight - 4 }, svg("title", null, title(part))),
            part.state === "crashed" ? svg("rect", { class: "stretch crashed", x: x(part.from), y: laneTop(part.lane) + 2, width: 4, height: rowHeight - 4 }) : null)),
        moment ? svg("path", { class: "cursor moment", d: `M${x(moment.time).toFixed(1)} 0V${height - 16}` }) : null),
      h("p", { class: "legend" }, ["waiting", "resuming", "running", "idle", "paused", "suspended", "crashed"].map((state) => h("span", null, h("i", { class: `key stretch ${state}` }), state))));
  }

  function drawPlacement() {
    const { event, view } = placement;
    return h("section", { class: "placement" },
      h("h2", null, `Placement #${placement.seq}`, h("small", null, event ? ` ${words(event)}` : "")),
      placement.problem ? trouble(placement.problem)
        : view ? [
          h("p", null, view.detail), h("div", { class: "scroll" }, h("table", null,
            h("thead", null, h("tr", null, ["Tier", "Nodes", "Eligible", "Free", "Restore", "Size", "Best", "Why"].map((text) => h("th", { scope: "col" }, text)))),
            h("tbody", null, view.tiers.map((tier) => h("tr", { class: tier.tier === event?.data.tier ? "on" : null }, h("th", { scope: "row" }, tier.tier), h("td", null, tier.nodes || "any"), h("td", null, count(tier.eligible)),
              h("td", null, count(tier.available)), h("td", null, tier.restoreSeconds === undefined ? "–" : span(tier.restoreSeconds)), h("td", null, tier.bytes ? bytes(tier.bytes) : "–"), h("td", null, tier.worker ? `${tier.worker} on ${tier.node}` : "–"), h("td", { class: "left" }, tier.why)))))),
          command(`greenroom explain actor ${namespace}/${name} --at ${view.seq}`, null)]
        : h("p", { class: "loading" }, "Reading the tiers …"));
  }

  restart();
  return { update: restart, close: () => (control.abort(), clearInterval(timer)) };
}

