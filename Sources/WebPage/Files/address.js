// What is shown? It all stands in the address, so that another person who opens it sees the same.
//
//   /                                   the board
//   /pools/NAMESPACE/NAME               one pool: from, to, tab, path
//   /actors, /actors/NAMESPACE/ID       actors, one actor: pool, status
//   /nodes, /log, /lab                  nodes; events: kind, pool, subject; a policy to try: pool
//   at=POSITION|TIME                    on each of them: the moment; without it the page is live

const listeners = new Set();

export function parse(url) {
  const segments = url.pathname.split("/").filter(Boolean).map(decode);
  const params = new URLSearchParams(url.search);
  const [first, namespace, ...rest] = segments;
  const name = rest.join("/");
  if (first === undefined) return { screen: "board", params };
  if (first === "pools" && name) return { screen: "pool", namespace, name, params };
  if (first === "actors" && name) return { screen: "actor", namespace, name, params };
  if (["actors", "nodes", "log", "lab"].includes(first) && namespace === undefined) return { screen: first, params };
  return { screen: "none", params };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

let here = parse(new URL(location.href));
export const current = () => here;
export const at = () => here.params.get("at");
export const param = (name) => here.params.get(name);

/** The address of a screen at the moment that is shown. `changes` are parameters; null takes one away. */
export function href(path, changes = {}) {
  const params = new URLSearchParams();
  const moment = at();
  if (moment) params.set("at", moment);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") params.delete(name);
    else params.set(name, value);
  }
  // Commas and colons may stand as they are, and read better.
  const query = params.toString().replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%2F/g, "/");
  return query ? `${path}?${query}` : path;
}

export const poolHref = (namespace, name, changes) => href(`/pools/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, changes);
export const actorHref = (namespace, name, changes) => href(`/actors/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, changes);

/** The address of what is shown with other parameters. */
export function hereHref(changes) {
  const kept = Object.fromEntries(here.params);
  return href(location.pathname, { ...kept, ...changes });
}

export function go(target, { replace = false } = {}) {
  if (target === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", target);
  changed();
}

/** A function that says whether another address was gone to since: an answer that comes late must not lead away from it. */
export function watchful() {
  const asked = location.href;
  return () => location.href !== asked;
}

export const set = (changes, options) => go(hereHref(changes), options);
export const travel = (moment, options) => set({ at: moment }, options);
export const onChange = (listener) => listeners.add(listener);

function changed() {
  here = parse(new URL(location.href));
  for (const listener of listeners) listener(here);
}

addEventListener("popstate", changed);

// A click on a link of the page's own changes what is shown without loading it again.
addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const anchor = event.target.closest?.("a[href]");
  if (!anchor || anchor.target || anchor.origin !== location.origin || anchor.hasAttribute("download")) return;
  if (parse(new URL(anchor.href)).screen === "none" || anchor.pathname === "/openapi.json") return;
  event.preventDefault();
  const isElsewhere = anchor.pathname !== location.pathname;
  go(anchor.pathname + anchor.search);
  if (isElsewhere) scrollTo(0, 0);
});
