// Building and patching elements. Text only ever enters the page as a text node.

const PATHS = {
  back: "M15 5l-7 7 7 7",
  send: "M4 12l16-8-5 16-3-6z",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5z",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 12h.01",
  out: "M8 16L17 7M9 7h8v8",
  check: "M5 12.5l4.5 4.5L19 7.5",
  more: "M12 5h.01M12 12h.01M12 19h.01",
  people: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5a6.5 6.5 0 0 1 3.5 5.5",
  megaphone: "M4 10v4h3l9 5V5l-9 5zM19 9.5a4 4 0 0 1 0 5",
  robot: "M6 9h12v9H6zM12 9V5M9.5 13h.01M14.5 13h.01M3.5 12v3M20.5 12v3",
};

const assign = (node, name, value) => {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "value" || name === "checked") node[name] = value;
  else node.setAttribute(name, value === true ? "" : value);
};

const isPlain = (value) => value?.constructor === Object;

/** An element: `h("div.class", {attributes and on... listeners}, children)`; strings become text nodes. */
export function h(selector, ...rest) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag);
  if (tag === "button") node.type = "button";
  node.classList.add(...classes);
  const attributes = isPlain(rest[0]) ? rest.shift() : {};
  for (const [name, value] of Object.entries(attributes)) assign(node, name, value);
  node.append(...rest.flat().filter(Boolean));
  return node;
}

/** A decorative line icon. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export const byId = (id) => document.getElementById(id);

const signatures = new WeakMap();

const FOCUSABLE = "button, input, textarea, select, summary, a, [tabindex]";

/** Remember where the focus is, by item and position, so that a rebuilt element gets it back. */
function focusKeeper(root) {
  const active = document.activeElement;
  const item = [...root.children].find((node) => node.contains(active));
  if (!item) return () => {};
  const position = [...item.querySelectorAll(FOCUSABLE)].indexOf(active);
  return () => {
    if (document.activeElement === active) return;
    const same = [...root.children].find((node) => node.dataset.key === item.dataset.key);
    (position < 0 ? same : same?.querySelectorAll(FOCUSABLE)[position])?.focus();
  };
}

/**
 * Make the children of `root` show `items`, rebuilding only those whose value changed.
 * An item is {key, value, build}; `build()` makes its element.
 */
export function patch(root, items) {
  const refocus = focusKeeper(root);
  const old = new Map([...root.children].map((node) => [node.dataset.key, node]));
  items.forEach((item, index) => {
    const key = String(item.key);
    const signature = JSON.stringify(item.value);
    let node = old.get(key);
    if (!node || signatures.get(node) !== signature) {
      const fresh = item.build();
      fresh.dataset.key = key;
      signatures.set(fresh, signature);
      if (node) node.replaceWith(fresh);
      else fresh.dataset.fresh = "";
      node = fresh;
    }
    old.delete(key);
    if (root.children[index] !== node) root.insertBefore(node, root.children[index] ?? null);
  });
  for (const node of old.values()) node.remove();
  refocus();
}

/** Up to two initials, by code point, so that any script works. */
const initials = (name) =>
  name.trim().split(/\s+/u).map((word) => [...word][0] ?? "").slice(0, 2).join("").toUpperCase();

// Colours in the order of first sight: neighbours never share one.
const hues = new Map();

/** The round avatar of a person, a bot or a chat, with a colour of its own. */
export function avatar({ id, name, title, is_bot: isBot, type }) {
  const robot = isBot || type === "private";
  if (!robot && !hues.has(id)) hues.set(id, String(hues.size % 7));
  return h("span.avatar", { "data-hue": hues.get(id), "aria-hidden": "true" }, robot ? icon("robot") : initials(name ?? title));
}

/** An item for `patch`: a heading. */
export const heading = (text) => ({ key: text, value: text, build: () => h("h2", text) });

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
