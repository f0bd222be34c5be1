// What may a person do to a pool from here? Pause, hold, resume, delete, apply.
//
// Each says first what will happen, and afterwards what the service decided. Nothing is written while the page shows the
// past. The service decides by the token's role; a refusal is shown in its words.

import * as address from "./address.js";
import { poolPath, Refusal, send } from "./api.js";
import { button, fill, h } from "./dom.js";
import { command, dialog, note, say } from "./parts.js";
import { policies } from "./policies.js";

/** Why nothing can be written now; null where it can. */
export const closed = () => (address.at() ? "The page shows the past. Go back to live to change something." : null);

async function put(path, body, type) {
  const response = await send(path, { method: "PUT", body, type });
  return response.json();
}

const outcome = (decision) =>
  decision.from === decision.to ? `The count stays at ${decision.to}: ${decision.reason}` : `${decision.from} → ${decision.to}: ${decision.reason}`;

/** A form whose button sends; a refusal stays in it. */
function form(submitText, content, submit, { isDanger = false } = {}) {
  const problem = h("p", { class: "problem", role: "alert" });
  const send = h("button", { type: "submit", class: isDanger ? "danger" : "primary" }, submitText);
  return h("form", {
    class: "form",
    on: {
      submit: async (event) => {
        event.preventDefault();
        send.disabled = true;
        fill(problem);
        try {
          await submit(new FormData(event.currentTarget));
        } catch (error) {
          fill(problem, error instanceof Refusal && error.status === 403 ? `Your token may not do that: ${error.message}` : error.message);
        }
        send.disabled = false;
      },
    },
  }, content, problem, h("p", { class: "buttons" }, send));
}

export async function pause(pool) {
  const full = `${pool.namespace}/${pool.name}`;
  const decided = await dialog(`Pause ${full}`, (close) => {
    const current = pool.pause;
    const choice = (value, title, text, isChecked) =>
      h("label", { class: "choice" }, h("input", { type: "radio", name: "what", value, checked: isChecked }), h("span", null, h("b", null, title), h("small", null, text)));
    const hold = h("input", { type: "number", name: "hold", min: "0", max: "100000", value: current?.hold ?? pool.desired, "aria-label": "Workers to hold", on: { focus: () => (holdChoice.querySelector("input").checked = true) } });
    const holdChoice = choice("hold", "Hold at a fixed count", "Exactly so many workers, whatever is demanded.", current?.hold !== undefined && current?.hold !== null);
    return form("Pause", [
      note(`Now ${pool.desired} desired, ${pool.ready} ready, ${pool.demand.waiting} waiting. It is logged under your token's name and shown on the board until somebody resumes it.`),
      choice("in", "No scale-down", "Workers may be added, none is removed.", current?.in && !current?.out && current?.hold == null),
      choice("out", "No scale-up", "Workers may be removed, none is added.", current?.out && !current?.in && current?.hold == null),
      choice("both", "Neither", "The count stays as it is.", !current || (current.in && current.out)),
      holdChoice, hold,
    ], async (data) => {
      const what = data.get("what");
      const body = what === "hold" ? { hold: Number(data.get("hold")) } : { in: what !== "out", out: what !== "in" };
      close(await put(`${poolPath(pool.namespace, pool.name)}/pause`, JSON.stringify(body), "application/json"));
    });
  });
  if (decided) say(`Paused. ${outcome(decided)}`);
  return decided;
}

export async function resume(pool) {
  const full = `${pool.namespace}/${pool.name}`;
  const decided = await dialog(`Resume ${full}`, (close) =>
    form("Resume", [
      note("The policy decides the count again, from this moment."), command(`greenroom resume ${full}`, null),
    ], async () => close(await put(`${poolPath(pool.namespace, pool.name)}/pause`, "{}", "application/json"))));
  if (decided) say(`Resumed. ${outcome(decided)}`);
  return decided;
}

export async function remove(pool) {
  const full = `${pool.namespace}/${pool.name}`;
  const isDone = await dialog(`Delete ${full}`, (close) =>
    form("Delete the pool", [
      note("A pool without a policy and without workers is forgotten. The log keeps what happened to it."), command(`greenroom delete pool ${full}`, null),
    ], async () => {
      await send(poolPath(pool.namespace, pool.name), { method: "DELETE" });
      close(true);
    }, { isDanger: true }));
  if (isDone) {
    say(`${full} is deleted.`);
    address.go("/");
  }
  return isDone;
}

/** What a policy would decide, without applying it: a decision. Throws a Refusal with `problem.problems`. */
export const dryRun = (namespace, name, text) =>
  put(`/v1/policies/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}?dryRun=true`, text, "application/yaml");

export async function apply(namespace, name, text, preview) {
  const decided = await dialog(`Apply ${namespace}/${name}`, (close) =>
    form("Apply", [
      note("By a dry run this minute:"), h("p", { class: "preview" }, outcome(preview)),
      note("The policy takes effect at once, and stands in the log with your token's name."),
    ], async () => close(await put(`/v1/policies/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, text, "application/yaml"))));
  if (decided) {
    policies.forget();
    say(`Applied. ${outcome(decided)}`);
  }
  return decided;
}

/** The buttons of a pool's head. */
export function buttons(pool, changed) {
  const why = closed();
  const act = (text, action, props = {}) =>
    button(text, async () => (await action(pool)) && changed(), { ...props, disabled: why !== null, title: why ?? props.title });
  const isEmpty = !pool.target && pool.ready + pool.starting + pool.draining === 0;
  return h("div", { class: "actions" },
    pool.pause ? act("Resume …", resume, { class: "primary" }) : null,
    pool.target ? act(pool.pause ? "Change pause …" : "Pause …", pause) : null,
    h("a", { class: "button", href: address.href("/lab", { pool: `${pool.namespace}/${pool.name}`, at: null }) }, "Change policy …"),
    isEmpty ? act("Delete …", remove, { class: "danger" }) : null);
}

