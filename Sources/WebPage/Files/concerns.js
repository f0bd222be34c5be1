// What of a pool needs a person, and what is it in one sentence?

import { count, many, span, stamp } from "./format.js";
import { now } from "./clock.js";

/** `{level, word, text, path}` of what isn't as it should be, the worst first. `path` is the policy's field behind it. */
export function concerns(pool) {
  const found = [];
  const bad = (word, text, path) => found.push({ level: "bad", word, text, path });
  const warn = (word, text, path) => found.push({ level: "warn", word, text, path });
  const waiting = pool.demand.waiting;
  if (pool.workersFailing) {
    (pool.workersFailing.isPersistent ? bad : warn)("workers failing", pool.workersFailing.text, "spec.scaleTargetRef.command");
  }
  const [, code, text] = /^(?:([A-Z][A-Za-z]+): )?(.*)$/s.exec(pool.reason ?? "");
  if (text && code !== "WorkersFailing" && code !== "NoPolicy") bad("target refuses", text, "spec.scaleTargetRef");
  if (code === "NoPolicy") bad("no policy", text);
  else if (!pool.target && waiting > 0) bad("no policy", `${many(waiting, "actor")} wait and nobody decides this pool's size`);
  if (pool.pause) warn("paused", pauseText(pool.pause));
  else if (pool.paused) warn("paused", "paused by its policy", "spec.pause");
  if (pool.fallback) warn("fallback", "a trigger fails: the count is the fallback's");
  if (pool.target && isFull(pool)) {
    warn("at maximum", `${many(waiting, "actor")} wait and all ${count(pool.max)} workers that the policy allows are there`, "spec.maxReplicaCount");
  }
  if (pool.foreignReplicas?.yields) warn("changed by others", pool.foreignChange);
  if (pool.logTimeAheadSeconds > 1) warn("log time ahead", `log time is ${span(pool.logTimeAheadSeconds)} ahead of the machine's clock`);
  return found.sort((a, b) => (a.level === b.level ? 0 : a.level === "bad" ? -1 : 1));
}

export function pauseText(pause) {
  const what = pause.hold !== null && pause.hold !== undefined ? `held at ${count(pause.hold)}` : pause.in && pause.out ? "scaling paused" : pause.in ? "scale-down paused" : "scale-up paused";
  return `${what}${pause.by ? ` by ${pause.by}` : ""}, since ${span((now() - stamp(pause.at)) / 1000)}`;
}

/** At its maximum while actors wait for a slot: only a person (or time) helps. */
export const isFull = (pool) => pool.desired >= pool.max && (pool.demand.blocked.pool_exhausted ?? 0) > 0 && (pool.oldestWaitSeconds ?? 0) >= 5;

export const needsPerson = (pool) => concerns(pool).length > 0;

/** Those that need somebody first, then those that wait the longest, then the busy ones, then by name. */
export function order(pools) {
  const rank = (pool) => [pool.concerns.length > 0 ? 0 : 1, -(pool.oldestWaitSeconds ?? -1), pool.active ? 0 : 1];
  return pools
    .map((pool) => ({ ...pool, concerns: concerns(pool), full: `${pool.namespace}/${pool.name}` }))
    .map((pool) => [rank(pool), pool])
    .sort(([a, x], [b, y]) => {
      for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return a[index] - b[index];
      return x.full < y.full ? -1 : 1;
    })
    .map(([, pool]) => pool);
}

const FREE = new Set([
  "Demand", "Claims", "TriggerActive", "FormulaActive", "ForcedActive", "ScheduleActive", "Inactive", "AtRest", "ScaleTargetActivated",
  "Recommended", "WarmBuffer", "SurgeBuffer", "UnclaimedSpare", "DesiredWithinRange",
]);

/** The last step that had the count at another value than it was given. */
export const limiting = (decision) =>
  decision.limitingCode !== undefined
    ? decision.why.findLast((step) => step.code === decision.limitingCode)
    : decision.why.findLast((step) => !FREE.has(step.code));

/** One sentence of why the count is what it is. */
export function sentence(decision) {
  const step = limiting(decision);
  const wanted = step?.numbers.wanted;
  if (step?.code === "TooManyReplicas") return `at maxReplicaCount ${step.numbers.maxReplicaCount}, ${wanted} wanted`;
  if (step?.code === "TooFewReplicas") return `at minReplicaCount ${step.numbers.minReplicaCount}, ${wanted} wanted`;
  if (step?.code === "Held") return `held at ${step.numbers.replicas}, ${wanted} wanted`;
  if (step?.code === "PausedScaleIn" || step?.code === "PausedScaleOut") return `${step.text}, ${wanted} wanted`;
  if (step) return step.text;
  const silent = new Set(["TriggerActive", "FormulaActive", "ScheduleActive", "DesiredWithinRange"]);
  return decision.why.filter((item) => !silent.has(item.code)).map((item) => item.text).join(" → ");
}
