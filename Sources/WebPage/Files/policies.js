// Which policy is in force, how does it read, and what is different in another one?
//
// A policy of the log is canonical JSON. It is shown as the YAML a person would write: what is null is left out, short
// things stand on one line. Every line knows which fields it holds, so a step of a decision leads to its line.

import { get, has, Refusal } from "./api.js";
import { heard } from "./clock.js";

let kept = null;
let keptAt = 0;
const slotsByPool = new Map();

export const policies = {
  /** Slots a worker has, by pool; kept for half a minute. */
  async slots() {
    if (performance.now() - keptAt > 30000 || !kept) {
      keptAt = performance.now();
      kept = get("/v1/policies").then((page) => page.items);
      for (const policy of await kept) if (!policy.shadowOf) slotsByPool.set(`${policy.namespace}/${policy.name}`, slotsOf(policy));
    }
    return slotsByPool;
  },
  forget() {
    kept = null;
  },
  /** All of now: `PolicyView`s. */
  async list() {
    return (await get("/v1/policies")).items;
  },
  /** A pool's policy at the moment that is shown; null where it has none. */
  async one(namespace, name, at) {
    const path = `/v1/policies/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
    try {
      // A service may know only the policy of now.
      const knowsPast = await has("/v1/policies/{namespace}/{name}", "at");
      const found = await get(path, { query: { at: knowsPast ? at : undefined } });
      heard({ seq: found.position });
      return knowsPast ? found : { ...found, isOfNow: true };
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return null;
      throw error;
    }
  },
};

export function slotsOf(policy) {
  try {
    return JSON.parse(policy.canonicalJSON).spec.slotsPerWorker || 1;
  } catch {
    return 1;
  }
}

const WIDTH = 96;

/** `[{indent, text, paths}]` of a policy's object. */
export function lines(value) {
  const found = [];
  write(value, 0, "", found);
  return found;
}

export const text = (value) => lines(value).map((line) => " ".repeat(line.indent) + line.text).join("\n") + "\n";

function write(value, indent, path, found) {
  for (const [name, child] of entries(value)) {
    const childPath = path === "" ? name : `${path}.${name}`;
    writeField(`${scalar(name)}:`, child, indent, childPath, found);
  }
}

function writeField(head, child, indent, path, found) {
  const flat = inline(child);
  if (!isObject(child) && !Array.isArray(child)) return found.push({ indent, text: `${head} ${flat}`, paths: [path] });
  // What has no parts, or only plain ones on one line.
  if (isFlat(child) && indent + head.length + flat.length < WIDTH) {
    return found.push({ indent, text: `${head} ${flat}`, paths: [path, ...inner(child, path)] });
  }
  found.push({ indent, text: head, paths: [path] });
  if (!Array.isArray(child)) return write(child, indent + 2, path, found);
  child.forEach((item, index) => {
    const itemPath = `${path}[${index}]`;
    const line = inline(item);
    if (!isObject(item) || (isFlat(item, 3) && indent + line.length + 4 < WIDTH + 60)) {
      found.push({ indent, text: `- ${line}`, paths: [itemPath, ...inner(item, itemPath)] });
    } else {
      const before = found.length;
      write(item, indent + 2, itemPath, found);
      if (found[before]) {
        found[before].indent -= 2;
        found[before].text = `- ${found[before].text}`;
      }
    }
  });
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const entries = (value) => Object.entries(value).filter(([, child]) => child !== null && !(Array.isArray(child) && child.length === 0) && !isNothing(child));
const isNothing = (value) => isObject(value) && entries(value).length === 0;

function isFlat(value, depth = 2) {
  if (!isObject(value) && !Array.isArray(value)) return true;
  if (depth === 0) return false;
  return Object.values(value).every((child) => isFlat(child, depth - 1));
}

function inner(value, path) {
  if (!isObject(value)) return [];
  return entries(value).flatMap(([name, child]) => [`${path}.${name}`, ...inner(child, `${path}.${name}`)]);
}

function inline(value) {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (isObject(value)) return `{${entries(value).map(([name, child]) => `${scalar(name)}: ${inline(child)}`).join(", ")}}`;
  return scalar(value);
}

/** Plain where YAML reads it as the same text, else in quotes. */
function scalar(value) {
  if (typeof value !== "string") return String(value);
  const isPlain = /^[A-Za-z_/][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*$/.test(value) && !/^(true|false|null|yes|no|on|off|y|n|~)$/i.test(value);
  return isPlain ? value : JSON.stringify(value);
}

/** The line that a field is on: its own, else the one of what it belongs to. */
export function lineOf(all, path) {
  for (let wanted = path; wanted !== ""; wanted = wanted.replace(/(\.[^.[\]]+|\[\d+\])$/, "") === wanted ? "" : wanted.replace(/(\.[^.[\]]+|\[\d+\])$/, "")) {
    const found = all.findIndex((line) => line.paths.includes(wanted));
    if (found >= 0) return found;
  }
  return -1;
}

/** Lines of the new text with what is gone from the old: `[{mark: " "|"+"|"-", text}]`. */
export function difference(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  }
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push({ mark: " ", text: a[i] });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && table[i + 1][j] >= table[i][j + 1])) {
      found.push({ mark: "-", text: a[i] });
      i += 1;
    } else {
      found.push({ mark: "+", text: b[j] });
      j += 1;
    }
  }
  return found;
}
