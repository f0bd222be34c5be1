// Why was it that many? The chain of one decision as a waterfall.
//
// Each step shows the count it was given and the count it left, on one scale, and leads to the line of the policy that it
// came from. Below: what limits the count, what would change it, what the state was compared with the decision before, and
// the last changes.

import * as address from "./address.js";
import { limiting } from "./concerns.js";
import { h, link } from "./dom.js";
import { ago, blockedWords, clock, count, span, stamp, when } from "./format.js";
import { now } from "./clock.js";
import { command, note } from "./parts.js";

const STEPS = {
  signal: "signal", fallback: "fallback", activation: "activation", recommendation: "recommendation", buffer: "buffer",
  stabilization: "stabilization", rateLimit: "rate limit", bounds: "bounds", schedule: "schedule", pause: "pause", safety: "safety",
};
const SILENT = new Set(["DesiredWithinRange"]);

/** The count that a step left; undefined where it says none. */
function countOf(step) {
  const numbers = step.numbers ?? {};
  for (const name of ["limit", "stabilized", "floor", "replicas"]) if (typeof numbers[name] === "number") return numbers[name];
  if (step.code === "TooManyReplicas" || step.code === "AboveMaximum") return numbers.maxReplicaCount;
  if (step.code === "TooFewReplicas" || step.code === "BelowMinimum") return numbers.minReplicaCount;
  if (step.code === "BusyWorkers") return numbers.busy;
  return undefined;
}

/** `previous` is the decision before, `changes` the last ones that changed the count, `open(path)` shows a line of the policy. */
export function whyPanel({ decision, previous, changes, pool, openPath, policyHref }) {
  if (!decision) return [h("h2", null, "Why"), note("Nothing had been decided about this pool at that moment.")];
  const at = stamp(decision.at);
  const direction = decision.to > decision.from ? "up" : decision.to < decision.from ? "down" : "none";
  const limit = limiting(decision);
  return [
    h("header", { class: "why-head" },
      h("h2", null, "Why ", direction === "none" ? "it " : "", h("b", { class: direction }, direction === "none" ? `stays at ${count(decision.to)}` : `${count(decision.from)} → ${count(decision.to)}`)),
      h("p", { class: "soft" }, link(address.hereHref({ at: decision.seq }), { title: "Go to this position" }, `#${decision.seq}`), ` ${when(at, now(), 3)}`, h("span", { class: "far" }, ago((now() - at) / 1000)))),
    waterfall(decision, openPath, policyHref),
    h("dl", { class: "verdict" },
      h("dt", null, "Limited by"), h("dd", null, words(decision.limits ?? limit?.text ?? "") || "nothing: it is what the triggers want"),
      decision.changedBy ? [h("dt", null, "Would change it"), h("dd", null, words(decision.changedBy))] : null,
      decision.next ? [h("dt", null, "Decided again at"), h("dd", null, clock(stamp(decision.next), 3))] : null),
    previous ? changed(decision, previous) : null,
    changes.length > 0
      ? [h("h3", null, "How it got here"),
        h("ol", { class: "steps-before" }, changes.map((item) =>
          h("li", { key: item.seq, class: item.seq === decision.seq ? "on" : null },
            link(address.hereHref({ at: item.seq }), { title: item.reason }, h("time", null, clock(stamp(item.at), 1)), h("b", { class: item.to > item.from ? "up" : "down" }, `${item.from} → ${item.to}`),
              h("span", null, shortReason(item))))))]
      : null,
    command(`greenroom explain pool ${pool}`),
  ];
}

export const shortReason = (item) => {
  const step = limiting(item);
  return step ? step.text : item.why.filter((each) => each.step === "recommendation" || each.step === "buffer").map((each) => each.text).join(" → ") || item.reason;
};

