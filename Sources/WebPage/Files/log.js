// What does the log say, event by event?
//
// The newest first, read backwards as it is scrolled, filtered by kind, pool and subject, up to the moment that is shown.
// A line opens to its JSON; its position leads to that moment.

import * as address from "./address.js";
import { has, lines } from "./api.js";
import { progressBar, work } from "./work.js";
import * as clocks from "./clock.js";
import { button, fill, h, link } from "./dom.js";
import { count, span, stamp, when } from "./format.js";
import { follow } from "./live.js";
import { command, empty, note, region, trouble } from "./parts.js";
import { makeList } from "./virtual.js";

const KINDS = {
  actor: ["created", "requested", "withdrawn", "placed", "running", "idle", "paused", "suspended", "crashed", "deleted"],
  worker: ["ready", "draining", "gone", "observed"], scale: ["decided", "applied", "failed"], policy: ["applied"], pool: ["observed", "paused", "deleted"],
  queue: ["observed"], snapshot: ["cached", "evicted", "observed"], prefetch: ["suggested"], timer: ["fired"], clock: ["stepped"], position: ["lost"],
};
const PAGE = 500;
const MOST = 20000;

export function open(host) {
  const body = region({ class: "listing log" });
  let control = new AbortController();
  let items = [];
  let oldest = null;
  let isWhole = false;
  let isReading = false;
  let isLoaded = false;
  let problem = null;
  let close = null;
  let opened = new Set();
  let held = 0;
  // The verification that runs, or what came of the last one.
  let verifying = null;
  let verified = null;
  const verification = region({ class: "verification", "aria-live": "polite" });
  const list = makeList({ label: "Events", key: (event) => event.seq, height: (event) => (opened.has(event.seq) ? 30 + 17 * heightOf(event) + 20 : 30), row, end: more });
  fill(host, body.element);

  async function restart() {
    control.abort();
    control = new AbortController();
    close?.();
    close = null;
    [items, oldest, isWhole, isReading, isLoaded, problem, held] = [[], null, false, false, false, null, 0];
    opened = new Set();
    draw();
    const { signal } = control;
    await read();
    if (!address.at() && !signal.aborted) {
      close = follow({ topics: ["events"], pool: address.param("pool") ?? undefined, after: items[0]?.seq }, {
        events: (data) => (data.skipped ? restart() : take(data.items)),
        poll: async (signal) => {
          const after = items[0]?.seq ?? clocks.headPosition() ?? 0;
          take(await lines("/v1/events", { query: { ...filters(), after, limit: PAGE }, signal }));
        },
      });
    }
  }

  const filters = () => ({ kind: address.param("kind"), pool: address.param("pool"), subject: address.param("subject") });

  /** Those that come while the page is live go on top; what is being read stays where it is. */
  function take(fresh) {
    const { kind, subject } = filters();
    const kinds = kind?.split(",");
    const wanted = fresh.filter((event) => event.seq > (items[0]?.seq ?? 0) && (!kinds || kinds.includes(shortType(event))) && (!subject || event.subject === subject));
    if (wanted.length === 0) return;
    items = [...wanted.reverse(), ...items].slice(0, MOST);
    if (scrollY > 120) {
      held += wanted.length;
      scrollBy(0, wanted.length * 30);
    } else held = 0;
    draw();
  }

  async function read() {
    if (isReading || isWhole) return;
    isReading = true;
    const signal = control.signal;
    try {
      const moment = address.at() ? await clocks.resolve(address.at()) : null;
      const page = (await has("/v1/events", "order")) ? await newest(moment, signal) : await backwards(moment, signal);
      if (signal.aborted) return;
      items = items.concat(page);
      isLoaded = true;
      if (items.length >= MOST) isWhole = true;
    } catch (error) {
      if (signal.aborted) return;
      problem = error;
    } finally {
      if (!signal.aborted) isReading = false;
    }
    draw();
  }

  async function newest(moment, signal) {
    const query = { ...filters(), order: "desc", limit: PAGE, before: oldest ?? undefined, to: oldest === null && moment ? address.at() : undefined };
    const page = await lines("/v1/events", { query, signal });
    if (page.length < PAGE) isWhole = true;
    if (page.length > 0) oldest = page.at(-1).seq;
    return page;
  }

  /** A service that reads only forwards: stretches before the oldest that is known, longer each time. */
  async function backwards(moment, signal) {
    oldest ??= moment?.seq ? moment.seq + 1 : (await clocks.askHead()) + 1;
    for (let length = PAGE; oldest > 1; length = Math.min(length * 4, 100000)) {
      const start = Math.max(1, oldest - length);
      const page = await lines("/v1/events", { query: { ...filters(), after: start - 1, limit: Math.min(length, 10000) }, signal });
      const before = page.filter((event) => event.seq < oldest && (!moment || stamp(event.at) <= moment.time));
      oldest = start;
      if (before.length > 0) return before.reverse();
    }
    isWhole = true;
    return [];
  }

  function more() {
    if (isLoaded && !isWhole && !problem) read();
  }

  // --- Is it what was written? ---

  async function verify() {
    const mine = new AbortController();
    verifying = mine;
    verified = null;
    drawVerification({});
    try {
      verified = { result: await work("/v1/log/verify", { body: "{}", type: "application/json", signal: mine.signal, progress: (step) => verifying === mine && drawVerification(step) }) };
    } catch (error) {
      verified = mine.signal.aborted ? null : { error };
    }
    if (verifying !== mine) return;
    verifying = null;
    drawVerification();
  }

  function drawVerification(step) {
    if (verifying) return verification.show(progressBar(step, { chain: "Hash chain, events", decisions: "Decisions made again, up to position" }, () => verifying?.abort()));
    if (!verified) return verification.show();
    const dismiss = button("×", () => ((verified = null), drawVerification()), { class: "plain", "aria-label": "Dismiss" });
    if (verified.error) return verification.show(h("p", { class: "concern bad" }, h("b", null, "not verified"), ` ${verified.error.message}`, dismiss));
    const { result } = verified;
    const counts = `${count(result.events)} events in ${count(result.commits)} commits, ${count(result.names)} names`;
    verification.show(result.sound
      ? h("p", { class: "concern good" }, h("b", null, "sound"), ` ${counts}`, result.decisions === undefined ? "" : `; ${count(result.decisions)} decisions come out the same`, "; last hash ", h("code", null, result.lastHash.slice(0, 16)), dismiss)
      : h("p", { class: "concern bad" }, h("b", null, "not sound"), ` ${result.problem} `, result.position ? link(address.hereHref({ at: result.position }), null, `#${count(result.position)}`) : "", `. What comes before it is as it was written: ${counts}.`, dismiss));
  }

  function draw() {
    const change = (name) => (event) => address.set({ [name]: event.target.value.trim() || null });
    body.show(
      h("div", { class: "title-line" }, h("h1", null, "Log", clocks.headPosition() ? h("small", null, ` ends at #${count(clocks.headPosition())}`) : null),
        h("div", { class: "row" }, button("Verify the log", verify, { disabled: verifying !== null, title: "Checks the hash chain and makes every decision again" }), command(`greenroom events${address.param("pool") ? ` --pool ${address.param("pool")}` : ""}${address.param("kind") ? ` --kind ${address.param("kind")}` : ""}`, "--until"), command("greenroom log verify --db greenroom.db", null))),
      verification.element,
      h("form", { class: "filters", on: { submit: (event) => event.preventDefault() } },
        h("label", null, "Kind ", h("select", { value: address.param("kind") ?? "", on: { change: change("kind") } }, h("option", { value: "" }, "all"),
          Object.entries(KINDS).map(([group, names]) => h("optgroup", { label: group }, names.map((name) => h("option", { value: `${group}.${name}`, selected: address.param("kind") === `${group}.${name}` }, `${group}.${name}`)))))),
        h("label", null, "Pool ", h("input", { value: address.param("pool") ?? "", placeholder: "NAMESPACE/NAME", on: { change: change("pool") } })),
        h("label", null, "Subject ", h("input", { value: address.param("subject") ?? "", placeholder: "actor, worker, pool", on: { change: change("subject") } })),
        isLoaded ? note(isWhole && items.length < MOST ? `${count(items.length)} events` : `the newest ${count(items.length)}; more as you scroll`, held > 0 ? ` · ${count(held)} new above` : "") : null),
      problem ? trouble(problem, restart) : !isLoaded ? h("p", { class: "loading" }, "Reading the log …") : items.length === 0 ? empty("No such event up to this moment.")
        : h("div", { class: "table log-table", role: "table" }, h("div", { class: "table-head grid-row", role: "row" }, ["Position", "Time", "Kind", "Subject", "What"].map((text) => h("span", { role: "columnheader" }, text))), list.element));
    list.show(items);
  }

  function row(event) {
    const isOpen = opened.has(event.seq);
    return [
      h("div", { class: "grid-row", role: "presentation" },
        h("span", { role: "cell" }, link(address.hereHref({ at: event.seq }), { class: "main" }, `#${event.seq}`)), h("span", { role: "cell" }, when(stamp(event.at), clocks.now(), 3)),
        h("span", { role: "cell" }, shortType(event)), h("span", { role: "cell", class: "clip" }, subject(event)),
        h("span", { role: "cell", class: "clip" }, h("button", {
          type: "button", class: "plain expand", "aria-expanded": String(isOpen), "aria-label": `JSON of event ${event.seq}`,
          on: { click: () => (opened.has(event.seq) ? opened.delete(event.seq) : opened.add(event.seq), list.show(items)) },
        }, isOpen ? "−" : "+"), " ", what(event))),
      isOpen ? h("pre", { class: "code" }, JSON.stringify(event, null, 2)) : null,
    ];
  }

  restart();
  return { update: restart, close: () => (control.abort(), verifying?.abort(), close?.(), list.close()) };
}

