// How does the page ask the service, and what does it say when the answer is no?
//
// Every request goes to the service that gave the page. A token is asked for once, when the service wants one. A refusal
// becomes a `Refusal` with the service's own words. At most six requests are in flight; the others wait in turn, newest
// last. An answer about what can't change (a decision of the log) is kept.

import * as address from "./address.js";

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.status = status;
    this.problem = problem;
  }
  get isMissing() {
    // A server without the route says that there is nothing at this path; one without the thing names the thing.
    return this.status === 404 && /openapi\.json/.test(this.message);
  }
}

/** The service didn't answer at all. */
export class Silence extends Error {}

let token = sessionStorage.getItem("greenroom.token") ?? localStorage.getItem("greenroom.token");
export const hasToken = () => Boolean(token);
export function setToken(text, isKept) {
  token = text || null;
  sessionStorage.removeItem("greenroom.token");
  localStorage.removeItem("greenroom.token");
  if (token) (isKept ? localStorage : sessionStorage).setItem("greenroom.token", token);
}

let askForToken = async () => false;
export const onTokenWanted = (ask) => (askForToken = ask);
let wanted = null;

/** What is heard of the service: `true` after an answer, `false` after none. */
const hearers = new Set();
export const onContact = (hearer) => hearers.add(hearer);
const tell = (isThere) => hearers.forEach((hearer) => hearer(isThere));

const LIMIT = 6;
let inFlight = 0;
const queue = [];

async function turn() {
  if (inFlight < LIMIT) {
    inFlight += 1;
    return;
  }
  await new Promise((resolve) => queue.push(resolve));
}

function done() {
  const next = queue.shift();
  if (next) next();
  else inFlight -= 1;
}

/** How many requests are on their way, and how many wait for their turn: for tests. */
export const load = () => ({ inFlight, waiting: queue.length });

/** The response to a request, with the token; asks for one where it is wanted. */
export async function send(path, { method = "GET", body, type, accept, signal } = {}) {
  for (let tries = 0; ; tries += 1) {
    const headers = {};
    if (token) headers.authorization = `Bearer ${token}`;
    if (accept) headers.accept = accept;
    if (type) headers["content-type"] = type;
    let response;
    try {
      response = await fetch(path, { method, body, headers, signal, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      tell(false);
      throw new Silence("the service doesn't answer");
    }
    tell(true);
    if (response.ok) return response;
    const refusal = new Refusal(response.status, await problemOf(response));
    if (response.status !== 401 || tries > 1) throw refusal;
    // One question for all requests that are refused at once.
    wanted ??= askForToken(refusal.message).finally(() => (wanted = null));
    if (!(await wanted)) throw refusal;
  }
}

async function problemOf(response) {
  try {
    const text = await response.text();
    return text.startsWith("{") ? JSON.parse(text) : { detail: text.slice(0, 300) || undefined };
  } catch {
    return {};
  }
}

// A position may be in the middle of a commit, whose state was never whole. Its time names the whole commit.
let wholeMoment = async (at) => at;
export const onMoment = (find) => (wholeMoment = find);

/** JSON of a path. With `state` the answer is that of the moment that is shown. */
export async function get(path, { query = {}, state = false, signal } = {}) {
  const at = state ? address.at() : null;
  const full = withQuery(path, at ? { at: await wholeMoment(at), ...query } : query);
  await turn();
  try {
    const response = await send(full, { signal });
    const value = await response.json();
    const position = response.headers.get("greenroom-position");
    if (position && value && typeof value === "object") Object.defineProperty(value, "position", { value: Number(position) });
    return value;
  } finally {
    done();
  }
}

/** NDJSON of a path: all its lines. */
export async function lines(path, { query = {}, signal } = {}) {
  await turn();
  try {
    const response = await send(withQuery(path, query), { signal });
    const text = await response.text();
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  } finally {
    done();
  }
}

/** All pages of a listing, at most `most` items: `{items, next}`. */
export async function all(path, { query = {}, state = false, most = 10000, signal } = {}) {
  const items = [];
  let after;
  let position;
  do {
    const page = await get(path, { query: { ...query, after, limit: Math.min(1000, most - items.length) }, state, signal });
    items.push(...page.items);
    position ??= page.position;
    after = page.next ?? undefined;
  } while (after !== undefined && items.length < most);
  return { items, next: after ?? null, position };
}

// What the service can do is in its own description: nothing is asked for only to see it refused.
let description = null;

/** Whether there is a route, and it knows a query parameter. */
export async function has(path, parameter, method = "get") {
  description ??= get("/openapi.json");
  try {
    const { paths, components } = await description;
    const operation = paths[path]?.[method];
    if (!operation || parameter === undefined) return operation !== undefined;
    const resolved = (operation.parameters ?? []).map((item) => (item.$ref ? components.parameters[item.$ref.split("/").pop()] : item));
    return resolved.some((item) => item.in === "query" && item.name === parameter);
  } catch (error) {
    description = null;
    throw error;
  }
}

export function withQuery(path, query) {
  const params = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return params.length === 0 ? path : `${path}?${new URLSearchParams(params)}`;
}

// Decisions of the log don't change.
const decisions = new Map();
const KEPT = 4000;

export function decision(seq) {
  const kept = decisions.get(seq);
  if (kept) return kept;
  const asked = get(`/v1/decisions/${seq}`).then(whole);
  asked.catch(() => decisions.delete(seq));
  decisions.set(seq, asked);
  if (decisions.size > KEPT) decisions.delete(decisions.keys().next().value);
  return asked;
}

/** A decision with its steps as structure, also from a service that gives them as text. */
export function whole(item) {
  if (item.why && item.inputs) return item;
  const inner = JSON.parse(item.json);
  return { ...item, why: inner.why ?? [], inputs: inner.inputs ?? {}, next: inner.next ?? null, digest: inner.digest };
}

export const poolPath = (namespace, name) => `/v1/pools/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
