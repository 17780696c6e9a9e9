// The counter: an amount is keyed in, the payment is followed to its end, and the next customer comes.
//
// A payment gets its name (client_ref) and stands in this tab's memory before it is sent. Whatever happens then (a double
// click, a lost answer, a reload) the same name is asked for again, and the terminal knows it is the same payment. A name whose
// answer was lost may be a customer's who has paid and gone: what became of it is never shown as the next one's.

import { Lost, get, post } from "./api.js";
import { dialog, el, icon, say } from "./dom.js";
import * as money from "./money.js";
import { acknowledge, draw, explain, isAlarmed, isOurs, look, memory, operator, shop, trouble } from "./shop.js";
import { cashier, notice, t } from "./texts.js";
import * as when from "./when.js";

const INSIST = 30_000; // ms a request is sent again by itself; after that somebody may have given up
const AGAIN = 1000; // ms between
const DEADLINE = 120_000; // ms the terminal waits for a code, where nobody says how long (docs/integrators.md)
const OLD = 60; // s after which a customer who has paid may have gone
const GLANCE = 800; // ms a result stands before a key can put it away
const CODE_LIKE = 15; // digits in one go that no amount has: a scanner types
const SCANNER_REST = 600; // ms after which a scanner has stopped typing
const TYPING = 1000; // ms between keys of one number
const NO_WORD = [401, 403, 429]; // refusals that are about who asks, or when

const LOOKS = {
  armed: "show", submitting: "wait", customer_paying: "confirm", verifying: "wait", paid: "paid", partially_refunded: "paid",
  refunded: "back", declined: "failed", reversing: "back", reversed: "back", canceled: "ended", expired: "ended",
  needs_attention: "help",
};
/// What a payment's state looks like.
export const lookOf = (state) => LOOKS[state] ?? "help";
/// What it is called: after a restore an ended payment may be one whose money nobody knows.
export const called = (payment) => (payment.final && payment.money === "unknown" ? "needs_attention" : payment.state);

let entry = "", flood = 0, quietUntil = 0, fault = "";
let swallowed = -TYPING; // when a key was last pressed that found a payment on the stage
let asking = null; // the press that has no answer yet
let stage = null; // { payment, since, said }
let owed = false; // whether the terminal must still be asked what became of what this tab had begun
let wanted = 0; // what is taken once the cashier has said that the earlier sale on the stage is another customer's
let following = null; // the AbortController of the long poll
let parts = {}; // the elements that change
let redraw = () => {};

/// The payment on the stage, if there is one.
export const onStage = () => stage?.payment.ref;

const currency = () => shop.terminal.currency;

// What this tab remembers: what it asked for and has no answer to, what stood on its stage, and that this was an earlier sale.
const ASKED = `ask-${shop.lane}`, MINE = `mine-${shop.lane}`, EARLIER = `earlier-${shop.lane}`;

// ---------------------------------------------------------------------------------------------------- asking for it

async function charge() {
  if (stage || asking) return;
  if (!shop.connected) return refuse(t("not-sent"));
  const amount = money.parse(entry, currency());
  if (!amount) return refuse(unclear() || t("enter-amount"));
  if (amount > shop.terminal.amount_max) return refuse(tooLarge());
  const press = {};
  asking = press;
  fault = "";
  redraw();
  await begin(press, amount);
  if (asking === press) asking = null;
  redraw();
}

/// Asks for `amount`, until there is an answer or nobody can still be waiting for one.
async function begin(press, amount) {
  const began = Date.now();
  const kept = memory.get(ASKED);
  if (kept) {
    let before;
    try {
      before = await named(kept.client_ref);
    } catch (error) {
      if (asking === press) refuse(explain(error));
      return;
    }
    if (asking !== press) return;
    if (before && isDue(before)) return present(before, amount);
    if (before) memory.drop(ASKED);
    else if (kept.amount !== amount || began - kept.began > INSIST + DEADLINE) memory.drop(ASKED);
  }
  // The terminal has none of it, and may still get it: under the same name it is one payment.
  const again = memory.get(ASKED);
  const body = { client_ref: again?.client_ref ?? draw("web"), amount, lane: shop.lane, currency: currency() };
  if (operator()) body.operator = operator();
  memory.set(ASKED, { ...body, began });
  let doubt = Boolean(again);
  for (;;) {
    let payment = null, made = false;
    try {
      payment = await post("/v1/payments", body, { told: (status) => { made = status === 201; } });
    } catch (error) {
      if (asking !== press) return;
      if (!(error instanceof Lost || error.status >= 500 || error.status === 408)) {
        // Refused, which says nothing about one that was sent before, and nothing at all when it was for the session.
        owed = doubt || NO_WORD.includes(error.status);
        if (!owed) memory.drop(ASKED);
        refuse(error.code === "lane_busy" ? "" : explain(error));
        return look();
      }
    }
    if (asking !== press) return;
    if (payment) return !made && (again || payment.final) ? present(payment, amount) : settle(payment);
    doubt = true;
    refuse(t("asking-again"));
    await new Promise((done) => setTimeout(done, AGAIN));
    if (asking !== press) return;
    if (Date.now() - began > INSIST) {
      // Nothing is charged by a payment that waits for a code. What became of it is asked when somebody answers again.
      owed = true;
      return refuse(t("problem-lost"));
    }
  }
}

