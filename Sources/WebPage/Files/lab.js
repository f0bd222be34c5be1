// What would another policy do, and what would it have done?
//
// A policy is edited beside the one in force. What is wrong with it is said line by line as it is typed; a dry run says what
// it would decide now. A stretch is chosen in the chart, and the service replays it under the policy: how long turns would have
// waited, and what it would have cost. The policy can be applied, or saved as a shadow that decides and changes nothing.

import * as actions from "./actions.js";
import * as address from "./address.js";
import { get, has, poolPath, Refusal } from "./api.js";
import { makeChart } from "./chart.js";
import * as clocks from "./clock.js";
import { button, fill, h, keeper, link } from "./dom.js";
import { count, span, stamp, when } from "./format.js";
import { rfc } from "./moment.js";
import { command, empty, note, region, say, trouble } from "./parts.js";
import * as texts from "./policies.js";
import { decisions, load } from "./series.js";
import { whatIf } from "./whatif.js";
import { progressBar, work } from "./work.js";

const CHECK_MS = 450;
const RANGES = [["5m", 300], ["15m", 900], ["1h", 3600], ["6h", 21600], ["1d", 86400], ["7d", 604800]];
const STAGES = { reading: "Reading the log, events", simulating: "Simulating, policies" };

export function open(host) {
  const body = region({ class: "lab" });
  const editor = keeper(h("textarea", { class: "code", spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-label": "Policy in YAML", rows: "28" }));
  const numbers = h("pre", { class: "line-numbers", "aria-hidden": "true" });
  const frame = keeper(h("div", { class: "editor" }, numbers, editor));
  const result = region({ class: "check", "aria-live": "polite" });
  const stretchTools = region({ class: "chart-tools" });
  const tried = region({ class: "tried", "aria-live": "polite" });
  const chart = makeChart({
    travel: () => say("Drag in the chart to choose a stretch."), choose: (from, to) => address.set({ from: rfc(from), to: rfc(Math.min(to, clocks.now())) }), step: () => {},
  });
  const history = keeper(h("section", { class: "lab-history" }));
  let all = [];
  let inForce = "";
  let full = null;
  let timer = null;
  let round = 0;
  let control = new AbortController();
  let running = null;
  let series = null;
  let shown = [];
  let problem = null;
  // What was tried last: the text, the stretch and what came of it.
  let trial = null;
  fill(host, body.element);

  async function restart() {
    try {
      all = await texts.policies.list();
    } catch (error) {
      return body.show(h("h1", null, "Lab"), trouble(error, restart));
    }
    const wanted = address.param("pool") ?? firstPool();
    if (wanted !== full) {
      full = wanted;
      const found = all.find((item) => `${item.namespace}/${item.name}` === full);
      inForce = found ? texts.text(JSON.parse(found.canonicalJSON)) : "";
      editor.value = inForce || (full ? template(full) : "");
      running?.abort();
      [series, shown, problem, trial, running] = [null, [], null, null, null];
      check();
    }
    draw();
    loadHistory();
  }

  /** Another stretch of the same pool loads nothing else again. */
  function update(next, before) {
    if (next.params.get("pool") !== before.params.get("pool") || next.params.get("at") !== before.params.get("at")) return restart();
    loadHistory();
    drawTried();
  }

  const firstPool = () => {
    const item = all.find((each) => !each.shadowOf);
    return item ? `${item.namespace}/${item.name}` : null;
  };

  /** The pool whose log it is tried on: a shadow's is its policy's. */
  const poolName = () => {
    const item = all.find((each) => `${each.namespace}/${each.name}` === full);
    return item?.shadowOf ? `${item.namespace}/${item.shadowOf}` : full;
  };
  const poolParts = () => {
    const [namespace, ...rest] = poolName().split("/");
    return [namespace, rest.join("/")];
  };
  const slots = () => {
    const item = all.find((each) => `${each.namespace}/${each.name}` === full);
    return item ? texts.slotsOf(item) : 1;
  };

  function template(name) {
    const [namespace, ...rest] = name.split("/");
    return `apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {name: ${rest.join("/")}, namespace: ${namespace}}\nspec:\n  scaleTargetRef: {kind: Process}\n  minReplicaCount: 0\n  maxReplicaCount: 4\n  triggers:\n  - {type: demand, threshold: 1}\n`;
  }

  function draw() {
    if (full !== null) fill(history, stretchTools.element, chart.element, tried.element);
    body.show(
      h("div", { class: "title-line" }, h("h1", null, "Lab"),
        h("label", null, "Policy of ", h("select", { value: full ?? "", on: { change: (event) => address.set({ pool: event.target.value, from: null, to: null }) } },
          all.length === 0 ? h("option", { value: "" }, "none yet") : null,
          all.map((item) => h("option", { value: `${item.namespace}/${item.name}`, selected: `${item.namespace}/${item.name}` === full }, `${item.namespace}/${item.name}${item.shadowOf ? ` (shadow of ${item.shadowOf})` : ""}`)),
          full && !all.some((item) => `${item.namespace}/${item.name}` === full) ? h("option", { value: full, selected: true }, `${full} (none yet)`) : null))),
      full === null ? empty("No pool has a policy yet.", h("span", null, "Open the lab with a pool: ", h("code", null, "/lab?pool=NAMESPACE/NAME"), "."))
        : h("div", { class: "lab-columns" }, frame, h("div", null, result.element, history)));
    numberLines();
    drawStretch();
    drawTried();
  }

  // --- The policy ---

  function numberLines() {
    const lines = editor.value.split("\n").length;
    if (numbers.dataset.lines === String(lines)) return;
    numbers.dataset.lines = String(lines);
    numbers.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
    editor.rows = Math.max(12, lines + 1);
  }

  editor.addEventListener("input", () => {
    numberLines();
    drawTried();
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_MS);
  });
  editor.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey || event.altKey) return;
    // Tab leaves the field after Escape, as in other editors.
    if (editor.dataset.leave) return;
    event.preventDefault();
    editor.setRangeText("  ", editor.selectionStart, editor.selectionEnd, "end");
    editor.dispatchEvent(new Event("input"));
  });
  editor.addEventListener("keyup", (event) => (event.key === "Escape" ? (editor.dataset.leave = "1") : event.key !== "Tab" ? delete editor.dataset.leave : null));

  /** What stands in the text decides where it is sent: a shadow has a name of its own. */
  function named(text) {
    const [namespace, ...rest] = full.split("/");
    const value = (field) => new RegExp(`^\\s*metadata:\\s*\\{[^}]*\\b${field}:\\s*([^,}\\s]+)`, "m").exec(text)?.[1] ?? new RegExp(`^metadata:[\\s\\S]*?^\\s+${field}:\\s*(\\S+)`, "m").exec(text)?.[1];
    return { namespace: value("namespace") ?? namespace, name: value("name") ?? rest.join("/") };
  }

  async function check() {
    if (!full || editor.value.trim() === "") return result.show(note("Write a policy."));
    const mine = ++round;
    const text = editor.value;
    const { namespace, name } = named(text);
    try {
      const decided = await actions.dryRun(namespace, name, text);
      if (mine !== round) return;
      drawResult({ namespace, name, text, decided });
    } catch (error) {
      if (mine === round) drawProblems(error);
    }
  }

  function drawProblems(error) {
    const problems = error instanceof Refusal ? error.problem.problems : null;
    result.show(
      h("h2", null, problems ? `${count(problems.length)} ${problems.length === 1 ? "problem" : "problems"}` : "Not checked"),
      problems
        ? h("ol", { class: "problems" }, problems.map((item) => h("li", null,
          button(item.line ? `line ${item.line}` : "–", () => goToLine(item.line), { class: "plain" }), " ", h("code", null, item.path), " ", item.message)))
        : error instanceof Refusal && error.status === 403
          ? note(`A dry run needs a token with the role admin. ${error.message}. It can be tried on the log all the same.`) : trouble(error, check));
  }

  function goToLine(line) {
    if (!line) return;
    const start = editor.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    editor.focus();
    editor.setSelectionRange(start, start + (editor.value.split("\n")[line - 1]?.length ?? 0));
  }

  function drawResult({ namespace, name, text, decided }) {
    const isSame = text.trim() === inForce.trim();
    const isShadow = /^\s*shadowOf:/m.test(text);
    const closed = actions.closed();
    const changes = inForce ? texts.difference(inForce.trimEnd(), text.trimEnd()).filter((line) => line.mark !== " ") : [];
    result.show(
      h("h2", null, "Valid"),
      h("p", { class: "preview" }, "Now it would decide ", h("b", null, decided.from === decided.to ? `${decided.to}` : `${decided.from} → ${decided.to}`), `: ${decided.reason}`),
      isSame ? note("It is the policy in force. Change it, and the page says what would be different.") : changes.length > 0
        ? [h("h3", null, "Against the one in force"), h("pre", { class: "code diff" }, changes.slice(0, 60).map((line) => h("span", { class: `line ${line.mark === "+" ? "plus" : "minus"}` }, `${line.mark} ${line.text}\n`)))] : null,
      h("p", { class: "buttons" },
        button(isShadow ? "Start the shadow …" : "Apply …", async () => {
          if (await actions.apply(namespace, name, text, decided)) {
            full = null;
            address.set({ pool: `${namespace}/${name}` });
            restart();
          }
        }, { class: "primary", disabled: closed !== null || isSame, title: closed }),
        isShadow || isSame ? null : button("Save as a shadow …", () => saveShadow(namespace, name, text), {
          disabled: closed !== null, title: closed ?? "It decides beside the policy in force under a name of its own, and changes nothing",
        })),
      h("p", null, link(address.poolHref(...poolParts(), { at: null, tab: "shadows" }), null, "The pool"), " shows what its shadows decide."));
  }

  async function saveShadow(namespace, name, text) {
    const shadow = `${name}-try`;
    const renamed = text.replace(/(\bname:\s*)([^,}\s]+)/, `$1${shadow}`);
    const whole = /^\s*mode:/m.test(renamed)
      ? renamed.replace(/^(\s*)mode:.*$/m, `$1mode: recommend\n$1shadowOf: ${name}`) : renamed.replace(/^spec:\s*$/m, `spec:\n  mode: recommend\n  shadowOf: ${name}`);
    try {
      const decided = await actions.dryRun(namespace, shadow, whole);
      if (!(await actions.apply(namespace, shadow, whole, decided))) return;
      say(`${shadow} decides beside ${name} from now on, and changes nothing.`);
      all = await texts.policies.list();
      draw();
    } catch (error) {
      say(error.message, { level: "bad" });
    }
  }

  // --- The stretch ---

  const rangeSeconds = () => RANGES.find(([id]) => id === address.param("last"))?.[1] ?? 3600;

  /** The stretch that was chosen, in milliseconds; null where it is all that is shown. */
  function chosen() {
    const [from, to] = [stamp(address.param("from")), stamp(address.param("to"))];
    return from < to ? [from, to] : null;
  }

  async function loadHistory() {
    if (full === null) return;
    control.abort();
    control = new AbortController();
    const signal = control.signal;
    drawStretch();
    try {
      const end = address.at() ? (await clocks.resolve(address.at())).time : clocks.now();
      const picked = chosen();
      let from = end - rangeSeconds() * 1000;
      if (!address.param("last")) {
        // An hour, or as much of it as the pool has been there.
        const age = (await get(poolPath(...poolParts()), { state: true, signal }).catch(() => null))?.ageSeconds;
        if (age) from = Math.max(from, end - age * 1150 - 5000);
      }
      // What was chosen is seen with something around it.
      const window = picked ? [Math.min(from, picked[0] - (picked[1] - picked[0]) * 0.1), Math.max(end, picked[1])] : [from, end];
      const [loaded, changes] = await Promise.all([
        load(...poolParts(), ...window, { points: Math.min(1200, Math.max(200, history.clientWidth || 600)), signal }),
        decisions(...poolParts(), { from: rfc(window[0]), to: rfc(window[1]), changes: true, limit: 400, signal }),
      ]);
      if (signal.aborted) return;
      series = loaded;
      series.window = window;
      shown = changes.items.map((item) => ({ ...item, time: stamp(item.at) }));
      problem = null;
      chart.show({ series, from: window[0], to: window[1], at: null, slots: slots(), decisions: shown, selection: chosen() });
    } catch (error) {
      if (signal.aborted) return;
      // A pool that is not there yet has no history.
      problem = error instanceof Refusal && error.status === 404 ? null : error;
    }
    drawStretch();
    drawTried();
  }

  function drawStretch() {
    const picked = chosen();
    stretchTools.show(
      h("h2", null, "Try it on the past"),
      h("div", { class: "ranges", role: "group", "aria-label": "Stretch" },
        RANGES.map(([id, seconds]) => h("button", { type: "button", "aria-pressed": String(!picked && seconds === rangeSeconds()), on: { click: () => address.set({ last: id, from: null, to: null }) } }, id))),
      picked
        ? h("span", null, `${when(picked[0], clocks.now())} to ${when(picked[1], clocks.now())}`, h("small", null, ` ${span((picked[1] - picked[0]) / 1000)} `), button("All of it", () => address.set({ from: null, to: null })))
        : note("all that is shown · drag in the chart to choose a stretch"));
  }

  // --- Trying ---

  function stretchToTry() {
    const picked = chosen();
    if (picked) return [rfc(picked[0]), rfc(picked[1])];
    return series ? [rfc(series.window[0]), rfc(series.window[1])] : [undefined, undefined];
  }

  async function tryIt() {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const text = editor.value;
    const [from, to] = stretchToTry();
    trial = { text, from, to, progress: {}, answer: null, problem: null };
    const attempt = trial;
    drawTried();
    try {
      const query = new URLSearchParams(Object.entries({ from, to }).filter(([, value]) => value));
      attempt.answer = await work(`${poolPath(...poolParts())}/whatif?${query}`, {
        body: text, type: "application/yaml", signal: mine.signal, progress: (step) => {
          attempt.progress = step;
          if (trial === attempt) drawTried();
        },
      });
    } catch (error) {
      if (mine.signal.aborted || error.name === "AbortError") {
        if (trial === attempt) trial = null;
      } else attempt.problem = error;
    }
    if (running === mine) running = null;
    drawTried();
    tried.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  async function drawTried() {
    if (full === null) return;
    const isKnown = await has("/v1/pools/{namespace}/{name}/whatif", undefined, "post").catch(() => true);
    if (problem) return tried.show(trouble(problem, loadHistory));
    if (!isKnown) return tried.show(note("This service replays no policies. Save the text as policy.yaml, and replay the log with it:"), command(`greenroom replay --db greenroom.db --pool ${poolName()} --policy policy.yaml --report what-if.html`, null));
    if (running && trial) return tried.show(progressBar(trial.progress, STAGES, () => running?.abort()));
    const text = editor.value;
    const isSame = text.trim() === inForce.trim();
    const isStale = trial?.answer && (trial.text !== text || (chosen() && trial.from !== stretchToTry()[0]));
    tried.show(
      h("p", { class: "buttons" },
        button(trial?.answer ? "Try it again" : "Try it on this stretch", tryIt, { class: trial?.answer && !isStale ? null : "primary", disabled: text.trim() === "" }),
        isSame && !trial ? note("It is the policy in force: the simulation shows how near it comes to what was.") : null,
        isStale ? note("The policy or the stretch was changed since this was tried.") : null),
      trial?.problem ? trialProblem(trial.problem) : null,
      trial?.answer ? whatIf(trial.answer, Math.max(280, tried.element.clientWidth || 600)) : null);
  }

  function trialProblem(error) {
    const problems = error instanceof Refusal ? error.problem.problems : null;
    return h("p", { class: "concern warn" }, h("b", null, problems ? "not a valid policy" : "not tried"), ` ${error.message}`);
  }

  restart();
  return {
    update,
    close: () => {
      clearTimeout(timer);
      control.abort();
      running?.abort();
    },
  };
}
