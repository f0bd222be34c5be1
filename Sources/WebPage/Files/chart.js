// How did the pool move, and where in that are we?
//
// The report's picture over any stretch: demand as a line, ready and busy as areas, what was demanded beyond ready filled in.
// Above are marks (policies, pauses, crashes), below are decisions as sticks and what held the count as bands. A pointer
// reads the values of a moment, a click goes there, a drag chooses a stretch; the keyboard does the same. All is in workers.

import { fill, h, keeper, svg } from "./dom.js";
import { clock, count, span, ticks, timeTicks, when } from "./format.js";

const PLOT = { left: 34, right: 10, top: 20, height: 210, strip: 26, band: 9, axis: 18 };
const SERIES = ["demand", "desired", "ready", "busy"];
export const BANDS = {
  pause: "paused", fallback: "fallback", failing: "trigger fails", schedule: "schedule", cooldown: "cooldown",
  stabilization: "stabilization", rateLimit: "rate limit",
};
export const MARKS = {
  policy: ["◆", "policy"], pause: ["‖", "pause"], foreign: ["⇄", "changed by others"], crash: ["×", "crash"],
  scaleFailed: ["!", "target refused"], workerLost: ["○", "worker lost"], leader: ["★", "leader"],
};

/** `travel(at)` goes to a moment or position, `choose(from, to)` shows a stretch. */
export function makeChart({ travel, choose, step }) {
  const readout = h("div", { class: "readout" });
  const surface = svg("svg", { class: "plot", "aria-hidden": "true" });
  const tip = h("div", { class: "chart-tip", hidden: true });
  const holder = h(
    "div",
    {
      class: "field", tabindex: "0", role: "application", "aria-label": "Counts over time",
      "aria-description": "Arrow keys go to the previous and the next decision, with Shift to the next change.",
    },
    surface, tip);
  const element = keeper(h("div", { class: "chart" }, readout, holder));
  let model = null;
  let pointer = null;
  let drag = null;

  new ResizeObserver(() => model && draw()).observe(holder);

  const width = () => Math.max(holder.clientWidth, 120);
  const inner = () => width() - PLOT.left - PLOT.right;
  const x = (at) => PLOT.left + ((at - model.from) / (model.to - model.from)) * inner();
  const timeAt = (px) => model.from + ((px - PLOT.left) / inner()) * (model.to - model.from);

  function show(next) {
    model = next;
    draw();
  }

  function draw() {
    const { series, slots } = model;
    const total = width();
    const ground = PLOT.top + PLOT.height;
    const most = Math.max(1, series.most(["desired", "ready", "busy"]), series.most(["demand"]) / slots);
    const steps = ticks(most * 1.06, 4);
    const top = Math.max(most * 1.06, steps.at(-1));
    const y = (value) => ground - (value / top) * PLOT.height;
    const byDemand = (value) => y(value / slots);
    const kinds = Object.keys(BANDS).filter((kind) => series.bands.some((band) => band.kind === kind && band.to > model.from && band.from < model.to));
    const bandsTop = ground + PLOT.strip + 4;
    // Room for two, so that one that comes moves nothing.
    const height = bandsTop + Math.max(2, kinds.length) * PLOT.band + PLOT.axis;
    const clip = { "clip-path": "url(#plot-clip)" };
    const parts = [
      svg("defs", null, svg("clipPath", { id: "plot-clip" },
        svg("rect", { x: PLOT.left, y: 0, width: Math.max(0, inner()), height }))),
      steps.map((value) => [
        svg("path", { class: "grid", d: `M${PLOT.left} ${Math.round(y(value)) + 0.5}H${total - PLOT.right}` }),
        svg("text", { class: "tick", x: PLOT.left - 6, y: y(value) + 4, "text-anchor": "end" }, count(value)),
      ]),
      timeTicks(model.from, model.to, Math.max(2, Math.floor(total / 90))).map(({ at, text }) =>
        svg("text", { class: "tick", x: x(at), y: height - 4, "text-anchor": "middle" }, text)),
      svg("g", clip,
        svg("path", { class: "area unmet", d: series.between("demand", "ready", x, y, 1 / slots) }),
        svg("path", { class: "area ready", d: series.stair("ready", x, y, { toGround: ground }) }),
        svg("path", { class: "area busy", d: series.stair("busy", x, y, { toGround: ground }) }),
        svg("path", { class: "line ready", d: series.stair("ready", x, y) }),
        svg("path", { class: "line bound", d: series.stair("max", x, (value) => (value > top ? -20 : y(value))) }),
        svg("path", { class: "line bound", d: series.most(["min"]) > 0 ? series.stair("min", x, y) : "" }),
        svg("path", { class: "line desired", d: series.stair("desired", x, y) }),
        svg("path", { class: "line demand", d: series.stair("demand", x, byDemand) }),
        sticks(ground),
        kinds.map((kind, row) => bands(kind, bandsTop + row * PLOT.band)),
        marks(),
      ),
      cursors(height),
    ];
    surface.setAttribute("viewBox", `0 0 ${total} ${height}`);
    surface.setAttribute("height", height);
    surface.setAttribute("width", total);
    fill(surface, parts);
    read();
  }

  function sticks(ground) {
    const middle = ground + PLOT.strip / 2 + 2;
    const most = Math.max(1, ...model.decisions.map((item) => Math.abs(item.to - item.from)));
    const inside = model.decisions.filter((item) => item.time >= model.from && item.time <= model.to);
    return [
      svg("path", { class: "grid", d: `M${PLOT.left} ${middle + 0.5}H${width()}` }),
      inside.map((item) => {
        const size = Math.max(3, (Math.abs(item.to - item.from) / most) * (PLOT.strip / 2 - 1));
        const isUp = item.to > item.from;
        return svg("path", {
          class: `stick ${isUp ? "up" : "down"}${item.seq === model.decision ? " on" : ""}`,
          d: `M${x(item.time).toFixed(1)} ${middle}v${isUp ? -size : size}`,
        });
      }),
    ];
  }

  function bands(kind, topY) {
    return [
      model.series.bands.filter((band) => band.kind === kind).map((band) =>
        svg("rect", {
          class: `band ${kind}`, x: x(band.from), y: topY + 1, width: Math.max(1, x(band.to) - x(band.from)), height: PLOT.band - 3,
        }, svg("title", null, BANDS[kind]))),
    ];
  }

  function marks() {
    return model.series.marks.filter((mark) => mark.at >= model.from && mark.at <= model.to).map((mark) => {
      const [glyph, word] = MARKS[mark.kind] ?? ["·", mark.kind];
      return [
        svg("path", { class: `mark ${mark.kind}`, d: `M${x(mark.at).toFixed(1)} ${PLOT.top - 3}V${PLOT.top + PLOT.height}` }),
        svg("text", { class: `glyph ${mark.kind}`, x: x(mark.at), y: PLOT.top - 7, "text-anchor": "middle" }, glyph,
          svg("title", null, `${word}${mark.count > 1 ? ` ×${mark.count}` : ""}: ${mark.text ?? ""}`)),
      ];
    });
  }

  function cursors(height) {
    const shown = [];
    if (model.selection) {
      const [left, right] = model.selection.map((at) => Math.min(Math.max(x(at), PLOT.left), width() - PLOT.right));
      shown.push(svg("rect", { class: "selection", x: left, y: 0, width: Math.max(1, right - left), height: height - PLOT.axis }));
    }
    if (model.at !== null && model.at >= model.from && model.at <= model.to) {
      shown.push(svg("path", { class: "cursor moment", d: `M${x(model.at).toFixed(1)} 0V${height - PLOT.axis}` }));
    }
    if (drag && Math.abs(drag.to - drag.from) > 5) {
      const [left, right] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      shown.push(svg("rect", { class: "brush", x: left, y: 0, width: right - left, height: height - PLOT.axis }));
    }
    if (pointer !== null) shown.push(svg("path", { class: "cursor hover", d: `M${pointer.toFixed(1)} 0V${height - PLOT.axis}` }));
    return svg("g", { class: "cursors", key: "cursors" }, shown);
  }

  /** The values under the pointer, else of the shown moment, else the newest. */
  function read() {
    const at = pointer !== null ? timeAt(pointer) : (model.at ?? Math.min(model.series.through, model.to));
    const cell = (name, text, isWide) =>
      h("span", { class: isWide ? "wide" : null, "data-series": name }, h("i", { class: `key ${name}` }), `${WORDS[name] ?? name} `, h("b", null, text));
    const range = (column, write = count) => {
      const value = model.series.value(column, at);
      if (!value) return "–";
      const [low, high] = value.map(write);
      return low === high ? high : `${low}–${high}`;
    };
    const bounds = model.series.value("max", at);
    fill(
      readout,
      h("span", { class: "at" }, pointer !== null || model.at !== null ? when(at, Date.now(), model.to - model.from < 600000 ? 1 : 0) : "now"),
      SERIES.map((column) => cell(column, range(column))),
      cell("waiting", range("waiting")),
      model.series.columns.includes("oldestWait") ? cell("oldestWait", range("oldestWait", (value) => (value ? span(value) : "0"))) : null,
      bounds ? cell("bound", `${count(model.series.value("min", at)[0])}–${count(bounds[1])}`) : null);
  }

  function near(px) {
    const place = holder.getBoundingClientRect();
    return Math.min(Math.max(px - place.left, PLOT.left), width() - PLOT.right);
  }

  function redrawCursors() {
    const old = surface.querySelector(".cursors");
    const fresh = cursors(Number(surface.getAttribute("height")));
    if (old) old.replaceWith(fresh);
    else surface.append(fresh);
    read();
  }

  function stickNear(px, within) {
    let best = null;
    for (const item of model.decisions) {
      const away = Math.abs(x(item.time) - px);
      if (away < within) [best, within] = [item, away];
    }
    return best;
  }

  holder.addEventListener("pointermove", (event) => {
    if (!model) return;
    pointer = near(event.clientX);
    if (drag) drag.to = pointer;
    redrawCursors();
    const place = holder.getBoundingClientRect();
    const below = event.clientY - place.top - PLOT.top - PLOT.height;
    const item = below > 0 && below < PLOT.strip + 6 ? stickNear(pointer, 8) : null;
    tip.hidden = !item;
    if (item) {
      fill(tip, h("b", null, `${item.from} → ${item.to}`), ` #${item.seq} ${clock(item.time, 3)}`, h("br"), item.reason);
      tip.style.setProperty("left", `${Math.min(Math.max(x(item.time) - 140, 0), Math.max(0, width() - 300))}px`);
      tip.style.setProperty("top", `${PLOT.top + PLOT.height + PLOT.strip + 12}px`);
    }
  });
  holder.addEventListener("pointerleave", () => {
    pointer = null;
    drag = null;
    tip.hidden = true;
    if (model) redrawCursors();
  });
  holder.addEventListener("pointerdown", (event) => {
    if (!model || event.button !== 0) return;
    drag = { from: near(event.clientX), to: near(event.clientX) };
    if (event.pointerType !== "touch") holder.setPointerCapture(event.pointerId);
  });
  holder.addEventListener("pointerup", (event) => {
    if (!model || !drag) return;
    const { from, to } = drag;
    drag = null;
    if (Math.abs(to - from) > 5 && event.pointerType !== "touch") return choose(timeAt(Math.min(from, to)), timeAt(Math.max(from, to)));
    const place = holder.getBoundingClientRect();
    const item = event.clientY - place.top > PLOT.top + PLOT.height ? stickNear(from, 10) : null;
    travel(item ? { seq: item.seq } : { time: Math.min(timeAt(from), model.series.through) });
  });
  holder.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    step(event.key === "ArrowRight", event.shiftKey);
  });
  return { element, show };
}

