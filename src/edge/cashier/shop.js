// What the page knows of the terminal: asked for every second or two, and marked as old when nobody answers.

import { Lost, get, post } from "./api.js";
import { learn } from "./money.js";
import { has, t } from "./texts.js";
import * as when from "./when.js";

const BUSY = 1000; // ms between two looks while a payment is open
const CALM = 2000; // and while none is
const HIDDEN = 15_000; // and while nobody looks at the page
const AGAIN = 700; // and after one that failed
const STALE = 6000; // ms after which what is known is old

export const shop = {
  /// This page's lane.
  lane: document.documentElement.dataset.lane,
  /// `GET /v1/terminal`.
  terminal: null,
  /// `GET /v1/lanes`: this lane.
  view: null,
  /// The journal's last line.
  seq: 0,
  connected: true,
  /// What a person must look at.
  attention: [],
  /// What is wrong beyond a single payment.
  troubles: [],
};

/// Who keys payments in, if anybody said; kept by this browser.
const OPERATOR = "shroff.operator";
export const operator = () => localStorage.getItem(OPERATOR) ?? "";
export const setOperator = (name) => localStorage.setItem(OPERATOR, name.trim());

let changed = () => {};
let timer = 0, running = false, heard = performance.now(), heardWall = Date.now(), looks = 0, failed = 0;

/// Calls `act` whenever something may have changed.
export function watch(act) {
  changed = act;
  for (const event of ["visibilitychange", "pageshow", "online", "focus"]) addEventListener(event, () => look());
  // A machine that slept wakes up with old news on its screen.
  setInterval(() => {
    if (running && shop.connected && age() > STALE && !document.hidden) lose();
  }, 500);
}

/// Begins to look at the terminal. Throws when it cannot be asked.
export async function open() {
  await facts();
  running = true;
  await look();
}

export function stop() {
  running = false;
  clearTimeout(timer);
}

async function facts() {
  shop.terminal = await get("/v1/terminal");
  learn(shop.terminal.currencies);
}

// Of two clocks the later one counts: one stands still while the machine sleeps, the other may be set.
const age = () => Math.max(performance.now() - heard, Date.now() - heardWall);

function lose() {
  shop.connected = false;
  changed();
}

let looking = null;
/// Looks now, unless a look is under way.
export function look() {
  looking ??= once().finally(() => { looking = null; });
  return looking;
}

async function once() {
  if (!running) return;
  clearTimeout(timer);
  let wait = CALM;
  try {
    const { lanes, seq, now } = await get("/v1/lanes");
    heard = performance.now();
    heardWall = Date.now();
    failed = 0;
    when.set(now);
    const moved = seq !== shop.seq, back = !shop.connected;
    if (back) await facts();
    if (shop.terminal.build !== document.documentElement.dataset.build && fresh(shop.terminal.build)) return location.reload();
    shop.view = lanes.find((it) => it.lane === shop.lane) ?? null;
    shop.connected = true;
    // What a person must look at changes with time too, and what is wrong with the terminal is in no journal.
    if (moved || back || looks % 5 === 0) {
      const [list, ready] = await Promise.all([get("/v1/attention"), readiness()]);
      shop.attention = list.attention;
      shop.troubles = ready;
      shop.seq = seq;
    }
    looks += 1;
    if (!shop.view?.free) wait = BUSY;
  } catch (error) {
    if (!running) return;
    failed += 1;
    if (!(error instanceof Lost) && error.status !== 503) wait = CALM;
    else wait = AGAIN;
    if (failed > 1) shop.connected = false;
  }
  if (document.hidden) wait = HIDDEN;
  if (running) timer = setTimeout(look, wait);
  changed();
}

/// The terminal was updated under an open page: it is loaded anew, once.
function fresh(build) {
  if (sessionStorage.getItem("shroff.build") === build) return false;
  sessionStorage.setItem("shroff.build", build);
  return true;
}

/// Problems that a cashier can do something about, or must know of.
async function readiness() {
  const problems = await get("/readyz").then((it) => it.problems, (error) => {
    if (error instanceof Lost) throw error;
    return error.problem?.problems ?? [];
  });
  return problems.filter((it) => it.lane === undefined || it.lane === shop.lane);
}

/// What is wrong, in words.
export const trouble = ({ code, detail }) => (has(`trouble-${code}`) ? t(`trouble-${code}`) : detail);

/// Why something was not done, in words.
export function explain(error) {
  if (error instanceof Lost) return t("problem-lost");
  const { code, title, detail } = error.problem ?? {};
  if (code && has(`problem-${code}`)) return t(`problem-${code}`, { code });
  return title ? `${title}: ${detail}` : t("problem-unknown");
}

/// Payments begun on a cashier page. Only they are acknowledged here; a POS records its own.
export const isOurs = (payment) => payment.client_ref.startsWith("web-");

/// Whether something is wrong with a payment that a person must look at.
export const isAlarmed = (ref) => shop.attention.some((it) => it.payment.ref === ref && it.reason !== "not_acknowledged");

/// What needs somebody now: every alarm, and what was paid a while ago and nobody has closed. What is on the stage is
/// being looked at.
export function needs(onStage) {
  const late = (item) => item.reason !== "not_acknowledged" || when.since(item.payment.updated_at) > 60;
  return shop.attention.filter((item) => late(item) && !(item.reason === "not_acknowledged" && item.payment.ref === onStage));
}

/// A name of our own for a payment or a refund: made before anything is sent, so that sending twice is sending once.
export function draw(kind) {
  const letters = "0123456789bcdfghjkmnpqrstvwxyz";
  const random = [...crypto.getRandomValues(new Uint8Array(10))].map((byte) => letters[byte % letters.length]).join("");
  return `${kind}-${shop.lane}-${Date.now().toString(36)}-${random}`;
}

/// A note in this tab's memory, which outlives a reload.
export const memory = {
  get: (key) => JSON.parse(sessionStorage.getItem(`shroff.${key}`) ?? "null"),
  set: (key, value) => sessionStorage.setItem(`shroff.${key}`, JSON.stringify(value)),
  drop: (key) => sessionStorage.removeItem(`shroff.${key}`),
};

/// Records that somebody has seen how it ended. What was lost on the way is said again.
export async function acknowledge(path) {
  for (let tries = 0; ; tries += 1) {
    try {
      await post(path);
      return;
    } catch (error) {
      if (!(error instanceof Lost) || tries === 4) throw error;
      await new Promise((done) => setTimeout(done, AGAIN));
    }
  }
}
