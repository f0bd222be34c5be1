// What would another policy do?
//
// A policy is edited beside the one in force. What is wrong with it is said line by line as it is typed; a dry run says what
// it would decide now. It can be applied, or run as a shadow that decides and changes nothing. What it would have done in
// the past is replayed on the command line: the command is given.

import * as actions from "./actions.js";
import * as address from "./address.js";
import { Refusal } from "./api.js";
import { button, fill, h, keeper, link } from "./dom.js";
import { count } from "./format.js";
import { command, empty, note, region, say, trouble } from "./parts.js";
import * as texts from "./policies.js";

const CHECK_MS = 450;

export function open(host) {
  const body = region({ class: "lab" });
  const editor = keeper(h("textarea", { class: "code", spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-label": "Policy in YAML", rows: "28" }));
  const numbers = h("pre", { class: "line-numbers", "aria-hidden": "true" });
  const frame = keeper(h("div", { class: "editor" }, numbers, editor));
  const result = region({ class: "check", "aria-live": "polite" });
  let all = [];
  let inForce = "";
  let full = null;
  let preview = null;
  let timer = null;
  let round = 0;
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
    }
    draw();
    check();
  }

  const firstPool = () => {
    const item = all.find((each) => !each.shadowOf);
    return item ? `${item.namespace}/${item.name}` : null;
  };

  function template(name) {
    const [namespace, ...rest] = name.split("/");
    return `apiVersion: greenroom.dev/v1\nkind: WorkerPoolAutoscaler\nmetadata: {name: ${rest.join("/")}, namespace: ${namespace}}\nspec:\n  scaleTargetRef: {kind: Process}\n  minReplicaCount: 0\n  maxReplicaCount: 4\n  triggers:\n  - {type: demand, threshold: 1}\n`;
  }

  function draw() {
    body.show(
      h("div", { class: "title-line" }, h("h1", null, "Lab"),
        h("label", null, "Policy of ", h("select", { value: full ?? "", on: { change: (event) => address.set({ pool: event.target.value }) } },
          all.length === 0 ? h("option", { value: "" }, "none yet") : null,
          all.map((item) => h("option", { value: `${item.namespace}/${item.name}`, selected: `${item.namespace}/${item.name}` === full }, `${item.namespace}/${item.name}${item.shadowOf ? ` (shadow of ${item.shadowOf})` : ""}`)),
          full && !all.some((item) => `${item.namespace}/${item.name}` === full) ? h("option", { value: full, selected: true }, `${full} (none yet)`) : null))),
      full === null ? empty("No pool has a policy yet.", h("span", null, "Open the lab with a pool: ", h("code", null, "/lab?pool=NAMESPACE/NAME"), "."))
        : h("div", { class: "lab-columns" }, frame, result.element));
    numberLines();
  }

  function numberLines() {
    const lines = editor.value.split("\n").length;
    if (numbers.dataset.lines === String(lines)) return;
    numbers.dataset.lines = String(lines);
    numbers.textContent = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
    editor.rows = Math.max(12, lines + 1);
  }

  editor.addEventListener("input", () => {
    numberLines();
    clearTimeout(timer);
    timer = setTimeout(check, CHECK_MS);
  });
  editor.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey || event.altKey) return;
    // Tab leaves the field after Escape, as in other editors.
    if (editor.dataset.leave) return;
    event.preventDefault();
    editor.setRangeText("  ", editor.selectionStart, editor.selectionEnd, "end");
  });
  editor.addEventListener("keyup", (event) => (event.key === "Escape" ? (editor.dataset.leave = "1") : event.key !== "Tab" ? delete editor.dataset.leave : null));

  async function check() {
    if (!full || editor.value.trim() === "") return result.show(note("Write a policy."));
    const mine = ++round;
    preview = null;
    const text = editor.value;
    // What stands in it decides where it is sent: a shadow has a name of its own.
    const name = /^\s*metadata:\s*\{[^}]*\bname:\s*([^,}\s]+)/m.exec(text)?.[1] ?? /^metadata:[\s\S]*?^\s+name:\s*(\S+)/m.exec(text)?.[1] ?? full.split("/").slice(1).join("/");
    const namespace = /^\s*metadata:\s*\{[^}]*\bnamespace:\s*([^,}\s]+)/m.exec(text)?.[1] ?? /^metadata:[\s\S]*?^\s+namespace:\s*(\S+)/m.exec(text)?.[1] ?? full.split("/")[0];
    try {
      const decided = await actions.dryRun(namespace, name, text);
      if (mine === round) drawResult({ namespace, name, text, decided });
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
          ? note(`A dry run needs a token with the role admin. ${error.message}`) : trouble(error, check));
  }

  function goToLine(line) {
    if (!line) return;
    const start = editor.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    editor.focus();
    editor.setSelectionRange(start, start + (editor.value.split("\n")[line - 1]?.length ?? 0));
  }

  function drawResult({ namespace, name, text, decided }) {
    preview = decided;
    const isSame = text.trim() === inForce.trim();
    const isShadow = /^\s*shadowOf:/m.test(text);
    const closed = actions.closed();
    const changes = inForce ? texts.difference(inForce.trimEnd(), text.trimEnd()).filter((line) => line.mark !== " ") : [];
    result.show(
      h("h2", null, "Valid"),
      h("p", { class: "preview" }, "Now it would decide ", h("b", null, decided.from === decided.to ? `${decided.to}` : `${decided.from} → ${decided.to}`), `: ${decided.reason}`),
      isSame ? note("It is the policy in force.") : changes.length > 0
        ? [h("h3", null, "Against the one in force"), h("pre", { class: "code diff" }, changes.slice(0, 60).map((line) => h("span", { class: `line ${line.mark === "+" ? "plus" : "minus"}` }, `${line.mark} ${line.text}\n`)))] : null,
      h("p", { class: "buttons" },
        button(isShadow ? "Start the shadow …" : "Apply …", async () => {
          if (await actions.apply(namespace, name, text, decided)) {
            full = null;
            address.set({ pool: `${namespace}/${name}` });
            restart();
          }
        }, { class: "primary", disabled: closed !== null || isSame, title: closed }),
        isShadow || isSame ? null : button("Make it a shadow", () => makeShadow(name), { title: "Give it a name of its own: it decides beside the policy in force and changes nothing" })),
      h("h3", null, "What it would have done"),
      note("Save the text as ", h("code", null, "policy.yaml"), ". The log is replayed with it, and the report shows both side by side:"),
      command(`greenroom replay --db greenroom.db --pool ${namespace}/${name} --policy policy.yaml${address.param("from") ? ` --from ${address.param("from")} --to ${address.param("to")}` : ""} --report what-if.html`, null),
      h("p", null, link(address.poolHref(namespace, name, { at: null }), null, "The pool"), " shows what its shadows decide."));
  }

  function makeShadow(name) {
    let text = editor.value;
    const shadow = `${name}-try`;
    text = text.replace(/(\bname:\s*)([^,}\s]+)/, `$1${shadow}`);
    text = /^\s*mode:/m.test(text) ? text.replace(/^(\s*)mode:.*$/m, `$1mode: recommend\n$1shadowOf: ${name}`) : text.replace(/^spec:\s*$/m, `spec:\n  mode: recommend\n  shadowOf: ${name}`);
    editor.value = text;
    numberLines();
    say(`It is called ${shadow} now, decides in mode recommend, and is a shadow of ${name}. Check it, then start it.`);
    check();
  }

  restart();
  return { update: restart, close: () => clearTimeout(timer) };
}