const shortType = (event) => event.type.replace("dev.greenroom.", "");
const heightOf = (event) => Math.min(26, JSON.stringify(event, null, 2).split("\n").length);

function subject(event) {
  const type = shortType(event);
  const [first, ...rest] = event.subject.split("/");
  const [namespace, name] = rest.length > 0 ? [first, rest.join("/")] : [event.namespace ?? event.data?.pool?.split("/")[0], first];
  if (type.startsWith("actor.") && namespace) return link(address.actorHref(namespace, name), null, event.subject);
  if (/^(scale|policy|pool|timer|queue)\./.test(type) && rest.length > 0) return link(address.poolHref(namespace, name), null, event.subject);
  return event.subject;
}

/** What an event says, in a few words. */
function what(event) {
  const { data } = event;
  switch (shortType(event)) {
    case "actor.requested": return `wants a worker of ${data.pool}`;
    case "actor.placed": return `on ${data.worker}, ${data.tier}, after ${span(data.waitedSeconds ?? data.waited ?? 0)}`;
    case "actor.running": return `on ${data.worker}`;
    case "actor.suspended": return data.worker ? `left ${data.worker}` : "";
    case "worker.ready": return `${data.pool}, ${data.slots ?? 1} slots on ${data.node}`;
    case "scale.decided": return `${data.shadow ? `shadow ${data.shadow}: ` : ""}${data.from === data.to ? `stays at ${data.to}` : `${data.from} → ${data.to}`}: ${data.why?.map((step) => step.text).join(" → ")}`;
    case "scale.applied": return `target set to ${data.to}`;
    case "policy.applied": return data.digest ? `policy ${data.digest.slice(0, 8)}${data.by ? ` by ${data.by}` : ""}` : "policy removed";
    case "pool.paused": return `${data.hold !== undefined && data.hold !== null ? `held at ${data.hold}` : data.in || data.out ? `paused${data.in ? " in" : ""}${data.out ? " out" : ""}` : "resumed"}${data.by ? ` by ${data.by}` : ""}`;
    case "timer.fired": return "a deadline has come";
    default: return data ? Object.entries(data).filter(([, value]) => typeof value !== "object").slice(0, 5).map(([name, value]) => `${name} ${value}`).join(", ") : "";
  }
}
