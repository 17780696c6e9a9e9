// What a person must look at, until somebody has.

import { el, rebuild, say } from "./dom.js";
import { form } from "./money.js";
import { badge } from "./payments.js";
import { called, onStage } from "./sell.js";
import { acknowledge, explain, look, needs, shop } from "./shop.js";
import { attention, t } from "./texts.js";
import * as when from "./when.js";

let parts = {};

export function mount(place) {
  parts = { fault: el("p", { class: "fault", role: "alert" }), list: el("div", { class: "cards" }) };
  place.replaceChildren(el("div", { class: "page" }, el("h1", { tabindex: "-1" }, t("nav-attention")), parts.fault, parts.list));
  update();
}

export function unmount() {
  parts = {};
}

export function update() {
  if (!parts.list) return;
  const items = needs(onStage());
  rebuild(parts.list, items.length ? items.map(card) : el("p", { class: "calm" }, t("attention-none")));
}

function card(item) {
  const { payment, refund, reason } = item;
  const closes = refund ? refund.final : payment.final;
  const name = refund ? refund.refund_ref : payment.ref;
  const path = refund ? `/v1/refunds/${encodeURIComponent(refund.refund_ref)}/ack` : `/v1/payments/${payment.ref}/ack`;
  const close = async (event) => {
    event.target.disabled = true;
    try {
      await acknowledge(path);
      say(parts.fault, "");
    } catch (error) {
      say(parts.fault, explain(error));
    }
    shop.attention = shop.attention.filter((it) => it !== item);
    shop.seq = 0;
    await look();
    update();
  };
  return el("article", { class: "card item" },
    el("div", { class: "head" }, el("h2", {}, t(`reason-${reason}`)), refund ? null : badge(called(payment)), el("strong", {}, form((refund ?? payment).amount, payment.currency))),
    el("p", {}, attention(item)),
    el("p", { class: "hint" }, [when.full((refund ?? payment).created_at), t("lane-of", { lane: payment.lane }), payment.client_ref].join(" · ")),
    el("div", { class: "buttons" },
      closes && el("button", { type: "button", class: "main", "data-key": `ack-${name}`, onclick: close }, t(reason === "not_acknowledged" ? "ack-paid" : "ack-seen")),
      el("a", { class: "button quiet", href: `#/payments/${payment.ref}`, "data-key": `see-${name}` }, t("details"))));
}
