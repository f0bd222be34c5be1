// How are a hundred thousand rows shown? Only those in the window exist.
//
// The list is as high as all its rows. Rows that are seen are made, the others are dropped, at most once a frame.

import { fill, h, keeper } from "./dom.js";

/** `row(item, index)` makes a row; `height(item)` is in pixels; `end()` is called when the last rows come into view. */
export function makeList({ row, height, key, label, end, rowProps = () => ({}) }) {
  const element = keeper(h("div", { class: "list", role: "rowgroup", "aria-label": label }));
  let items = [];
  let tops = new Float64Array(1);
  let isAsked = false;
  let seen = [0, 0];
  const OVER = 6;

  function show(next) {
    items = next;
    tops = new Float64Array(items.length + 1);
    for (let index = 0; index < items.length; index += 1) tops[index + 1] = tops[index] + height(items[index]);
    element.style.setProperty("height", `${tops[items.length]}px`);
    draw();
  }

  function indexAt(y) {
    let [low, high] = [0, items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tops[middle + 1] <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function draw() {
    isAsked = false;
    if (!element.isConnected) return;
    const above = -element.getBoundingClientRect().top;
    const first = Math.max(0, indexAt(above) - OVER);
    const last = Math.min(items.length, indexAt(above + innerHeight) + 1 + OVER);
    seen = [first, last];
    const rows = [];
    for (let index = first; index < last; index += 1) {
      const item = items[index];
      rows.push(
        h("div", {
          key: key(item), class: "list-row", role: "row", "aria-rowindex": index + 1, ...rowProps(item),
          style: { top: `${tops[index]}px`, height: `${tops[index + 1] - tops[index]}px` },
        }, row(item, index)));
    }
    fill(element, rows);
    if (last >= items.length - OVER && end) end();
  }

  const later = () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(draw);
  };
  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", later, { passive: true });
  element.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const here = event.target.closest?.(".list-row");
    if (!by || !here) return;
    const links = [...element.querySelectorAll(".list-row a.main")].sort((a, b) => a.closest(".list-row").offsetTop - b.closest(".list-row").offsetTop);
    const next = links[links.indexOf(here.querySelector("a.main")) + by];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });

  return {
    element, show, renew: later,
    /** The items whose rows exist now. */
    seen: () => items.slice(...seen),
    close: () => {
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    },
  };
}
