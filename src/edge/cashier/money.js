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

/// What was typed, in smallest units; null when it is no amount of the currency.
export function parse(text, currency) {
  const count = decimals(currency);
  const found = /^(\d{1,12})(?:\.(\d*))?$/.exec(text.normalize("NFKC").replaceAll(",", "").trim());
  if (!found || (found[2] ?? "").length > count) return null;
  return Number(found[1] + (found[2] ?? "").padEnd(count, "0"));
}

/// What was typed, grouped for the eye: `1,234.5`.
export function echo(text) {
  const [whole, part] = text.split(".");
  return grouped(whole) + (part === undefined ? "" : `.${part}`);
}
