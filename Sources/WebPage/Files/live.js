// What has just happened?
//
// One stream of what moves for each screen (`/v1/watch`). It is read with `fetch`, as a token goes into a header and never
// into an address. A stream that breaks is opened again where it broke, after a moment that grows to ten seconds. A service
// without the stream is asked again every few seconds instead, and the page says so.
//
// A browser opens at most six connections to a service that speaks HTTP/1.1, over all its tabs, and a stream takes one. So a page that nobody
// sees lets go of its stream, and takes it up again once it is seen: one that is left at once, a tab in the background after a moment.

import { has, Refusal, Silence, send, withQuery } from "./api.js";

const FIRST_MS = 400;
const LONGEST_MS = 10000;
const UNSEEN_MS = 10000;

/** A signal that is aborted once the page isn't seen any more; `done` forgets it. */
function whileSeen() {
  const control = new AbortController();
  let timer = null;
  const leave = () => control.abort();
  const change = () => {
    clearTimeout(timer);
    if (document.visibilityState === "hidden") timer = setTimeout(leave, UNSEEN_MS);
  };
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", change);
  const done = () => {
    clearTimeout(timer);
    removeEventListener("pagehide", leave);
    document.removeEventListener("visibilitychange", change);
  };
  return { signal: control.signal, done };
}

const isSeen = () => document.visibilityState !== "hidden";

/** Resolves once the page is seen. */
function seen(signal) {
  if (isSeen()) return null;
  return new Promise((resolve) => {
    const look = () => {
      if (!isSeen() && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look, { once: true });
  });
}

/**
 * Follows topics until it is closed. `on` has a function for each topic, `state(text)` for what is to be said of the
 * connection, and `poll()` for a service that has no stream. Gives the function that closes it.
 */
export function follow({ topics, pool, after }, on) {
  const control = new AbortController();
  let last = after;
  run();
  return () => control.abort();

  async function run() {
    let delay = FIRST_MS;
    while (!control.signal.aborted) {
      await seen(control.signal);
      const sight = whileSeen();
      try {
        if (!(await has("/v1/watch"))) return poll();
        const path = withQuery("/v1/watch", { topics: topics.join(","), pool, after: last });
        const response = await send(path, { accept: "text/event-stream", signal: AbortSignal.any([control.signal, sight.signal]) });
        on.state?.("live");
        await read(response.body, (id, topic, data) => {
          if (id !== "") last = id;
          delay = FIRST_MS;
          on[topic]?.(data);
        });
        on.state?.("broken");
      } catch (error) {
        if (control.signal.aborted) return;
        if (sight.signal.aborted) {
          // Left. A page that a browser keeps to come back to stands still here.
          await pause(FIRST_MS);
          continue;
        }
        if (error instanceof Refusal && error.status !== 429 && error.status < 500) return on.state?.("refused", error);
        on.state?.(error instanceof Silence ? "away" : "broken", error);
      } finally {
        sight.done();
      }
      await pause(delay * (0.75 + Math.random() / 2));
      delay = Math.min(delay * 2, LONGEST_MS);
    }
  }

  // As often as an answer takes a tenth of the time, and at most once a second.
  async function poll() {
    on.state?.("polled");
    while (!control.signal.aborted) {
      const began = performance.now();
      try {
        await on.poll?.(control.signal);
        on.state?.("polled");
      } catch (error) {
        if (control.signal.aborted) return;
        on.state?.(error instanceof Silence ? "away" : "broken", error);
      }
      await pause(Math.max(1000, Math.min(LONGEST_MS, (performance.now() - began) * 9)));
    }
  }

  function pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      control.signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });
  }
}

/** Messages of a text/event-stream: `take(id, event, data)` for each. */
export async function read(body, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const block = rest.slice(0, end);
      rest = rest.slice(end + 2);
      let [id, topic, data] = ["", "message", ""];
      for (const line of block.split("\n")) {
        if (line.startsWith("id:")) id = line.slice(3).trim();
        else if (line.startsWith("event:")) topic = line.slice(6).trim();
        else if (line.startsWith("data:")) data += line.slice(5).trimStart();
      }
      if (data !== "") take(id, topic, JSON.parse(data));
    }
  }
}
