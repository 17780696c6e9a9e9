// Makes elements. Text only ever becomes text: nothing on this page writes HTML.

/// An element with attributes, listeners (`onclick`...) and children; a child that is text becomes a text node.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((it) => it !== undefined && it !== null && it !== false && it !== ""));
  return node;
}

/// Sets a text only when it changes, so that a screen reader does not say it again.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/// Builds `node` anew and leaves the keyboard where it was: on the element with the same `data-key`.
export function rebuild(node, ...children) {
  const key = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  node.replaceChildren(...children.flat(2).filter(Boolean));
  if (key) [...node.querySelectorAll("[data-key]")].find((it) => it.dataset.key === key)?.focus();
}

const SHAPES = {
  show: ["M30 6h36a8 8 0 0 1 8 8v68a8 8 0 0 1-8 8H30a8 8 0 0 1-8-8V14a8 8 0 0 1 8-8z", "M34 24h10v10H34zM52 24h10v10H52zM34 42h10v10H34zM52 42h4M62 42v4M52 52h10M34 64h28M42 80h12"],
  wait: ["M48 8a40 40 0 1 1-37.6 26.3"],
  confirm: ["M28 6h32a8 8 0 0 1 8 8v68a8 8 0 0 1-8 8H28a8 8 0 0 1-8-8V14a8 8 0 0 1 8-8z", "M30 34h28M30 46h16", "m46 66 9 10 19-22"],
  paid: ["M48 6a42 42 0 1 1 0 84 42 42 0 0 1 0-84z", "m27 50 15 15 28-33"],
  failed: ["M32 6h32l26 26v32L64 90H32L6 64V32z", "m34 34 28 28M62 34 34 62"],
  ended: ["M48 6a42 42 0 1 1 0 84 42 42 0 0 1 0-84z", "M28 48h40"],
  back: ["M38 12 16 34l22 22M16 34h42a22 22 0 0 1 0 44H34"],
  help: ["M48 8 92 84H4z", "M48 36v22M48 69v3"],
  lost: ["M30 8v20M54 8v20M20 28h44v14a22 22 0 0 1-22 22 22 22 0 0 1-22-22zM42 64v12c0 8 8 12 14 12M70 64l18 18M88 64 70 82"],
  sell: ["M14 20h68v56H14zM14 38h68M26 60h14"],
  list: ["M30 22h52M30 48h52M30 74h52M14 22h.1M14 48h.1M14 74h.1"],
  close: ["M20 82V44M48 82V16M76 82V56"],
  menu: ["M14 26h68M14 48h68M14 70h68"],
  back_key: ["M34 20 8 48l26 28h54V20zM48 38l22 20M70 38 48 58"],
};

/// A picture that repeats what the words beside it say.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 96 96");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon icon-${name}`);
  for (const shape of SHAPES[name] ?? []) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", shape);
    svg.append(path);
  }
  return svg;
}

/// Opens a dialog that goes away when it is closed.
export function dialog(heading, ...children) {
  const title = el("h2", { id: "dialog-title", tabindex: "-1" }, heading);
  const box = el("dialog", { "aria-labelledby": "dialog-title", onclose: () => box.remove() }, title, ...children);
  document.body.append(box);
  box.showModal();
  return box;
}
