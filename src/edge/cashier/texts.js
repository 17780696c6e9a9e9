// What is said, in the language that is chosen. The words are the terminal's own catalogues.

const CHOICE = "shroff.language";
/// The event when another language was chosen.
export const CHOSEN = "shroff-language";
/// The languages there are, each by its own name.
export const LANGUAGES = [["en", "English", "EN"], ["zh-CN", "简体中文", "简"], ["zh-HK", "繁體中文", "繁"]];

let texts = {};
let chosen = "en";

/// Loads the language that was chosen on this page, or else the terminal's.
export async function load(language) {
  const wanted = language ?? localStorage.getItem(CHOICE) ?? document.documentElement.lang;
  const known = LANGUAGES.some(([tag]) => tag === wanted) ? wanted : "en";
  const answer = await fetch(`/assets/texts.${known}.json`, { cache: "no-store", credentials: "omit" });
  if (!answer.ok) throw new Error("no texts");
  texts = await answer.json();
  chosen = known;
  document.documentElement.lang = known;
}

/// Chooses a language for this page from now on.
export async function choose(language) {
  await load(language);
  localStorage.setItem(CHOICE, language);
  dispatchEvent(new CustomEvent(CHOSEN));
}

export const language = () => chosen;

/// The page's own text `key`, with `values` where the text has places for them.
export function t(key, values = {}) {
  const text = texts.page?.[key] ?? key;
  return text.replace(/\$([a-z]+)/g, (place, name) => (name in values ? String(values[name]) : place));
}

/// Whether the page has a text of this name.
export const has = (key) => texts.page?.[key] !== undefined;

/// What the cashier should read: the API names the text, the page has it in the chosen language.
export const cashier = ({ key, text }) => texts.cashier?.[key] ?? text;
/// What a scan was instead of a payment code.
export const notice = ({ key, text }) => texts.notice?.[key] ?? text;
/// What a refund's state means and what to do.
export const advice = (refund) => texts.refund?.[refund.advice_key] ?? refund.advice;
/// Why a payment must be looked at, and what to do.
export const attention = (item) => (item.refund ? advice(item.refund) : texts.attention?.[item.reason] ?? item.advice);
