// Moments. A business day is UTC+8, whatever the browser thinks; what runs down runs by the terminal's clock.

let ahead = 0; // ms the terminal's clock is ahead of this one

/// Learns what time it is at the terminal.
export function set(now) { ahead = Date.parse(now) - Date.now(); }
/// The terminal's time in ms.
export const now = () => Date.now() + ahead;

const shop = (moment) => new Date(Date.parse(moment) + 8 * 3600_000).toISOString();
/// `11:38:26`, UTC+8.
export const time = (moment) => shop(moment).slice(11, 19);
/// `2026-11-21 11:38:26`, UTC+8.
export const full = (moment) => `${shop(moment).slice(0, 10)} ${time(moment)}`;
/// The business day it is.
export const today = () => shop(new Date(now()).toISOString()).slice(0, 10);
/// `11:38`, UTC+8, with its day when that is not today.
export const near = (moment) => full(moment).slice(full(moment).startsWith(today()) ? 11 : 0, 16);
/// Seconds until a moment, none when it is over.
export const left = (moment) => Math.max(0, Math.ceil((Date.parse(moment) - now()) / 1000));
/// Seconds since a moment.
export const since = (moment) => (now() - Date.parse(moment)) / 1000;
/// `1:05`.
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
