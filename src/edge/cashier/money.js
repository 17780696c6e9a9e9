// Amounts are whole numbers of the smallest unit; what people see has the currency's own decimal places.

let places = {};

/// Learns the currencies of the terminal.
export function learn(currencies) {
  places = Object.fromEntries(currencies.map((it) => [it.currency, it.decimals]));
}

/// Decimal places of a currency. One that this terminal takes no longer is looked up in the browser.
export function decimals(currency) {
  if (currency in places) return places[currency];
  try {
    return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  } catch {
    return 2;
  }
}

const grouped = (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ",");

/// `1,234.50`, with a minus where more was given back than taken.
export function digits(minor, currency) {
  const count = decimals(currency);
  const text = String(Math.abs(minor)).padStart(count + 1, "0");
  const whole = grouped(count ? text.slice(0, -count) : text);
  return (minor < 0 ? "\u2212" : "") + whole + (count ? `.${text.slice(-count)}` : "");
}

/// `HKD 1,234.50`.
export const form = (minor, currency) => `${currency}\u00a0${digits(minor, currency)}`;

// A comma stands between thousands and nowhere else: `1,50` is another currency's one and a half, and no hundred and fifty.
const AMOUNT = /^(\d{1,12}|[1-9]\d{0,2}(?:,\d{3}){1,3})(?:\.(\d*))?$/;

/// What was typed, in smallest units; null when it is no amount of the currency.
export function parse(text, currency) {
  const count = decimals(currency);
  const found = AMOUNT.exec(text.normalize("NFKC").trim());
  if (!found || (found[2] ?? "").length > count) return null;
  return Number(found[1].replaceAll(",", "") + (found[2] ?? "").padEnd(count, "0"));
}

/// An amount to write others like: `1,234.50`.
export const example = (currency) => digits(Math.trunc(1234.5 * 10 ** decimals(currency)), currency);

/// What was typed, grouped for the eye: `1,234.5`. Commas that were typed stay where they are.
export function echo(text) {
  if (text.includes(",")) return text;
  const [whole, part] = text.split(".");
  return grouped(whole) + (part === undefined ? "" : `.${part}`);
}
