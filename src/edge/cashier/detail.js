// One payment with its attempts, its refunds and its journal.

import { get, post } from "./api.js";
import { el, rebuild } from "./dom.js";
import { form } from "./money.js";
import { badge } from "./payments.js";
import { called } from "./sell.js";
import { openRefund } from "./refund.js";
import { acknowledge, explain, isOurs, look, shop } from "./shop.js";
import { advice, cashier, t } from "./texts.js";
import * as when from "./when.js";

let place = null, ref = "", fault = "", open = false;

export function mount(into, name) {
  place = into;
  ref = name;
  fault = "";
  open = false;
  place.replaceChildren(el("div", { class: "page" }, el("h1", { tabindex: "-1" }, t("loading"))));
  return refresh();
}

export function unmount() {
  place = null;
}

/// Asks for all of it again.
export async function refresh() {
  if (!place) return;
  const [mine, path] = [ref, `/v1/payments/${encodeURIComponent(ref)}`];
  try {
    const [payment, { refunds }, history] = await Promise.all([get(path), get(`${path}/refunds`), get(`${path}/journal`)]);
    if (place && mine === ref) paint(payment, refunds, history);
  } catch (error) {
    if (place && mine === ref) rebuild(place, el("div", { class: "page" }, back(), el("h1", { tabindex: "-1" }, t("details")), el("p", { class: "fault", role: "alert" }, explain(error))));
  }
}

const back = () => el("a", { class: "button quiet back", href: "#/payments", "data-key": "back" }, `‹ ${t("nav-payments")}`);

function facts(rows) {
  return el("dl", {}, rows.filter(([, value]) => value).map(([name, value, props]) => [el("dt", {}, name), el("dd", props ?? {}, value)]));
}

function paint(payment, refunds, { operator, description, attach, journal }) {
  const { amount, currency, state } = payment;
  const left = amount - payment.refunded;
  const refundable = ["paid", "partially_refunded"].includes(state) && left > 0;
  const underWay = refunds.some((it) => !it.final && it.state !== "needs_attention");
  const noted = shop.attention.find((it) => it.payment.ref === payment.ref && !it.refund);
  const act = (what) => async () => {
    try {
      await what();
      fault = "";
    } catch (error) {
      fault = explain(error);
    }
    await look();
    refresh();
  };
  const told = (text) => {
    fault = text;
    refresh();
  };
  const journalBox = el("details", { class: "card journal", open, ontoggle: (event) => { open = event.target.open; } },
    el("summary", { "data-key": "journal" }, t("journal", { count: journal.length })), journalTable(journal));
  rebuild(place, el("div", { class: "page detail" },
    back(),
    el("div", { class: "head" }, el("h1", { tabindex: "-1" }, form(amount, currency)), badge(called(payment))),
    el("p", { class: "text" }, cashier(payment.cashier)),
    fault && el("p", { class: "fault", role: "alert" }, fault),
    el("div", { class: "buttons" },
      refundable && el("button", { type: "button", class: "main", id: "refund", "data-key": "refund", onclick: () => openRefund(payment, left, told) }, t("refund")),
      !payment.final && !["reversing", "needs_attention"].includes(state)
        && el("button", { type: "button", class: "danger", "data-key": "cancel", onclick: act(() => post(`/v1/payments/${payment.ref}/cancel`)) }, t("cancel")),
      payment.final && !payment.acked && (isOurs(payment) || noted)
        && el("button", { type: "button", class: "quiet", "data-key": "ack", onclick: act(() => acknowledge(`/v1/payments/${payment.ref}/ack`)) }, t("ack"))),
    underWay && el("p", { class: "hint", role: "status" }, t("refund-under-way")),
    el("section", { class: "card" }, el("h2", {}, t("facts")), facts([
      [t("when"), when.full(payment.created_at)],
      [t("lane"), payment.lane],
      [t("operator"), operator],
      [t("description"), description],
      [t("attach"), attach],
      [t("refunded"), payment.refunded > 0 && form(payment.refunded, currency)],
      [t("ref"), payment.ref, { class: "number" }],
      [t("client-ref"), payment.client_ref, { class: "number" }],
      [t("acked"), payment.acked ? t("yes") : t("no")],
    ])),
    refunds.length > 0 && el("section", { class: "card" }, el("h2", {}, t("refunds")), refunds.map(refundCard)),
    payment.attempts.length > 0 && el("section", { class: "card" }, el("h2", {}, t("attempts")), payment.attempts.map(attemptCard)),
    journalBox,
    el("p", { class: "hint" }, t("times-note"))));
}

function attemptCard(it) {
  const because = [it.err_code, it.err_code_des].filter(Boolean).join(": ");
  return el("div", { class: "part" },
    el("div", { class: "head" }, el("h3", {}, t("attempt", { no: it.no, code: it.code_hint })), badge(it.state)),
    facts([
      [t("because"), because],
      [t("paid-at"), it.paid_at && when.full(it.paid_at)],
      [t("payer"), it.payer_total !== undefined && it.payer_currency && form(it.payer_total, it.payer_currency)],
      [t("transaction"), it.transaction_id, { class: "number" }],
      [t("out-trade-no"), it.out_trade_no, { class: "number" }],
    ]));
}

function refundCard(it) {
  const look = { refunded: "paid", processing: "wait", requested: "wait", failed: "failed" }[it.state] ?? "help";
  return el("div", { class: "part", "data-refund": it.refund_ref },
    el("div", { class: "head" }, el("h3", {}, form(it.amount, it.currency)),
      el("span", { class: "badge", "data-look": look }, t(`refund-state-${it.state}`))),
    el("p", {}, advice(it)),
    facts([
      [t("reason"), it.reason],
      [t("operator"), it.operator],
      [t("supervised"), it.supervised && t("yes")],
      [t("when"), when.full(it.created_at)],
      [t("refunded-at"), it.refunded_at && when.full(it.refunded_at)],
      [t("because"), [it.err_code, it.err_code_des].filter(Boolean).join(": ")],
      [t("out-refund-no"), it.out_refund_no, { class: "number" }],
    ]));
}

/// The facts as they were kept: the words are the API's own.
function journalTable(journal) {
  const head = ["#", t("when"), t("event"), t("state"), t("money"), t("more-facts")];
  const details = (it) => Object.entries(it.details).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ");
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("journal", { count: journal.length }) }, el("table", {},
    el("thead", {}, el("tr", {}, head.map((it) => el("th", { scope: "col" }, it)))),
    el("tbody", { lang: "en" }, journal.map((it) => el("tr", {},
      el("td", {}, it.seq), el("td", {}, when.full(it.at)), el("td", {}, it.event), el("td", {}, it.state ?? ""), el("td", {}, it.money ?? ""),
      el("td", {}, details(it)))))));
}
