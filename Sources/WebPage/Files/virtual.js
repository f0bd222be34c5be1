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
  const made = new Map();
  const OVER = 4;

  function show(next) {
    items = next;
    tops = new Float64Array(items.length + 1);
    for (let index = 0; index < items.length; index += 1) tops[index + 1] = tops[index] + height(items[index]);
    element.style.setProperty("height", `${tops[items.length]}px`);
    draw(true);
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

  /** While it is only scrolled, rows that exist stay as they are. */
  function draw(isFresh) {
    isAsked = false;
    if (!element.isConnected) return;
    const above = -element.getBoundingClientRect().top;
    const first = Math.max(0, indexAt(above) - OVER);
    const last = Math.min(items.length, indexAt(above + innerHeight) + 1 + OVER);
    if (!isFresh && first === seen[0] && last === seen[1]) return;
    seen = [first, last];
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    const wanted = new Set();
    for (let index = first; index < last; index += 1) wanted.add(String(key(items[index])));
    // What is gone goes first, so that the others needn't be moved past it, away from under a pointer.
    for (const [name, node] of made) {
      if (wanted.has(name)) continue;
      node.remove();
      made.delete(name);
    }
    let cursor = element.firstChild;
    for (let index = first; index < last; index += 1) {
      const item = items[index];
      const name = String(key(item));
      let node = made.get(name);
      if (!node) {
        node = h("div", { class: "list-row", role: "row" });
        made.set(name, node);
        paint(node, item, index);
      } else if (isFresh) paint(node, item, index);
      // In the order that is read and walked through by keyboard.
      if (node === cursor) cursor = cursor.nextSibling;
      else element.insertBefore(node, cursor);
    }
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    if (last >= items.length - OVER && end) end();
  }

  function paint(node, item, index) {
    const { class: name = "list-row" } = rowProps(item);
    if (node.className !== name) node.className = name;
    node.setAttribute("aria-rowindex", index + 1);
    node.style.setProperty("top", `${tops[index]}px`);
    node.style.setProperty("height", `${tops[index + 1] - tops[index]}px`);
    fill(node, row(item, index));
  }

  const later = () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => draw(false));
  };
  const resized = () => show(items);
  addEventListener("scroll", later, { passive: true });
  addEventListener("resize", resized, { passive: true });
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
    element, show,
    /** The items whose rows exist now. */
    seen: () => items.slice(...seen),
    close: () => {
      removeEventListener("scroll", later);
      removeEventListener("resize", resized);
    },
  };
}
