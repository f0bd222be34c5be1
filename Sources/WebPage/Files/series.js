// What were the counts of a pool over a stretch of time?
//
// The service gives of each bucket the lowest and the highest value of each column, as runs: a row holds until the next. Here
// they become staircases that are drawn and read at any moment. A service that keeps no series has its decisions at least,
// each with the counts it looked at: they are drawn instead, and the page says so.

import { all, get, has, poolPath, whole } from "./api.js";
import { stamp } from "./format.js";
import { rfc } from "./moment.js";

export const COLUMNS = ["demand", "desired", "ready", "busy", "starting", "waiting", "oldestWait", "min", "max"];

export class Series {
  constructor(answer) {
    this.from = stamp(answer.from);
    this.to = stamp(answer.to);
    this.through = answer.through ? Math.min(stamp(answer.through), this.to) : this.to;
    this.columns = answer.columns;
    this.rows = answer.rows;
    this.bands = (answer.bands ?? []).map((band) => ({ kind: band.kind, from: this.from + band.from * 1000, to: this.from + band.to * 1000 }));
    this.marks = (answer.marks ?? []).map((mark) => ({ ...mark, at: this.from + mark.seconds * 1000 }));
    this.isFromDecisions = answer.isFromDecisions === true;
  }

  /** The row at a moment; undefined before the first. */
  rowAt(at) {
    const seconds = (at - this.from) / 1000;
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle][0] <= seconds) low = middle + 1;
      else high = middle;
    }
    return low === 0 || at > this.through + 999 ? undefined : this.rows[low - 1];
  }

  /** `[lowest, highest]` of a column at a moment. */
  value(column, at) {
    const row = this.rowAt(at);
    const index = this.columns.indexOf(column);
    return row && index >= 0 ? [row[1 + 2 * index], row[2 + 2 * index]] : undefined;
  }

  /** The highest value of some columns. */
  most(columns) {
    let most = 0;
    for (const column of columns) {
      const place = 2 + 2 * this.columns.indexOf(column);
      if (place >= 2) for (const row of this.rows) if (row[place] > most) most = row[place];
    }
    return most;
  }

  /** A staircase through the highest (or lowest) values, in the caller's coordinates. */
  stair(column, x, y, { low = false, toGround } = {}) {
    const index = this.columns.indexOf(column);
    if (index < 0 || this.rows.length === 0) return "";
    const place = (low ? 1 : 2) + 2 * index;
    const fixed = (number) => Math.round(number * 10) / 10;
    const end = fixed(x(this.through));
    let path = "";
    let last;
    for (const row of this.rows) {
      const [px, py] = [fixed(x(Math.max(this.from, this.from + row[0] * 1000))), fixed(y(row[place]))];
      if (path === "") path = toGround === undefined ? `M${px} ${py}` : `M${px} ${toGround}V${py}`;
      else if (py !== last) path += `H${px}V${py}`;
      last = py;
    }
    return `${path}H${end}${toGround === undefined ? "" : `V${toGround}Z`}`;
  }

  /** Where one column is above another: areas between the two. */
  between(upper, lower, x, y, scaleUpper = 1) {
    const [a, b] = [2 + 2 * this.columns.indexOf(upper), 2 + 2 * this.columns.indexOf(lower)];
    let path = "";
    this.rows.forEach((row, index) => {
      const over = row[a] * scaleUpper;
      if (over <= row[b]) return;
      const until = index + 1 < this.rows.length ? this.from + this.rows[index + 1][0] * 1000 : this.through;
      const [left, right] = [x(this.from + row[0] * 1000), x(until)];
      if (right > left) path += `M${left.toFixed(1)} ${y(row[b]).toFixed(1)}V${y(over).toFixed(1)}H${right.toFixed(1)}V${y(row[b]).toFixed(1)}Z`;
    });
    return path;
  }
}

/** A pool's series between two moments (milliseconds). */
export async function load(namespace, name, from, to, { points = 600, columns, signal } = {}) {
  if (!(await has("/v1/pools/{namespace}/{name}/series"))) return fromDecisions(namespace, name, from, to, signal);
  const query = { from: rfc(from), to: rfc(to), points: Math.round(points), columns: columns?.join(",") };
  return new Series(await get(`${poolPath(namespace, name)}/series`, { query, signal }));
}

/** Series of many pools by name, after a name; nothing from a service that keeps no series. */
export async function loadMany(after, limit, from, to, signal) {
  if (!(await has("/v1/series"))) return [];
  const query = { from: rfc(from), to: rfc(to), points: 60, columns: "demand,desired,ready,max", after, limit };
  const answer = await get("/v1/series", { query, signal });
  return answer.items.map((item) => [item.pool, new Series(item)]);
}

const MOST_DECISIONS = 20000;

async function fromDecisions(namespace, name, from, to, signal) {
  const found = await all("/v1/decisions", { query: { pool: `${namespace}/${name}` }, most: MOST_DECISIONS, signal });
  const rows = [];
  for (const item of found.items.filter((item) => !item.shadow).map(whole)) {
    const at = stamp(item.at);
    if (at > to) break;
    const blocked = Object.values(item.inputs.blocked ?? {}).reduce((sum, number) => sum + number, 0);
    const values = [(item.inputs.resident ?? 0) + blocked, item.to, item.inputs.ready, item.inputs.busy, item.inputs.starting, blocked];
    const row = [Math.max(0, (at - from) / 1000), ...values.flatMap((value) => [value ?? 0, value ?? 0])];
    if (row[0] === 0) rows.length = 0;
    rows.push(row);
  }
  return new Series({
    from: rfc(from), to: rfc(to), through: rfc(Math.min(to, Date.now())), columns: COLUMNS.slice(0, 6), rows, isFromDecisions: true,
  });
}

/** A pool's own decisions, newest first: `{items, next}`. `before` is a position. */
export async function decisions(namespace, name, { before, from, to, changes, limit = 100, shadow, signal } = {}) {
  if (await has("/v1/pools/{namespace}/{name}/decisions")) {
    const query = { before, from, to, changes: changes || undefined, limit, shadow };
    // A page may be short and have a next one: it is read on until there are enough, within a bound.
    const items = [];
    for (let pages = 0; pages < 50; pages += 1) {
      const page = await get(`${poolPath(namespace, name)}/decisions`, { query, signal });
      items.push(...page.items.map(whole));
      query.before = page.next;
      query.limit = limit - items.length;
      if (page.next === null || query.limit <= 0) return { items, next: page.next };
    }
    return { items, next: query.before };
  }
  const found = await all("/v1/decisions", { query: { pool: `${namespace}/${name}` }, most: MOST_DECISIONS, signal });
  const items = found.items
    .filter((item) => (shadow ? item.shadow === shadow : !item.shadow) && (!before || item.seq < before) && (!changes || item.from !== item.to))
    .filter((item) => (!from || stamp(item.at) >= stamp(from)) && (!to || stamp(item.at) <= stamp(to)));
  return { items: items.slice(-limit).reverse().map(whole), next: null };
}

/** The decision of a pool right before (or after) a position; null where there is none. */
export async function neighbour(namespace, name, seq, { isLater, changes }) {
  if (!isLater) return (await decisions(namespace, name, { before: seq, changes, limit: 1 })).items[0] ?? null;
  let after = seq;
  for (let pages = 0; pages < 20; pages += 1) {
    const page = await get("/v1/decisions", { query: { pool: `${namespace}/${name}`, after, limit: 100 } });
    const found = page.items.find((item) => !item.shadow && (!changes || item.from !== item.to));
    if (found) return whole(found);
    if (page.next === null) return null;
    after = page.next;
  }
  return null;
}
