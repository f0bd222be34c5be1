// Where does the page begin? One screen at a time, chosen by the address; keys that work everywhere.

import * as actors from "./actors.js";
import * as address from "./address.js";
import { get, Refusal } from "./api.js";
import * as board from "./board.js";
import * as clocks from "./clock.js";
import { fill, h, link } from "./dom.js";
import * as lab from "./lab.js";
import * as log from "./log.js";
import * as nodes from "./nodes.js";
import { dialog, empty, say } from "./parts.js";
import * as pool from "./pool.js";
import { makeShell } from "./shell.js";

const OPEN = { board: board.open, pool: pool.open, actors: actors.openList, actor: actors.openOne, nodes: nodes.open, log: log.open, lab: lab.open };
const TITLES = { board: "Board", actors: "Actors", nodes: "Nodes", log: "Log", lab: "Lab" };

const main = document.getElementById("main");
let screen = null;
let shown = null;

const shell = makeShell({ step: stepAnywhere, refresh: () => screen?.update(address.current(), { params: new URLSearchParams("at=-") }) });

const identity = (here) => [here.screen, here.namespace, here.name].join("/");

function show(here) {
  document.title = `${here.name ? `${here.namespace}/${here.name}` : TITLES[here.screen] ?? "Greenroom"}${address.at() ? " (past)" : ""} – Greenroom`;
  if (shown && identity(shown) === identity(here)) screen?.update(here, shown);
  else {
    screen?.close();
    fill(main);
    main.className = `screen-${here.screen}`;
    screen = null;
    const open = OPEN[here.screen];
    if (open) screen = open(main, here);
    else fill(main, empty("There is no such page.", link("/", null, "The board")));
  }
  shown = here;
}

address.onChange((here) => {
  shell.changed();
  show(here);
});
show(address.current());

/** The decision before or after the moment: of the pool that is shown, else of all. */
async function stepAnywhere(isLater) {
  if (screen?.step) return screen.step(isLater, false);
  const isElsewhere = address.watchful();
  try {
    const moment = address.at() ? await clocks.resolve(address.at()) : null;
    const seq = moment?.seq ?? (await clocks.askHead()) + 1;
    const query = isLater ? { after: seq, limit: 1 } : { before: seq, order: "desc", limit: 1 };
    const { items } = await get("/v1/decisions", { query });
    if (isElsewhere()) return;
    if (items[0]) address.travel(String(items[0].seq));
    else say(isLater ? "That was the last decision." : "That was the first decision.");
  } catch (error) {
    say(error instanceof Refusal && error.status === 400 ? "This service lists decisions only forwards: choose a pool to step back." : error.message, { level: "bad" });
  }
}

const KEYS = [
  ["/", "search"], ["t", "type a time or a position"], ["l", "back to live"], ["[  ]", "previous, next decision"], ["{  }", "previous, next change of the count"],
  ["space", "play the pool at ×60, and stop"], ["b  a  n  g", "board, actors, nodes, log"], ["↑  ↓", "from row to row"], ["?", "these keys"],
];

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog")) return;
  if (event.target.closest?.("input, textarea, select") || (event.key === " " && event.target.closest?.("button, a"))) return;
  const places = { b: "/", a: "/actors", n: "/nodes", g: "/log" };
  if (event.key === "/") shell.search();
  else if (event.key === "t") shell.focusMoment();
  else if (event.key === "l") address.travel(null);
  else if (event.key === "?") dialog("Keys", () => h("dl", { class: "keys" }, KEYS.map(([key, text]) => [h("dt", null, h("kbd", null, key)), h("dd", null, text)])));
  else if (places[event.key]) address.go(address.href(places[event.key]));
  else if (!screen?.keydown?.(event)) {
    if (event.key !== "[" && event.key !== "]") return;
    stepAnywhere(event.key === "]");
  }
  event.preventDefault();
});

document.documentElement.dataset.ready = "true";
