// What came of a policy that was tried?
//
// A report's figures: of what happened, of the policies that were in force (simulated), and of the one that was tried (simulated). The
// two simulated ones are compared; the first shows how near a simulation is. Above them is how the count would have moved.

import { h, svg } from "./dom.js";
import { count, many, span, stamp, ticks, timeTicks, when } from "./format.js";
import { note } from "./parts.js";

const NAMES = { recorded: "as it was", inForce: "in force, simulated", tried: "this one, simulated" };
const PLOT = { left: 34, right: 10, top: 8, height: 150, axis: 18 };
// Of each: what is shown, and whether less is better.
const ROWS = [
  ["Turns", (run) => count(run.turns)], ["Mean wait", (run) => span(run.waitSeconds.mean), (run) => run.waitSeconds.mean],
  ["Wait p50", (run) => span(run.waitSeconds.p50), (run) => run.waitSeconds.p50], ["Wait p95", (run) => span(run.waitSeconds.p95), (run) => run.waitSeconds.p95],
  ["Wait p99", (run) => span(run.waitSeconds.p99), (run) => run.waitSeconds.p99], ["Longest wait", (run) => span(run.waitSeconds.max), (run) => run.waitSeconds.max],
  ["Worker time", (run) => span(run.workerSeconds), (run) => run.workerSeconds], ["Worker time ÷ useful", (run) => `×${run.costRatio.toFixed(2)}`],
  ["Times up", (run) => count(run.scaleUps)], ["Times down", (run) => count(run.scaleDowns)], ["Changes of direction", (run) => count(run.flaps)], ["Turns killed", (run) => count(run.killed), (run) => run.killed],
];

/** A comparison in one sentence, the runs as rows and their counts as a picture. */
export function whatIf(answer, width) {
  const run = (kind) => answer.runs.find((each) => each.kind === kind);
  const [before, after] = [run("inForce") ?? run("recorded"), run("tried")];
  return [
    h("p", { class: "verdict-line" }, sentence(before, after)),
    after.unserved ? h("p", { class: "concern bad" }, h("b", null, many(after.unserved, "turn")), " would never get a worker under it.") : null,
    answer.leftOut?.length > 0 ? h("p", { class: "concern warn" }, h("b", null, "not simulated"), ` ${answer.leftOut.join(", ")}: the log says nothing of it, so demand alone decides.`) : null,
    picture(answer, width),
    h("div", { class: "scroll" }, h("table", { class: "runs" },
      h("thead", null, h("tr", null, h("th", { scope: "col" }, ""), answer.runs.map((each) => h("th", { scope: "col", key: each.kind }, NAMES[each.kind])))),
      h("tbody", null, ROWS.map(([name, write, number]) => h("tr", { key: name }, h("th", { scope: "row" }, name),
        answer.runs.map((each) => h("td", { key: each.kind, class: each.kind === "tried" && number ? better(number(each), number(before)) : null }, write(each)))))))),
    note(conditions(answer)),
  ];
}

const better = (now, before) => (now < before * 0.98 ? "good" : now > before * 1.02 ? "warn-text" : null);

function sentence(before, after) {
  const part = (name, from, to) => [`${name} `, from === to ? `stays at ${to}` : [`${from} → `, h("b", null, to)]];
  const share = before.workerSeconds > 0 ? Math.round((100 * (after.workerSeconds - before.workerSeconds)) / before.workerSeconds) : 0;
  return [
    part("The wait of one turn in twenty", span(before.waitSeconds.p95), span(after.waitSeconds.p95)), ", ",
    part("worker time", span(before.workerSeconds), span(after.workerSeconds)), share === 0 ? "." : ` (${share > 0 ? "+" : "−"}${Math.abs(share)} %).`,
  ];
}

function conditions(answer) {
  const starts = answer.measuredStarts > 0
    ? `${many(answer.measuredStarts, "worker start")} of the log, median ${span(answer.startSeconds)}` : `worker starts of ${span(answer.startSeconds)}, as the log has measured none`;
  const out = [[answer.cut, "cut at the end"], [answer.withdrawn, "withdrawn"], [answer.crashed, "crashed"], [answer.forced, "that the pool couldn't serve"]]
    .filter(([number]) => number > 0).map(([number, what]) => `${count(number)} ${what}`);
  return `Positions ${count(answer.from)} to ${count(answer.to)}, ${when(stamp(answer.fromAt))} to ${when(stamp(answer.toAt))}; with ${starts}${out.length > 0 ? `; of its turns ${out.join(", ")}` : ""}.`;
}

function picture(answer, width) {
  const runs = answer.runs.filter((run) => run.desired?.length > 0);
  const end = Math.max(1, (stamp(answer.toAt) - stamp(answer.fromAt)) / 1000, ...runs.map((run) => run.endSeconds));
  const recorded = runs.find((run) => run.kind === "recorded");
  const slots = recorded?.slotsPerWorker || 1;
  const most = Math.max(1, ...runs.flatMap((run) => run.desired.map(([, value]) => value)), ...(recorded?.demand ?? []).map(([, value]) => value / slots));
  const steps = ticks(most * 1.06, 3);
  const top = Math.max(most * 1.06, steps.at(-1));
  const ground = PLOT.top + PLOT.height;
  const x = (seconds) => PLOT.left + (Math.min(seconds, end) / end) * (width - PLOT.left - PLOT.right);
  const y = (value) => ground - (value / top) * PLOT.height;
  const stair = (points, until, scale = 1) => points.map(([at, value], index) =>
    index === 0 ? `M${x(Math.max(0, at)).toFixed(1)} ${y(value * scale).toFixed(1)}` : `H${x(Math.max(0, at)).toFixed(1)}V${y(value * scale).toFixed(1)}`).join("") + `H${x(until).toFixed(1)}`;
  const from = stamp(answer.fromAt);
  return h("figure", { class: "compared" },
    svg("svg", { class: "plot", width, height: ground + PLOT.axis, viewBox: `0 0 ${width} ${ground + PLOT.axis}`, role: "img", "aria-label": "Workers asked for under each policy" },
      steps.map((value) => [svg("path", { class: "grid", d: `M${PLOT.left} ${Math.round(y(value)) + 0.5}H${width - PLOT.right}` }),
        svg("text", { class: "tick", x: PLOT.left - 6, y: y(value) + 4, "text-anchor": "end" }, count(value))]),
      timeTicks(from, from + end * 1000, Math.max(2, Math.floor(width / 90))).map(({ at, text }) =>
        svg("text", { class: "tick", x: x((at - from) / 1000), y: ground + PLOT.axis - 4, "text-anchor": "middle" }, text)),
      recorded?.demand?.length > 0 ? svg("path", { class: "area unmet", d: `${stair(recorded.demand, recorded.endSeconds, 1 / slots)}V${ground}H${x(Math.max(0, recorded.demand[0][0])).toFixed(1)}Z` }) : null,
      runs.map((run) => svg("path", { class: `line run ${run.kind}`, d: stair(run.desired, run.endSeconds) }))),
    h("figcaption", { class: "legend" }, h("span", null, h("i", { class: "key unmet" }), "demand, in workers"), runs.map((run) => h("span", null, h("i", { class: `key run ${run.kind}` }), `workers, ${NAMES[run.kind]}`))));
}
