// Which machines host workers, how full are they, and what do they keep?

import * as address from "./address.js";
import { all, has } from "./api.js";
import { fill, h, link } from "./dom.js";
import { ago, bytes, count, many } from "./format.js";
import { command, empty, meter, note, region, trouble } from "./parts.js";

export function open(host) {
  const body = region({ class: "listing" });
  let control = new AbortController();
  let timer = null;
  let isCounted = false;
  fill(host, body.element);

  async function restart() {
    control.abort();
    control = new AbortController();
    clearInterval(timer);
    const { signal } = control;
    await load();
    if (!address.at() && !signal.aborted) timer = setInterval(() => document.visibilityState === "visible" && load(), 2000);
  }

  async function load() {
    const signal = control.signal;
    try {
      const nodes = await read(signal);
      if (!signal.aborted) draw(nodes);
    } catch (error) {
      if (!signal.aborted) body.show(h("h1", null, "Nodes"), trouble(error, restart));
    }
  }

  async function read(signal) {
    isCounted = !(await has("/v1/nodes"));
    if (!isCounted) return (await all("/v1/nodes", { state: true, signal })).items;
    // A service that lists no nodes lists workers, each with its node.
    const nodes = new Map();
    for (const worker of (await all("/v1/workers", { state: true, signal })).items) {
      const node = nodes.get(worker.node) ?? { node: worker.node, zone: worker.zone, pools: [], workers: 0, free: 0, draining: 0, starting: 0, slots: 0, used: 0 };
      nodes.set(worker.node, node);
      node.workers += 1;
      node.slots += worker.slots;
      node.used += worker.used;
      if (worker.status === "FREE") node.free += 1;
      if (worker.status === "DRAINING") node.draining += 1;
      if (worker.status === "STARTING") node.starting += 1;
      const pool = `${worker.namespace}/${worker.pool}`;
      if (!node.pools.includes(pool)) node.pools.push(pool);
    }
    return [...nodes.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  function draw(nodes) {
    const cell = (...children) => h("td", null, ...children);
    body.show(
      h("div", { class: "title-line" }, h("h1", null, "Nodes", h("small", null, ` ${count(nodes.length)}`)), command("greenroom get workers")),
      isCounted ? note("Counted from workers: this service doesn't list nodes, so caches aren't shown.") : null,
      nodes.length === 0 ? empty("No worker is on any node at this moment.")
        : h("div", { class: "scroll" }, h("table", { class: "nodes" },
          h("thead", null, h("tr", null, ["Node", "Zone", "Slots", "", "Workers", "Free", "Starting", "Draining", isCounted ? null : "Snapshots", isCounted ? null : "Kept", "Pools", isCounted ? null : "Last seen"].filter((text) => text !== null).map((text) => h("th", { scope: "col", class: text === "Pools" ? "left" : null }, text)))),
          h("tbody", null, nodes.map((node) => h("tr", { key: node.node },
            h("th", { scope: "row" }, node.node || "–"), cell(node.zone ?? "–"), cell(`${count(node.used)} of ${count(node.slots)}`), cell(meter(node.used, node.slots)),
            cell(count(node.workers)), cell(count(node.free)), cell(count(node.starting)), h("td", { class: node.draining > 0 ? "warn-text" : null }, count(node.draining)),
            isCounted ? null : [cell(count(node.snapshots)), cell(bytes(node.snapshotBytes))],
            h("td", { class: "left" }, node.pools.slice(0, 6).map((pool, index) => [index > 0 ? ", " : "", link(address.poolHref(...split(pool)), null, pool)]), node.pools.length > 6 ? ` and ${many(node.pools.length - 6, "more", "more")}` : ""),
            isCounted ? null : cell(node.lastSeenSeconds === undefined || node.lastSeenSeconds === null ? "–" : ago(node.lastSeenSeconds))))))));
  }

  body.show(h("h1", null, "Nodes"), h("p", { class: "loading" }, "Reading the nodes …"));
  restart();
  return { update: restart, close: () => (control.abort(), clearInterval(timer)) };
}

const split = (pool) => [pool.slice(0, pool.indexOf("/")), pool.slice(pool.indexOf("/") + 1)];
