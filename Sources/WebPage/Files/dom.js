// How does the page make its elements, and renew them without losing the focus, the selection or the place?
//
// A screen describes its whole content anew. `fill` changes what is there into that: an element that stays keeps its
// identity, so a list that moves every second can still be read, selected and walked through by keyboard. Texts are text
// nodes and never markup, so a name can't become a script. Styles are set one property at a time: the content policy
// allows no style attribute.

const SVG = "http://www.w3.org/2000/svg";

export const h = (tag, props, ...children) => make(document.createElement(tag), props, children);
export const svg = (tag, props, ...children) => make(document.createElementNS(SVG, tag), props, children);

/** An element that looks after its own content: `fill` moves it and leaves what is in it alone. */
export const keeper = (element) => {
  element.isKeeper = true;
  return element;
};

function make(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      element.handlers = value;
      for (const type of Object.keys(value)) listen(element, type);
    } else if (name === "style") {
      for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    } else if (name === "key") {
      element.key = String(value);
    } else if (name === "value") {
      element.value = value;
    } else if (name === "checked" || name === "selected") {
      element[name] = value;
      if (value) element.setAttribute(name, "");
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...nodes(children));
  return element;
}

function listen(element, type) {
  element.heard ??= new Set();
  if (element.heard.has(type)) return;
  element.heard.add(type);
  element.addEventListener(type, (event) => element.handlers?.[type]?.(event));
}

/** What may be given as children: nodes, texts, numbers, lists of them, and nothing. */
function nodes(children) {
  const found = [];
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true || child === "") continue;
    found.push(child instanceof Node ? (child.isKeeper && child.isConnected ? standIn(child) : child) : document.createTextNode(String(child)));
  }
  return found;
}

// A keeper that is shown stays where it is while the new content is made: taken out, it would lose the focus that is in it.
function standIn(keeper) {
  const element = document.createComment("");
  element.standsFor = keeper;
  return element;
}

/** Puts the keepers into a part that is new. */
function settle(node) {
  for (const child of [...node.childNodes]) {
    if (child.standsFor) child.replaceWith(child.standsFor);
    else settle(child);
  }
  return node;
}

/** Makes `children` the content of `parent`. */
export function fill(parent, ...children) {
  reconcile(parent, nodes(children));
  return parent;
}

function reconcile(parent, wanted) {
  const keyed = new Map();
  const keys = new Set(wanted.map((each) => (each.standsFor ?? each).key));
  // What is gone goes first: else all that comes after it would be moved past it, away from under a pointer.
  for (const child of [...parent.childNodes]) {
    if (child.key === undefined) continue;
    if (keys.has(child.key)) keyed.set(child.key, child);
    else child.remove();
  }
  let cursor = parent.firstChild;
  for (const each of wanted) {
    const node = each.standsFor ?? each;
    const old = node.key === undefined ? cursor : keyed.get(node.key);
    if (old && old !== node && isLike(old, node)) {
      renew(old, node);
      if (old === cursor) cursor = cursor.nextSibling;
      else parent.insertBefore(old, cursor);
    } else if (node === cursor) {
      cursor = cursor.nextSibling;
    } else {
      parent.insertBefore(each.standsFor ? node : settle(node), cursor);
    }
  }
  while (cursor) {
    const next = cursor.nextSibling;
    cursor.remove();
    cursor = next;
  }
}

const isLike = (old, node) =>
  old.nodeType === node.nodeType && old.nodeName === node.nodeName && old.key === node.key && !old.isKeeper && !node.isKeeper;

function renew(old, node) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!node.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of node.attributes) if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  if (old.style.cssText !== node.style.cssText) old.style.cssText = node.style.cssText;
  old.handlers = node.handlers;
  for (const type of Object.keys(node.handlers ?? {})) listen(old, type);
  const isField = old.nodeName === "INPUT" || old.nodeName === "TEXTAREA" || old.nodeName === "SELECT";
  // What somebody is typing isn't taken from under their fingers.
  if (old.nodeName !== "TEXTAREA") reconcile(old, [...node.childNodes]);
  if (isField && document.activeElement !== old) {
    if (old.value !== node.value) old.value = node.value;
    if (old.checked !== node.checked) old.checked = node.checked;
  }
}

/** A link within the page. */
export const link = (href, props, ...children) => h("a", { href, ...props }, ...children);

/** A button that does something, with a name for those who don't see it. */
export const button = (label, action, props) => h("button", { type: "button", on: { click: action }, ...props }, label);
