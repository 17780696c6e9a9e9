// Giving money back. A refund gets its name before it is sent and keeps it until the answer is known; the supervisor's
// token goes with that one request and is kept nowhere.

import { Lost, get, post } from "./api.js";
import { dialog, el, say } from "./dom.js";
import { decimals, digits, form, parse } from "./money.js";
import { draw, explain, look, memory, operator, shop } from "./shop.js";
import { t } from "./texts.js";

const REASON_MAX = 80;

/// Asks how much of `payment` is given back, and why; `left` of it is there to give. Calls `done` afterwards.
export function openRefund(payment, left, done) {
  const { currency } = payment;
  const limit = shop.terminal.refund_operator_max;
  const place = `refund-${payment.ref}`;
  const kept = memory.get(place);
  const amount = el("input", {
    id: "refund-amount", type: "text", inputmode: decimals(currency) ? "decimal" : "numeric", autocomplete: "off", required: true,
    maxlength: "16", value: digits(kept?.amount ?? left, currency).replaceAll(",", ""), "aria-describedby": "refund-left", oninput: () => paint(),
  });
  const reason = el("input", { id: "refund-reason", type: "text", autocomplete: "off", required: true, maxlength: String(REASON_MAX), value: kept?.reason ?? "" });
  const token = el("input", { id: "refund-token", type: "password", autocomplete: "new-password", spellcheck: "false", maxlength: "512", "aria-describedby": "refund-token-help" });
  const fault = el("p", { class: "fault", role: "alert" });
  const button = el("button", { type: "submit", class: "danger", id: "refund-go" });
  const boss = el("div", { class: "field", hidden: limit === undefined },
    el("label", { for: "refund-token" }, t("supervisor-token")), token, el("p", { class: "hint", id: "refund-token-help" }));
  const wanted = () => parse(amount.value, currency);
  const needsBoss = () => limit !== undefined && (wanted() ?? 0) > limit;

  function paint() {
    const value = wanted();
    const fits = value !== null && value > 0 && value <= left;
    button.textContent = fits ? t("refund-go", { amount: form(value, currency) }) : t("refund");
    button.disabled = !fits;
    amount.setAttribute("aria-invalid", String(!fits));
    token.required = needsBoss();
    boss.hidden = !needsBoss();
    say(boss.querySelector(".hint"), limit === undefined ? "" : t("supervisor-help", { max: form(limit, currency) }));
  }

  async function submit(event) {
    event.preventDefault();
    const value = wanted();
    if (button.disabled || value === null) return;
    const why = reason.value.trim();
    if (!why) return say(fault, t("reason-needed"));
    const typed = token.value.trim();
    token.value = "";
    if (needsBoss() && !typed) {
      say(fault, t("supervisor-needed"));
      return token.focus();
    }
    button.disabled = true;
    say(fault, "");
    // While it is not known what became of a name, no other one is drawn.
    const before = memory.get(place);
    const body = { refund_ref: before?.refund_ref ?? draw("web-r"), amount: value, reason: why };
    if (operator()) body.operator = operator();
    memory.set(place, body);
    try {
      await post(`/v1/payments/${payment.ref}/refunds`, body, { token: needsBoss() ? typed : undefined });
      return finish();
    } catch (error) {
      if (error instanceof Lost || error.status === 503) {
        if (await arrived(body.refund_ref)) return finish();
        say(fault, t("refund-lost"));
      } else if (error.code === "ref_conflict") {
        // The one that was lost on the way had arrived after all, with the values of then.
        return finish();
      } else {
        memory.drop(place);
        const boss = error.status === 401 || error.code === "supervisor_needed";
        say(fault, boss ? t("supervisor-wrong") : explain(error));
        if (boss) token.focus();
      }
    }
    paint();
  }

  function finish() {
    memory.drop(place);
    box.close();
    look();
    done();
  }

  const reasons = ["reason-returned", "reason-wrong", "reason-twice"].map((key) =>
    el("button", { type: "button", class: "chip", onclick: () => { reason.value = t(key); reason.focus(); } }, t(key)));
  const box = dialog(t("refund-title"),
    el("form", { onsubmit: submit },
      el("div", { class: "field" }, el("label", { for: "refund-amount" }, `${t("amount")} (${currency})`), amount,
        el("p", { class: "hint", id: "refund-left" }, t("refund-left", { amount: form(left, currency) }))),
      el("div", { class: "field" }, el("label", { for: "refund-reason" }, t("reason")), reason, el("div", { class: "chips" }, reasons)),
      boss, fault,
      el("div", { class: "buttons" }, button, el("button", { type: "button", class: "quiet", onclick: () => box.close() }, t("back")))));
  paint();
  reason.focus();
}

/// Whether a refund whose answer was lost is there.
async function arrived(ref) {
  try {
    await get(`/v1/refunds/${encodeURIComponent(ref)}`);
    return true;
  } catch {
    return false;
  }
}
