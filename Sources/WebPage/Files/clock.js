// What time is it at the service, and which position is a time?
//
// The service's clock counts, not the browser's: ages and `5m` are by it. A moment of the past is looked up once.

import { get, has, lines, onMoment, Refusal } from "./api.js";
import { stamp } from "./format.js";
import { isPosition } from "./moment.js";

let ahead = 0;
let head = null;

/** Milliseconds by the service's clock. */
export const now = () => Date.now() + ahead;
export const headPosition = () => head;

/** What was said of a pool or a worker at `since` (milliseconds by the service's clock), with the ages it has by now. */
export function aged(view, since) {
  const seconds = since === null ? 0 : Math.max(0, (now() - since) / 1000);
  if (seconds === 0) return view;
  const older = { ...view };
  for (const name of ["ageSeconds", "oldestWaitSeconds", "lastSeenSeconds"]) if (typeof view[name] === "number") older[name] = view[name] + seconds;
  return older;
}

export function heard({ seq, now: text, head: last }) {
  if (text) ahead = stamp(text) - Date.now();
  const position = last ?? seq;
  if (position !== undefined && position !== null) head = Math.max(head ?? 0, position);
}

const kept = new Map();
const times = new Map();

/** `{seq, time}` of a position or a time; what isn't known is null. Throws where the log has nothing there. */
export function resolve(at) {
  if (!kept.has(at)) {
    const asked = look(at);
    asked.catch(() => kept.delete(at));
    kept.set(at, asked);
    if (kept.size > 500) kept.delete(kept.keys().next().value);
  }
  return kept.get(at);
}

onMoment(async (at) => {
  if (!isPosition(at)) return at;
  await resolve(at);
  return times.get(at) ?? at;
});

/** RFC 3339 of a moment that was looked up already; undefined of another. */
export const knownTime = (at) => (isPosition(at) ? times.get(at) : at);

async function look(at) {
  if (await has("/v1/moments")) {
    const found = await get("/v1/moments", { query: { at } });
    heard(found);
    times.set(at, found.at);
    return { seq: found.seq, time: isPosition(at) ? stamp(found.at) : stamp(at) };
  }
  if (!isPosition(at)) return { seq: null, time: stamp(at) };
  const [event] = await lines("/v1/events", { query: { after: Number(at) - 1, limit: 1 } });
  if (!event) throw new Refusal(404, { detail: `the log doesn't reach position ${at} yet` });
  times.set(at, event.at);
  return { seq: Number(at), time: stamp(event.at) };
}

/** Asks where the log ends. */
export async function askHead() {
  if (await has("/v1/moments")) heard(await get("/v1/moments"));
  else {
    // Without the route the log is read on from what is known of it.
    let after = head ?? 0;
    for (let pages = 0; pages < 500; pages += 1) {
      const page = await lines("/v1/events", { query: { after, limit: 10000 } });
      if (page.length === 0) break;
      after = page.at(-1).seq;
    }
    head = after;
  }
  return head;
}
