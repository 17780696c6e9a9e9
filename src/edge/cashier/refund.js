// Giving money back. A refund gets its name before it is sent and keeps it until the terminal is known to have it, or to
// have none of it; the supervisor's token goes with that one request and is kept nowhere.

import { Lost, get, post } from "./api.js";
import { dialog, el, say } from "./dom.js";
import { decimals, digits, example, form, parse } from "./money.js";
import { draw, explain, look, memory, operator, shop } from "./shop.js";
import { t } from "./texts.js";

const REASON_MAX = 80;
/// Refusals that say nothing about the refund: who asked, or when, was wrong.
const NO_WORD = [401, 403, 408, 429];

/// Asks how much of `payment` is given back, and why; `left` of it is there to give. Calls `done` afterwards, with what the
/// cashier must know.
export async function openRefund(payment, left, done) {
  const { currency } = payment;
  const limit = shop.terminal.refund_operator_max;
  const place = `refund-${payment.ref}`;
  const kept = memory.get(place);
  const unanswered = Boolean(kept) && kept.open !== false;
  if (unanswered) {
    const { there } = await fate(kept.refund_ref);
    if (there) {
      memory.drop(place);
      return done(before(there));
    }
    if (document.querySelector("dialog[open]") || !document.querySelector("#refund")) return;
  }
  const amount = el("input", {
    id: "refund-amount", type: "text", inputmode: decimals(currency) ? "decimal" : "numeric", autocomplete: "off", required: true,
    maxlength: "16", value: digits(kept?.amount ?? left, currency).replaceAll(",", ""), "aria-describedby": "refund-left refund-unclear", oninput: () => paint(),
  });
  const reason = el("input", { id: "refund-reason", type: "text", autocomplete: "off", required: true, maxlength: String(REASON_MAX), value: kept?.reason ?? "" });
  const token = el("input", { id: "refund-token", type: "password", autocomplete: "new-password", spellcheck: "false", maxlength: "512", "aria-describedby": "refund-token-help" });
  const unclear = el("p", { class: "fault", role: "alert", id: "refund-unclear" });
  const fault = el("p", { class: "fault", role: "alert" });
  const button = el("button", { type: "submit", class: "danger", id: "refund-go" });
  const boss = el("div", { class: "field", hidden: limit === undefined },
    el("label", { for: "refund-token" }, t("supervisor-token")), token, el("p", { class: "hint", id: "refund-token-help" }));
  const wanted = () => parse(amount.value, currency);
  let busy = false;
  let demanded = ""; // why the terminal wants the supervisor, whatever the amount
  const needsBoss = () => Boolean(demanded) || (limit !== undefined && (wanted() ?? 0) > limit);

  function paint() {
    const value = wanted();
    const fits = value !== null && value > 0 && value <= left;
    button.textContent = fits ? t("refund-go", { amount: form(value, currency) }) : t("refund");
    button.disabled = !fits || busy;
    say(unclear, value === null && amount.value.trim() ? t("amount-unclear", { amount: example(currency) }) : "");
    amount.setAttribute("aria-invalid", String(!fits));
    token.required = needsBoss();
    boss.hidden = !needsBoss();
    say(boss.querySelector(".hint"), demanded || (limit === undefined ? "" : t("supervisor-help", { max: form(limit, currency) })));
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
    busy = true;
    paint();
    say(fault, "");
    // While it is not known what became of a name, no other one is drawn.
    // Another dialog may still be sending what this one was told of: its name stays this one's too.
    const note = memory.get(place) ?? (unanswered ? kept : null);
    const open = Boolean(note) && note.open !== false;
    const body = { refund_ref: note?.refund_ref ?? draw("web-r"), amount: value, reason: why };
    if (operator()) body.operator = operator();
    const supervised = needsBoss();
    memory.set(place, { ...body, open: true });
    try {
      await post(`/v1/payments/${payment.ref}/refunds`, body, { token: supervised ? typed : undefined });
      return finish(body.refund_ref);
    } catch (error) {
      const lost = error instanceof Lost || error.status >= 500 || error.status === 408;
      const { there, denied } = await fate(body.refund_ref);
      // One that was lost on the way had arrived after all, perhaps with the values of then.
      if (there) return finish(body.refund_ref, lost && !open ? "" : before(there));
      if (lost) {
        say(fault, t("refund-lost"));
      } else {
        if (denied && !open && !NO_WORD.includes(error.status)) memory.drop(place);
        else memory.set(place, { ...body, open });
        // A ledger that was restored may have forgotten a refund: a person must look before the supervisor signs.
        if (!supervised && error.code === "supervisor_needed") {
          demanded = t(error.problem.money === "unknown" ? "supervisor-look-first" : "supervisor-needed");
        }
        const boss = supervised && (error.status === 401 || error.code === "supervisor_needed");
        const rest = open ? t("refund-open") : boss ? t("refund-nothing") : "";
        say(fault, [boss ? t("supervisor-wrong") : explain(error), rest].filter(Boolean).join(" "));
        if (boss) token.focus();
      }
    }
    busy = false;
    paint();
  }

  function finish(name, told = "") {
    if (memory.get(place)?.refund_ref === name) memory.drop(place);
    box.close();
    look();
    done(told);
  }

  const reasons = ["reason-returned", "reason-wrong", "reason-twice"].map((key) =>
    el("button", { type: "button", class: "chip", onclick: () => { reason.value = t(key); reason.focus(); } }, t(key)));
  const box = dialog(t("refund-title"),
    el("form", { onsubmit: submit },
      el("div", { class: "field" }, el("label", { for: "refund-amount" }, `${t("amount")} (${currency})`), amount,
        el("p", { class: "hint", id: "refund-left" }, t("refund-left", { amount: form(left, currency) })), unclear),
      el("div", { class: "field" }, el("label", { for: "refund-reason" }, t("reason")), reason, el("div", { class: "chips" }, reasons)),
      boss, fault,
      el("div", { class: "buttons" }, button, el("button", { type: "button", class: "quiet", onclick: () => box.close() }, t("back")))));
  if (unanswered) say(fault, t("refund-open"));
  paint();
  reason.focus();
}

/// What is said when a refund turns out to be the one from before.
const before = ({ amount, currency }) => t("refund-before", { amount: form(amount, currency) });

/// What became of a refund: `there` it is, or it is `denied` by the ledger, or neither is known.
async function fate(ref) {
  try {
    return { there: await get(`/v1/refunds/${encodeURIComponent(ref)}`), denied: false };
  } catch (error) {
    // After a restore the ledger may have lost it.
    return { there: null, denied: error.status === 404 && error.problem.money !== "unknown" };
  }
}