function settle(payment) {
  memory.drop(ASKED);
  clear();
  fault = "";
  memory.set(MINE, payment.ref);
  show(payment);
  look();
}

/// Shows a payment that was begun before, and perhaps for another customer. `amount`: what is to be taken if it was.
function present(payment, amount = 0) {
  wanted = amount;
  owed = false;
  memory.set(EARLIER, payment.ref);
  settle(payment);
}

const isEarlier = (payment) => memory.get(EARLIER) === payment.ref;
/// Whether the cashier must say whose sale it was: one that was paid and may be another customer's.
const isWhose = (payment) => payment.final && payment.money === "taken" && isEarlier(payment);
/// Whether a payment from before still concerns somebody: it goes on, or it has moved money and nobody has put it away.
const isDue = (payment) => !payment.final || (!payment.acked && payment.money !== "none");

/// The payment that this tab has given a name, if the terminal has it.
async function named(client_ref) {
  const { payments } = await get(`/v1/payments?client_ref=${encodeURIComponent(client_ref)}`);
  return payments[0] ?? null;
}

function refuse(text) {
  fault = text;
  redraw();
}

/// What is wrong with what was typed: a comma that is not between thousands, or more decimals than the currency has.
const unclear = () => (entry && money.parse(entry, currency()) === null
  ? t("amount-unclear", { amount: money.example(currency()) }) : "");

const tooLarge = () => t("too-large", { max: money.form(shop.terminal.amount_max, currency()) });

let recovering = null;
/// Finds what this tab had begun before it was loaded anew, or before the terminal was away. What fails is owed still.
/// `restore`: gives the amount back that did not arrive.
export function recover(restore = false) {
  owed = true;
  recovering ??= find(restore).finally(() => { recovering = null; });
  return recovering;
}

async function find(restore) {
  const kept = memory.get(ASKED);
  const before = kept ? await named(kept.client_ref) : null;
  if (stage || asking) return;
  if (before && !before.acked) return present(before);
  if (before) memory.drop(ASKED);
  else if (kept && restore) entry = typed(kept.amount);
  if (kept && !before && money.parse(entry, currency()) === kept.amount) refuse(t("not-accepted"));
  const mine = memory.get(MINE), ref = mine ?? shop.view?.ref;
  const payment = ref ? await get(`/v1/payments/${ref}`).catch(gone) : null;
  if (stage || asking) return;
  owed = false;
  if (!payment || (payment.final && payment.acked)) return;
  if (mine || !payment.final) return show(payment);
  // One that ended while nobody looked is shown, if it was begun on a page and nobody has put it away.
  if (isOurs(payment) && payment.money === "taken") present(payment);
}

/// What is not there is nothing; whatever else went wrong says nothing.
function gone(error) {
  if (error.status !== 404) throw error;
  return null;
}

const typed = (minor) => money.digits(minor, currency()).replaceAll(",", "").replace(/\.0+$/, "");

/// Lets go of everything, since the session has ended. What this tab remembers is asked for in the next one.
export function reset() {
  following?.abort();
  stage = null;
  asking = null;
  wanted = 0;
  clear();
  fault = "";
}

// ------------------------------------------------------------------------------------------------------ following it

function show(payment) {
  const same = stage?.payment.ref === payment.ref;
  if (same && payment.seq < stage.payment.seq) return;
  if (memory.get(ASKED)?.client_ref === payment.client_ref) {
    // It arrived after all. The next customer's of the same amount must not be taken for it.
    memory.drop(ASKED);
    if (!same) memory.set(EARLIER, payment.ref);
  }
  // Whoever has scanned while it stood here for everybody to see is no earlier customer.
  if (same && stage.payment.state === "armed" && payment.state !== "armed" && isEarlier(payment)) memory.drop(EARLIER);
  // A result that is old when it is first seen may be another customer's than the one who is here now.
  if (payment.final && !stage?.payment.final && when.since(payment.updated_at) > OLD) memory.set(EARLIER, payment.ref);
  if (!same || stage.payment.state !== payment.state) {
    stage = { payment, since: performance.now(), said: same ? stage.said : "" };
    fault = ""; // what was wrong before was not wrong with this
  } else {
    stage.payment = payment;
  }
  if (payment.acked && payment.final) {
    // Somebody else has put it away while the next amount was being typed: without its first digits it is none.
    if (performance.now() - swallowed < TYPING) quietUntil = performance.now() + SCANNER_REST;
    return leave();
  }
  if (!same) follow(payment.ref);
  redraw();
}