function waterfall(decision, openPath, policyHref) {
  const steps = decision.why.filter((step) => !SILENT.has(step.code) || decision.why.length < 3);
  const counts = steps.map(countOf);
  const wanted = steps.map((step) => step.numbers?.wanted).filter((value) => typeof value === "number");
  const most = Math.max(1, decision.from, decision.to, ...wanted, ...counts.filter((value) => value !== undefined));
  let last;
  return h("ol", { class: "waterfall" },
    h("li", { class: "start" }, h("span", { class: "step" }, "was"), h("span", { class: "text" }, ""), bar(undefined, decision.from, most), h("b", { class: "count" }, count(decision.from))),
    steps.map((step, index) => {
      const value = counts[index];
      const element = h("li", { key: `${step.code}${index}`, class: value !== undefined && last !== undefined && value !== last ? "moves" : null },
        h("span", { class: "step" }, STEPS[step.step] ?? step.step),
        h("span", { class: "text" }, words(step.text),
          step.policy
            ? h("a", {
              class: "policy-line", href: policyHref(step.policy.path), title: `Show ${step.policy.path} in the policy`,
              on: { click: (event) => openPath(event, step.policy.path) },
            }, h("code", null, `${step.policy.path.split(".").pop()}: ${step.policy.text}`))
            : null),
        value === undefined ? h("span", { class: "bar-none" }) : bar(last, value, most),
        h("b", { class: "count" }, value === undefined ? "" : count(value)));
      if (value !== undefined) last = value;
      return element;
    }),
    h("li", { class: "end" }, h("span", { class: "step" }, "decided"), h("span", { class: "text" }, ""), bar(undefined, decision.to, most), h("b", { class: "count" }, count(decision.to))));
}

/** The count as a bar; what the step took away or added stands out. */
function bar(before, value, most) {
  const share = (number) => `${Math.max(0, Math.min(100, (100 * number) / most)).toFixed(2)}%`;
  const low = before === undefined ? value : Math.min(before, value);
  return h("span", { class: "bar", "aria-hidden": "true" },
    h("i", { class: "kept", style: { width: share(low) } }),
    before !== undefined && before !== value
      ? h("i", { class: value < before ? "cut" : "added", style: { left: share(low), width: share(Math.abs(value - before)) } })
      : null);
}

/** Times inside a sentence in the reader's zone, without the parts that say nothing. */
const words = (text) => text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (time) => when(stamp(time), now(), 1));

const INPUTS = { ready: "ready", busy: "busy", starting: "starting", draining: "draining", resident: "running", replicas: "replicas" };

function changed(decision, previous) {
  const rows = [];
  for (const [name, word] of Object.entries(INPUTS)) {
    const [before, after] = [previous.inputs[name], decision.inputs[name]];
    if (before !== after && after !== undefined) rows.push([word, before, after]);
  }
  for (const reason of new Set([...Object.keys(previous.inputs.blocked ?? {}), ...Object.keys(decision.inputs.blocked ?? {})])) {
    const [before, after] = [previous.inputs.blocked?.[reason] ?? 0, decision.inputs.blocked?.[reason] ?? 0];
    if (before !== after) rows.push([`waiting: ${blockedWords[reason] ?? reason}`, before, after]);
  }
  for (const [name, value] of Object.entries(decision.inputs.observed ?? {})) {
    const before = previous.inputs.observed?.[name];
    const text = (each) => (each === null || each === undefined ? "–" : typeof each === "object" ? count(each.value ?? each.milli / 1000) : count(each));
    if (JSON.stringify(before) !== JSON.stringify(value)) rows.push([name, text(before), text(value)]);
  }
  const isOther = previous.inputs.policy !== decision.inputs.policy;
  return [
    h("h3", null, "Since the decision before", h("small", null, ` ${span((stamp(decision.at) - stamp(previous.at)) / 1000)} earlier, `, link(address.hereHref({ at: previous.seq }), null, `#${previous.seq}`))),
    rows.length === 0 && !isOther ? note("No count changed: time passed.") : null,
    h("dl", { class: "changed" },
      isOther ? [h("dt", null, "policy"), h("dd", null, h("code", null, previous.inputs.policy?.slice(0, 8) ?? "none"), " → ", h("code", null, decision.inputs.policy.slice(0, 8)))] : null,
      rows.map(([name, before, after]) => [h("dt", null, name), h("dd", null, `${before ?? "–"} → `, h("b", null, after))])),
  ];
}
