// A day's payments, newest first, and the search through them.

import { get } from "./api.js";
import { el, icon, rebuild, say } from "./dom.js";
import { form } from "./money.js";
import { called, lookOf } from "./sell.js";
import { explain } from "./shop.js";
import { t } from "./texts.js";
import * as when from "./when.js";

const PAGE = 50;
const MOST = 200; // what the terminal lists at once
const TYPING = 250; // ms after which somebody has stopped typing
const CODE = /^1[0-5]\d{16}$/; // a payment code is for the scanner, and goes into no address

let parts = {}, day = "", words = "", shown = PAGE, timer = 0, asked = 0;

/// What a state looks like in a line: its sign and its word.
export const badge = (state) => el("span", { class: "badge", "data-look": lookOf(state) }, icon(lookOf(state)), t(`short-${state}`));

export function mount(place) {
  day ||= when.today();
  parts = {
    day: el("input", { id: "day", type: "date", value: day, max: when.today(), required: true, onchange: changeDay }),
    words: el("input", {
      id: "search", type: "search", value: words, autocomplete: "off", spellcheck: "false", maxlength: "64", oninput: type,
      placeholder: t("search-hint"),
    }),
    fault: el("p", { class: "fault", role: "alert" }),
    count: el("p", { class: "hint", role: "status" }),
    list: el("ul", { class: "list" }),
    more: el("button", { type: "button", class: "quiet wide", hidden: true, onclick: () => { shown = Math.min(shown + PAGE, MOST); refresh(); } }, t("more")),
  };
  place.replaceChildren(el("div", { class: "page" },
    el("h1", { tabindex: "-1" }, t("nav-payments")),
    el("form", { class: "filters", role: "search", onsubmit: (event) => { event.preventDefault(); refresh(); } },
      el("label", { for: "day" }, t("day")), parts.day,
      el("label", { for: "search" }, t("search")), parts.words),
    parts.fault, parts.count, parts.list, parts.more,
    el("p", { class: "hint" }, t("times-note"))));
  refresh();
}

export function unmount() {
  clearTimeout(timer);
  parts = {};
}

function changeDay() {
  if (!parts.day.value) return;
  day = parts.day.value;
  shown = PAGE;
  refresh();
}

function type() {
  words = parts.words.value;
  shown = PAGE;
  clearTimeout(timer);
  timer = setTimeout(refresh, TYPING);
}

/// Asks for the list again.
export async function refresh() {
  if (!parts.list) return;
  const mine = ++asked;
  const text = words.trim();
  if (CODE.test(text.replaceAll(/\s/g, ""))) {
    words = "";
    parts.words.value = "";
    say(parts.fault, t("search-code"));
    return;
  }
  const query = new URLSearchParams({ limit: String(shown) });
  // A number that a customer brings may be of any day.
  if (!text) query.set("day", day);
  else query.set("q", text);
  try {
    const { payments, next_before } = await get(`/v1/payments?${query}`);
    if (mine !== asked || !parts.list) return;
    say(parts.fault, "");
    say(parts.count, payments.length ? t(text ? "found" : "count", { count: `${payments.length}${next_before ? "+" : ""}`, day })
      : t(text ? "none-found" : "none-today", { day }));
    rebuild(parts.list, payments.map((it) => line(it, Boolean(text))));
    parts.more.hidden = !next_before || shown >= MOST;
  } catch (error) {
    if (mine === asked && parts.fault) say(parts.fault, explain(error));
  }
}

function line(payment, dated) {
  const { ref, created_at, amount, currency, state, client_ref, lane, refunded } = payment;
  const who = [t("lane-of", { lane }), client_ref].join(" · ");
  return el("li", {}, el("a", { href: `#/payments/${ref}`, class: "row", "data-key": ref },
    el("time", { datetime: created_at }, dated ? when.full(created_at) : when.time(created_at)),
    el("strong", {}, form(amount, currency)),
    badge(called(payment)),
    el("span", { class: "who" }, who, refunded > 0 && state === "partially_refunded" ? ` · −${form(refunded, currency)}` : "")));
}
