// The cashier page: signs in, looks at the terminal, and shows one of its views.

import { hasSession, onSignedOut, signIn, signOut } from "./api.js";
import * as attention from "./attention.js";
import * as close from "./close.js";
import * as detail from "./detail.js";
import { dialog, el, icon, rebuild, say } from "./dom.js";
import * as login from "./login.js";
import * as payments from "./payments.js";
import * as sell from "./sell.js";
import * as shop from "./shop.js";
import { CHOSEN, LANGUAGES, choose, language, load, t } from "./texts.js";

const VIEWS = { sell, payments, attention, close };
const TABS = [["sell", "sell"], ["payments", "list"], ["attention", "help"], ["close", "close"]];

const body = document.body;
let frame = null; // the elements that stay while views change
let view = null, seen = -1;

async function start() {
  await load();
  shop.watch(update);
  onSignedOut(() => { if (frame) signedOut(); });
  addEventListener("hashchange", () => { if (frame) route(true); });
  addEventListener("keydown", onKey);
  addEventListener(CHOSEN, respeak);
  addEventListener("storage", (event) => {
    // Signed in or out in another tab.
    if (event.key === "shroff.session") location.reload();
  });
  const code = login.codeOfLink();
  if (code) {
    try {
      await signIn(code);
    } catch {
      if (!hasSession()) return signedOut(t("problem-login_refused"));
    }
  }
  if (hasSession()) await open();
  else signedOut();
}

function signedOut(wrong = "") {
  shop.stop();
  view?.unmount();
  sell.reset();
  view = null;
  frame = null;
  document.title = t("login-title");
  login.show(body, { done: open, redraw: () => signedOut(), wrong });
}

async function open() {
  for (;;) {
    try {
      await shop.open();
      break;
    } catch (error) {
      if (error.status === 401) return signedOut();
      body.replaceChildren(lostPanel());
      await new Promise((done) => setTimeout(done, 1000));
    }
  }
  build();
  // An answer that was on its way when the session ended has put nothing on the stage that is followed.
  sell.reset();
  await sell.recover(true).catch(() => {});
  route(false);
}

// ------------------------------------------------------------------------------------------------------- the frame

function build() {
  const { terminal, lane } = shop.shop;
  const tabs = Object.fromEntries(TABS.map(([name, sign], at) => [name, el("a", { href: `#/${name}`, "aria-keyshortcuts": `Alt+${at + 1}` },
    icon(sign), el("span", {}, t(`nav-${name}`)), name === "attention" && el("b", { class: "count", hidden: true }))]));
  frame = {
    tabs,
    count: tabs.attention.querySelector(".count"),
    alarm: el("a", { class: "alarm", href: "#/attention", hidden: true }, icon("help"), el("span", {})),
    trouble: el("p", { class: "trouble", hidden: true, role: "status" }),
    place: el("div", { id: "view" }),
    lost: el("div", { class: "lost", role: "alert", hidden: true }),
  };
  frame.main = el("main", {}, frame.place);
  const store = terminal.store_name || t("terminal-of", { name: terminal.terminal });
  body.replaceChildren(
    el("header", {},
      el("p", { class: "store" }, el("strong", {}, store), el("span", {}, t("lane-of", { lane }))),
      el("nav", { "aria-label": t("menu-pages") }, Object.values(tabs)),
      el("button", { type: "button", class: "menu", id: "menu", "aria-label": t("menu"), onclick: menu }, icon("menu"))),
    el("aside", { class: "notices", "aria-label": t("nav-attention") }, frame.alarm, frame.trouble),
    frame.main, frame.lost);
}