const WORDS = { oldestWait: "oldest wait", bound: "bounds" };

/** The whole stretch in small, with a window to move and to stretch. */
export function makeMinimap({ choose }) {
  const surface = svg("svg", { class: "minimap-plot", "aria-hidden": "true" });
  const holder = h(
    "div", { class: "minimap", tabindex: "0", role: "slider", "aria-label": "Stretch that is shown", "aria-valuemin": "0", "aria-valuemax": "100" }, surface);
  const element = keeper(holder);
  let model = null;
  let drag = null;
  const HEIGHT = 38;
  new ResizeObserver(() => model && draw()).observe(holder);
  const width = () => Math.max(holder.clientWidth, 120);
  const x = (at) => ((at - model.series.from) / (model.series.to - model.series.from)) * width();
  const timeAt = (px) => model.series.from + (px / width()) * (model.series.to - model.series.from);

  function show(next) {
    if (drag) return;
    model = next;
    draw();
  }

  function draw() {
    const { series, slots } = model;
    const [from, to] = drag?.window ?? [model.from, model.to];
    const most = Math.max(1, series.most(["ready"]), series.most(["demand"]) / slots) * 1.05;
    const y = (value) => HEIGHT - 1 - (value / most) * (HEIGHT - 4);
    const [left, right] = [Math.max(0, x(from)), Math.min(width(), x(to))];
    surface.setAttribute("viewBox", `0 0 ${width()} ${HEIGHT}`);
    surface.setAttribute("width", width());
    surface.setAttribute("height", HEIGHT);
    fill(
      surface,
      svg("path", { class: "area ready", d: series.stair("ready", x, y, { toGround: HEIGHT - 1 }) }),
      svg("path", { class: "line demand", d: series.stair("demand", x, (value) => y(value / slots)) }),
      svg("rect", { class: "outside", x: 0, y: 0, width: Math.max(0, left), height: HEIGHT }),
      svg("rect", { class: "outside", x: right, y: 0, width: Math.max(0, width() - right), height: HEIGHT }),
      svg("rect", { class: "window", x: left + 0.5, y: 0.5, width: Math.max(4, right - left - 1), height: HEIGHT - 1 }),
      model.at !== null ? svg("path", { class: "cursor moment", d: `M${x(model.at).toFixed(1)} 0V${HEIGHT}` }) : null);
    const middle = ((from + to) / 2 - series.from) / (series.to - series.from);
    holder.setAttribute("aria-valuenow", String(Math.round(middle * 100)));
    holder.setAttribute("aria-valuetext", `${when(from)} to ${when(to)}`);
  }

  const place = (event) => event.clientX - holder.getBoundingClientRect().left;
  holder.addEventListener("pointerdown", (event) => {
    if (!model) return;
    const px = place(event);
    let [from, to] = [model.from, model.to];
    const part = Math.abs(px - x(from)) < 7 ? "from" : Math.abs(px - x(to)) < 7 ? "to" : "both";
    if (part === "both" && (px < x(from) || px > x(to))) {
      const half = (to - from) / 2;
      [from, to] = [timeAt(px) - half, timeAt(px) + half];
    }
    drag = { part, start: px, from, to, window: [from, to] };
    holder.setPointerCapture(event.pointerId);
    draw();
  });
  holder.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const moved = timeAt(place(event)) - timeAt(drag.start);
    const least = (model.series.to - model.series.from) / 200;
    if (drag.part === "from") drag.window = [Math.min(drag.from + moved, drag.to - least), drag.to];
    else if (drag.part === "to") drag.window = [drag.from, Math.max(drag.to + moved, drag.from + least)];
    else drag.window = [drag.from + moved, drag.to + moved];
    draw();
  });
  holder.addEventListener("pointerup", () => {
    if (!drag) return;
    const [from, to] = drag.window;
    drag = null;
    choose(from, to);
  });
  holder.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -0.25, ArrowRight: 0.25, PageUp: -1, PageDown: 1 }[event.key];
    if (!by || !model) return;
    event.preventDefault();
    event.stopPropagation();
    const moved = by * (model.to - model.from);
    choose(model.from + moved, model.to + moved);
  });
  return { element, show };
}

/** A small picture of an hour: demand over ready. */
export function sparkline(series, slots, { width = 150, height = 34 } = {}) {
  if (!series) return h("span", { class: "spark empty" });
  const most = Math.max(1, series.most(["ready", "desired"]), series.most(["demand"]) / slots) * 1.05;
  const x = (at) => Math.max(0, ((at - series.from) / (series.to - series.from)) * width);
  const y = (value) => height - (value / most) * (height - 2);
  return svg(
    "svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "demand and ready workers of the last hour" },
    svg("path", { class: "area unmet", d: series.between("demand", "ready", x, y, 1 / slots) }),
    svg("path", { class: "area ready", d: series.stair("ready", x, y, { toGround: height }) }),
    svg("path", { class: "line desired", d: series.stair("desired", x, y) }),
    svg("path", { class: "line demand", d: series.stair("demand", x, (value) => y(value / slots)) }));
}
