// Signing in: with the link that `shroff cashier` printed, with its code, or with the terminal's token.

import { Lost, signIn } from "./api.js";
import { el, icon } from "./dom.js";
import { LANGUAGES, choose, language, t } from "./texts.js";

/// The code that the address carries, taken out of it at once: it must not stay in the history.
export function codeOfLink() {
  const code = /^#login=([A-Za-z0-9-]{1,40})$/.exec(location.hash)?.[1];
  if (code) history.replaceState(null, "", `${location.pathname}#/sell`);
  return code;
}

/// Shows the form in `place`; calls `done` when somebody is signed in, `redraw` when the language was changed.
export function show(place, { done, redraw, wrong = "" }) {
  const typed = el("input", {
    id: "code", name: "code", type: "password", autocomplete: "off", autocapitalize: "characters", spellcheck: "false",
    maxlength: "512", required: true, "aria-describedby": "login-help login-wrong",
  });
  const fault = el("p", { id: "login-wrong", class: "fault", role: "alert" }, wrong);
  const button = el("button", { class: "main wide", type: "submit" }, t("login-button"));
  const submit = async (event) => {
    event.preventDefault();
    if (button.disabled || !typed.value.trim()) return;
    button.disabled = true;
    try {
      await signIn(typed.value);
      typed.value = "";
      await done();
    } catch (error) {
      typed.value = "";
      fault.textContent = t(error instanceof Lost ? "problem-lost" : "problem-login_refused");
      typed.focus();
    }
    button.disabled = false;
  };
  place.replaceChildren(el("main", { class: "login" },
    el("form", { class: "card", onsubmit: submit },
      icon("sell"),
      el("h1", {}, t("login-title")),
      el("p", { id: "login-help" }, t("login-help")),
      el("p", {}, el("code", {}, "shroff cashier")),
      el("label", { for: "code" }, t("login-label")), typed, fault, button,
      el("div", { class: "choices", role: "group", "aria-label": t("language") }, LANGUAGES.map(([tag, name]) =>
        el("button", {
          type: "button", lang: tag, "aria-pressed": String(tag === language()),
          onclick: async () => { await choose(tag).catch(() => {}); redraw(); },
        }, name))))));
  typed.focus();
}