async function follow(ref) {
  following?.abort();
  const mine = new AbortController();
  following = mine;
  while (!mine.signal.aborted && stage?.payment.ref === ref && !stage.payment.final) {
    try {
      if (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
      const payment = await get(`/v1/payments/${ref}?wait=25&after=${stage.payment.seq}`, { wait: 25, signal: mine.signal });
      if (!mine.signal.aborted) show(payment);
    } catch (error) {
      if (mine.signal.aborted || error.status === 401) return;
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }
}

/// The terminal was looked at: another tab or a POS may have begun or ended something on this lane.
export async function update(moved) {
  const view = shop.view;
  if (!view || !shop.connected || asking) return redraw();
  if (!stage && (owed || (moved && memory.get(ASKED)))) {
    await recover().catch(() => {});
    if (asking) return;
  }
  const other = view.ref && !view.free && view.ref !== stage?.payment.ref;
  if (other && (!stage || stage.payment.final || stage.payment.state === "needs_attention")) {
    const payment = await get(`/v1/payments/${view.ref}`).catch(() => null);
    if (payment && !payment.final && !asking) show(payment);
  } else if (stage && moved) {
    const payment = await get(`/v1/payments/${stage.payment.ref}`).catch(() => null);
    if (payment && stage?.payment.ref === payment.ref) show(payment);
  }
  redraw();
}

function leave() {
  following?.abort();
  memory.drop(MINE);
  memory.drop(EARLIER);
  wanted = 0;
  clear();
  stage = null;
  fault = "";
  redraw();
  parts.heading?.focus({ preventScroll: true });
}

/// The result was seen.
function next() {
  if (!stage || performance.now() - stage.since < GLANCE) return;
  const { payment } = stage;
  if (!payment.final && payment.state !== "needs_attention") return;
  // What fails here stands under "attention" until somebody closes it, and so does an alarm: the next customer is no
  // reason to forget it.
  if (payment.final && isOurs(payment) && !isAlarmed(payment.ref)) acknowledge(`/v1/payments/${payment.ref}/ack`).catch(() => {}).then(look);
  leave();
}

/// The earlier sale was another customer's: it stays among what needs somebody, and this one's is taken.
async function another() {
  if (!stage || !isWhose(stage.payment) || performance.now() - stage.since < GLANCE) return;
  const amount = wanted;
  leave();
  if (!amount) return;
  entry = typed(amount);
  await charge();
}

const cancellable = (payment) => !payment.final && !["reversing", "needs_attention"].includes(payment.state);

async function cancel() {
  const payment = stage?.payment;
  if (!payment || !cancellable(payment)) return;
  if (payment.state !== "armed" && !(await sure())) return;
  try {
    show(await post(`/v1/payments/${payment.ref}/cancel`).catch((error) => {
      if (error.code !== "already_final") throw error;
      return get(`/v1/payments/${payment.ref}`);
    }));
  } catch (error) {
    refuse(explain(error));
  }
}

function sure() {
  return new Promise((done) => {
    const answer = (yes) => () => { done(yes); box.close(); };
    const keep = el("button", { class: "main", onclick: answer(false) }, t("keep-waiting"));
    const box = dialog(t("cancel-title"), el("p", {}, t("cancel-sent")),
      el("div", { class: "buttons" }, el("button", { class: "danger", onclick: answer(true) }, t("cancel-yes")), keep));
    box.addEventListener("close", () => done(false));
    keep.focus();
  });
}

// ------------------------------------------------------------------------------------------------------ keying it in

function press(key) {
  if (stage || asking) return;
  if (performance.now() < quietUntil) {
    quietUntil = performance.now() + SCANNER_REST;
    return;
  }
  fault = "";
  if (/^\d+$/.test(key)) {
    flood += key.length;
    if (flood >= CODE_LIKE) {
      // A scanner that types into the page: no digit of its code stays here.
      clear();
      quietUntil = performance.now() + SCANNER_REST;
      return refuse(notice({ key: "not-armed", text: "" }));
    }
    const [whole, part] = entry.split(".");
    if (part !== undefined && part.length + key.length > 12) return redraw();
    if (part === undefined && whole.replaceAll(",", "").length + key.length > 12) return redraw();
    entry = (entry + key).replace(/^0+(?=\d)/, "");
  } else if (key === ".") {
    if (!entry.includes(".")) entry = `${entry || "0"}.`;
  } else if (key === ",") {
    // It stays, as a point does, and is judged with the digits around it: left out, it would make another amount of them.
    if (entry.length < 16) entry += ",";
  } else if (key === "back") {
    entry = entry.slice(0, -1);
    flood = 0;
  } else if (key === "clear") {
    clear();
  }
  redraw();
}

function clear() {
  entry = "";
  flood = 0;
}

/// The key that was meant, whatever input method is on.
function meant(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const numbered = /^(?:Digit|Numpad)(\d)$/.exec(event.code);
  if ((event.key === "Process" || event.isComposing) && !event.shiftKey) {
    const sign = numbered?.[1] ?? { Period: ".", Comma: "," }[event.code];
    if (sign) return sign;
  }
  const key = event.key.normalize("NFKC");
  // A number pad has one key for the decimals, and it writes a comma where people do; Brazil's has another for thousands.
  if (event.code === "NumpadDecimal" && key !== "Delete") return ".";
  if (event.code === "NumpadComma") return ",";
  if (/^[\d.,]$/.test(key)) return key;
  return { "。": ".", "、": ",", Backspace: "back", Delete: "clear", Escape: "clear", Enter: "enter" }[key] ?? null;
}

/// Keys that reach no other element. Enter on a button is the button's own.
export function onKey(event) {
  if (document.querySelector("dialog[open]") || event.target.closest("input, select, textarea")) return;
  const key = meant(event);
  if (!key || (key === "enter" && event.target.closest("button, a, summary"))) return;
  if (stage && !shop.connected) return;
  if (stage) {
    // Whose sale it was is said on its button, and by no key that was meant for the amount.
    if (key === "enter" && !event.repeat && !isWhose(stage.payment)) next();
    else if (key === "clear" && event.key === "Escape" && !event.repeat) cancel();
    else {
      swallowed = performance.now();
      return;
    }
  } else if (key === "enter") {
    if (!event.repeat && performance.now() >= quietUntil) charge();
  } else {
    press(key);
  }
  event.preventDefault();
}

// -------------------------------------------------------------------------------------------------------- showing it

/// Builds the view.
export function mount(place) {
  const keys = ["7", "8", "9", "4", "5", "6", "1", "2", "3", "0", "00", "."];
  // A finger or a mouse takes the keyboard nowhere: Enter goes on meaning "take the payment".
  const stay = (event) => event.preventDefault();
  const keypad = el("div", { class: "keypad", onmousedown: stay, role: "group", "aria-label": t("keypad") },
    keys.map((key) => (key === "." && !money.decimals(currency())
      ? el("span", {})
      : el("button", { type: "button", class: "key", "aria-label": key === "." ? t("key-point") : null, onclick: () => press(key) }, key))));
  parts = {
    heading: el("h1", { tabindex: "-1" }, t("amount")),
    unit: el("span", { class: "unit" }, currency()),
    digits: el("output", { id: "entry", "aria-live": "polite", "aria-labelledby": "amount-label entry" }),
    fault: el("p", { class: "fault", role: "alert" }),
    hint: el("p", { class: "hint" }),
    charge: el("button", { type: "button", class: "main charge", id: "charge", onclick: charge }),
    back: el("button", { type: "button", class: "key soft", "aria-label": t("key-back"), onclick: () => press("back") }, icon("back_key")),
    clear: el("button", { type: "button", class: "key soft", onclick: () => press("clear") }, t("key-clear")),
    keypad: el("section", { class: "till", "aria-label": t("nav-sell") }),
    stage: el("section", { class: "stage", id: "stage", tabindex: "-1" }),
    sign: el("div", { class: "sign" }),
    title: el("h1", { id: "stage-title" }),
    total: el("p", { class: "total" }),
    text: el("p", { class: "text" }),
    aside: el("p", { class: "aside", role: "status" }),
    left: el("p", { class: "left", role: "timer", "aria-live": "off" }),
    names: el("p", { class: "names" }),
    buttons: el("div", { class: "buttons" }),
  };
  parts.heading.id = "amount-label";
  parts.keypad.append(
    el("div", { class: "amount" },
      parts.heading, el("p", { class: "echo" }, parts.unit, parts.digits), parts.fault, parts.hint, parts.charge),
    el("div", { class: "pad" }, keypad, el("div", { class: "side", onmousedown: stay }, parts.back, parts.clear)));
  parts.live = el("div", { class: "said", "aria-live": "assertive" }, parts.title, parts.total, parts.text);
  parts.stage.append(parts.sign, parts.live, parts.aside, parts.left, parts.buttons, parts.names);
  parts.next = el("button", { type: "button", class: "main", id: "next", onclick: next }, t("next-customer"));
  parts.cancel = el("button", { type: "button", class: "quiet", id: "cancel", onclick: cancel }, t("cancel"));
  parts.details = el("a", { class: "button quiet", id: "details" }, t("details"));
  parts.other = el("button", { type: "button", class: "quiet", id: "other", onclick: another });
  parts.buttons.append(parts.next, parts.other, parts.cancel, parts.details);
  place.replaceChildren(parts.keypad, parts.stage);
  redraw = paint;
  paint();
}

export function unmount() {
  parts = {};
  redraw = () => {};
}

function paint() {
  if (!parts.stage) return;
  parts.keypad.hidden = Boolean(stage);
  parts.stage.hidden = !stage;
  if (stage) paintStage();
  else paintKeypad();
}

function paintKeypad() {
  const amount = money.parse(entry, currency());
  const over = amount !== null && amount > shop.terminal.amount_max;
  say(parts.digits, entry ? money.echo(entry) : money.digits(0, currency()));
  parts.digits.classList.toggle("empty", !entry);
  parts.digits.classList.toggle("long", entry.length > 8);
  const wrong = over ? tooLarge() : fault || unclear();
  say(parts.fault, wrong);
  say(parts.hint, wrong ? "" : t(entry ? "hint-charge" : "hint-type"));
  const ready = Boolean(amount) && !over;
  say(parts.charge, asking ? t("sending") : ready ? t("charge", { amount: money.form(amount, currency()) }) : t("charge-empty"));
  parts.charge.disabled = !ready || Boolean(asking) || !shop.connected;
  parts.charge.classList.toggle("busy", Boolean(asking));
}

function paintStage() {
  const { payment } = stage;
  const { state } = payment;
  const whose = isWhose(payment);
  const look = whose ? "help" : lookOf(called(payment));
  if (parts.stage.dataset.ref !== payment.ref || parts.stage.dataset.state !== state || parts.stage.dataset.look !== look) {
    parts.sign.replaceChildren(icon(look));
    parts.stage.dataset.ref = payment.ref;
    parts.stage.dataset.state = state;
    parts.stage.dataset.look = look;
  }
  const again = state === "armed" && payment.last_decline;
  say(parts.title, t(whose ? "earlier-paid" : again ? "state-again" : `state-${called(payment)}`));
  say(parts.total, money.form(payment.amount, payment.currency));
  const began = isEarlier(payment) ? when.near(payment.created_at) : "";
  say(parts.text, whose ? t("earlier-whose", { time: began }) : cashier(payment.cashier));
  say(parts.aside, asideOf(payment));
  const at = ["armed", "customer_paying"].includes(state) ? payment.next.at : null;
  const seconds = at ? when.left(at) : 0;
  say(parts.left, seconds > 0 ? t(state === "armed" ? "left-scan" : "left-confirm", { time: when.clock(seconds) }) : "");
  const done = payment.final || state === "needs_attention";
  parts.next.hidden = !done;
  say(parts.next, t(whose ? "earlier-mine" : "next-customer"));
  parts.other.hidden = !whose;
  say(parts.other, wanted ? t("earlier-take", { amount: money.form(wanted, currency()) }) : t("earlier-other"));
  parts.cancel.hidden = !cancellable(payment);
  parts.details.hidden = !done;
  parts.details.href = `#/payments/${payment.ref}`;
  const from = isOurs(payment) ? "" : t("from-pos", { name: payment.client_ref });
  say(parts.names, began && !whose ? t("earlier", { time: began }) : from);
  if (done && stage.said !== state) {
    stage.said = state;
    parts.stage.focus({ preventScroll: true });
  }
}

/// What the cashier must know beside the payment: a scan that was no payment code, or a scanner that is away.
function asideOf(payment) {
  if (fault) return fault;
  if (payment.state !== "armed") return "";
  const seen = shop.view?.last_notice;
  if (seen && shop.view.ref === payment.ref && Date.parse(seen.at) >= Date.parse(shop.view.since)) return notice(seen);
  const gone = shop.troubles.find((it) => it.code === "scanner_gone");
  if (gone) return trouble(gone);
  return shop.view && shop.view.scanners_connected === 0 ? t("no-scanner") : "";
}

setInterval(() => { if (stage && parts.stage) paintStage(); }, 250);
