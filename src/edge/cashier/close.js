// The day's close: the numbers of `shroff close`.

import { get } from "./api.js";
import { el, rebuild } from "./dom.js";
import { form } from "./money.js";
import { explain } from "./shop.js";
import { t } from "./texts.js";
import * as when from "./when.js";

let parts = {}, day = "";

export function mount(place) {
  day ||= when.today();
  parts = {
    day: el("input", { id: "close-day", type: "date", value: day, max: when.today(), required: true, onchange: () => { if (parts.day.value) { day = parts.day.value; refresh(); } } }),
    body: el("div", { class: "body" }),
  };
  place.replaceChildren(el("div", { class: "page close" },
    el("h1", { tabindex: "-1" }, t("nav-close")),
    el("div", { class: "filters" },
      el("label", { for: "close-day" }, t("day")), parts.day,
      el("button", { type: "button", class: "quiet", onclick: () => print() }, t("print"))),
    parts.body));
  return refresh();
}

export function unmount() {
  parts = {};
}

export async function refresh() {
  if (!parts.body) return;
  try {
    const it = await get(`/v1/close?day=${encodeURIComponent(day)}`);
    if (parts.body && it.day === day) paint(it);
  } catch (error) {
    if (parts.body) rebuild(parts.body, el("p", { class: "fault", role: "alert" }, explain(error)));
  }
}

function paint(it) {
  const open = it.unresolved.length;
  const look = open ? "failed" : it.running ? "wait" : "paid";
  const verdict = open ? t("close-open", { count: open }) : it.running ? t("close-running", { time: when.time(it.at) }) : t("close-done");
  const { declined, reversed, canceled, expired } = it.not_paid;
  rebuild(parts.body,
    el("p", { class: "verdict", "data-look": look }, verdict),
    el("p", { class: "hint" }, [it.store_name, t("terminal-of", { name: it.terminal }), it.day].filter(Boolean).join(" · ")),
    it.currencies.length === 0 && el("p", { class: "calm" }, t("close-nothing")),
    it.currencies.map((sums) => el("div", { class: "sums" },
      sum(t("taken"), sums.taken, sums.currency), sum(t("returned"), sums.returned, sums.currency),
      el("div", { class: "sum net" }, el("span", {}, t("net")), el("strong", {}, form(sums.net, sums.currency))),
      sums.unresolved.count > 0 && sum(t("unresolved"), sums.unresolved, sums.currency))),
    table(t("by-operator"), t("operator"), it.by_operator, t("nobody-named")),
    table(t("by-lane"), t("lane"), it.by_lane, ""),
    el("ul", { class: "notes" },
      it.first_sale && el("li", {}, t("first-last", { first: when.time(it.first_sale), last: when.time(it.last_sale) })),
      declined + reversed + canceled + expired > 0 && el("li", {}, t("not-paid", { declined, reversed, canceled, expired })),
      it.unacknowledged > 0 && el("li", {}, t("unacknowledged", { count: it.unacknowledged }))),
    open > 0 && unresolved(it.unresolved),
    el("p", { class: "hint" }, t("times-note")));
}

const sum = (name, { count, sum }, currency) => el("div", { class: "sum" }, el("span", {}, `${name} (${count})`), el("strong", {}, form(sum, currency)));

const scroll = (title, table) => el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, table);

function table(title, head, rows, nobody) {
  if (rows.length < 1) return null;
  const cell = ({ count, sum }, currency) => (count ? `${form(sum, currency)} (${count})` : "–");
  return el("section", { class: "card" }, el("h2", {}, title), scroll(title, el("table", {},
    el("thead", {}, el("tr", {}, [head, t("taken"), t("returned"), t("net"), t("unresolved")].map((it) => el("th", { scope: "col" }, it)))),
    el("tbody", {}, rows.map((it) => el("tr", {}, el("th", { scope: "row" }, it.name || nobody),
      el("td", {}, cell(it.taken, it.currency)), el("td", {}, cell(it.returned, it.currency)),
      el("td", {}, form(it.net, it.currency)), el("td", {}, cell(it.unresolved, it.currency))))))));
}

function unresolved(rows) {
  return el("section", { class: "card item" }, el("h2", {}, t("unresolved")), el("p", {}, t("close-advice")),
    el("ul", { class: "list" }, rows.map((it) => el("li", { class: "row" },
      el("time", { datetime: it.created_at }, when.full(it.created_at)), el("strong", {}, form(it.amount, it.currency)),
      el("span", {}, it.state), el("span", { class: "who" }, `${it.ref} · ${it.client_ref}`)))));
}