function route(byHand) {
  const [, name, coded] = location.hash.split("/");
  const ref = plain(coded);
  const next = name === "payments" && ref ? detail : Object.hasOwn(VIEWS, name ?? "") ? VIEWS[name] : sell;
  view?.unmount();
  view = next;
  for (const [tab, link] of Object.entries(frame.tabs)) {
    if (VIEWS[tab] === next || (tab === "payments" && next === detail)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  frame.main.scrollTop = 0;
  view.mount(frame.place, ref);
  seen = shop.shop.seq;
  if (byHand) frame.place.querySelector("h1")?.focus({ preventScroll: true });
  update();
}

/// A piece of the address; nothing when it was written by hand and wrongly.
function plain(coded = "") {
  try {
    return decodeURIComponent(coded);
  } catch {
    return "";
  }
}

/// Something may have changed.
function update() {
  if (!frame || !view) return;
  const { connected, seq, troubles } = shop.shop;
  if (frame.lost.hidden === !connected) {
    frame.lost.hidden = connected;
    rebuild(frame.lost, ...(connected ? [] : lostContent()));
    frame.place.inert = !connected;
  }
  const needs = shop.needs(sell.onStage());
  say(frame.count, String(needs.length));
  frame.count.hidden = needs.length === 0;
  frame.alarm.hidden = needs.length === 0 || view === attention;
  say(frame.alarm.querySelector("span"), t("alarm", { count: needs.length }));
  const words = troubles.map(shop.trouble);
  say(frame.trouble, words.join(" "));
  frame.trouble.hidden = words.length === 0;
  document.title = `${needs.length ? `(${needs.length}) ` : ""}${t(`nav-${TABS.find(([name]) => VIEWS[name] === view)?.[0] ?? "payments"}`)} · shroff`;
  const moved = seq !== seen;
  seen = seq;
  sell.update(moved);
  if (view === attention) attention.update();
  else if (moved && view !== sell) view.refresh();
}

const lostContent = () => [icon("lost"), el("h1", {}, t("not-connected")), el("p", {}, t("not-connected-help"))];
const lostPanel = () => el("main", { class: "lost alone", role: "alert" }, lostContent());

// -------------------------------------------------------------------------------------------------------- the menu

function menu() {
  const facts = shop.shop;
  const name = el("input", { id: "operator", type: "text", autocomplete: "off", maxlength: "32", value: shop.operator(), "aria-describedby": "operator-help" });
  const box = dialog(t("menu"),
    el("form", { onsubmit: (event) => { event.preventDefault(); shop.setOperator(name.value); box.close(); } },
      el("div", { class: "field" }, el("label", { for: "operator" }, t("your-name")), name, el("p", { class: "hint", id: "operator-help" }, t("your-name-help"))),
      el("div", { class: "field" }, el("span", { class: "label" }, t("language")),
        el("div", { class: "choices", role: "group", "aria-label": t("language") }, LANGUAGES.map(([tag, title]) => el("button", {
          type: "button", lang: tag, "aria-pressed": String(tag === language()), onclick: () => relabel(tag, box),
        }, title)))),
      facts.terminal.lanes.length > 1 && el("div", { class: "field" }, el("span", { class: "label" }, t("lane")),
        el("div", { class: "choices" }, facts.terminal.lanes.map((lane) => el("a", {
          class: "button", href: `/cashier/${lane}`, "aria-current": lane === facts.lane ? "page" : null,
        }, lane)))),
      el("div", { class: "buttons" },
        el("button", { class: "main", type: "submit" }, t("done")),
        el("button", { class: "quiet", type: "button", id: "sign-out", onclick: () => leave(box) }, t("sign-out")))));
  name.addEventListener("change", () => shop.setOperator(name.value));
  // Not back to the button: the next amount's Enter would open the menu again.
  box.addEventListener("close", () => frame?.place.querySelector("h1")?.focus({ preventScroll: true }));
}

async function relabel(tag, box) {
  try {
    await choose(tag);
  } catch {
    return;
  }
  box.close();
}

/// Says everything anew in the language that was chosen.
function respeak() {
  if (!frame) return;
  build();
  route(false);
}

async function leave(box) {
  box.close();
  await signOut().catch(() => {});
  location.reload();
}

function onKey(event) {
  if (!frame || event.defaultPrevented) return;
  const tab = event.altKey && !event.ctrlKey && !event.metaKey ? TABS[Number(event.key) - 1] : null;
  if (tab && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    location.hash = `#/${tab[0]}`;
  } else if (view === sell) {
    sell.onKey(event);
  }
}

start().catch(() => {
  // Not even the texts came: the terminal is away. The browser's own reload is the way back.
  body.replaceChildren(el("main", { class: "lost alone" }, icon("lost"), el("h1", {}, "Not connected / 未连接 / 未連線")));
  setTimeout(() => location.reload(), 3000);
});
