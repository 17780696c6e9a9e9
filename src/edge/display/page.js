"use strict";
// Shows the newest scene until its time is over, and says so when there is none. Knows nothing but scenes.
(() => {
  const SILENCE = 20000; // ms without a word from the terminal that mean "not connected"
  const AGAIN = 2000; // ms between two attempts to connect
  const page = document.documentElement;
  const find = (id) => document.getElementById(id);
  const [scene, amount, lines, left, veil] = ["scene", "amount", "lines", "left", "veil"].map(find);
  let source = null, retry = 0, heard = now(), ends = null, expires = null;

  // Of two clocks the later one counts: one of them stands still while the machine sleeps, the other may be set.
  function now() { return [performance.now(), Date.now()]; }
  function since(then) { const at = now(); return Math.max(at[0] - then[0], at[1] - then[1]); }

  function connect() {
    clearTimeout(retry);
    if (source) source.close();
    heard = now();
    source = new EventSource(`/display/${page.dataset.lane}/events`);
    source.addEventListener("scene", (event) => { heard = now(); show(JSON.parse(event.data)); });
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) retry = setTimeout(connect, AGAIN); };
  }

  function show(it) {
    if (it.build !== page.dataset.build && sessionStorage.getItem("build") !== it.build) {
      sessionStorage.setItem("build", it.build); // once: the terminal was updated under an open page
      location.reload();
      return;
    }
    const arrived = now(), hold = Math.min(it.expires_in_ms, SILENCE);
    expires = { from: arrived, after: hold };
    ends = it.ends_in_ms === undefined ? null : { from: arrived, after: it.ends_in_ms };
    scene.dataset.look = it.look;
    scene.dataset.state = it.state;
    amount.replaceChildren(...money(it.amount));
    lines.replaceChildren(...it.lines.map(line));
    scene.hidden = false;
    lift(hold);
    tick();
  }

  function money(it) {
    if (!it) return [];
    const unit = document.createElement("small");
    unit.textContent = it.currency;
    return [unit, it.digits];
  }

  function line(it) {
    const p = document.createElement("p");
    p.lang = it.lang;
    p.textContent = it.text;
    if (it.detail) {
      const detail = document.createElement("small");
      detail.textContent = it.detail;
      p.append(detail);
    }
    return p;
  }

  function lift(hold) {
    veil.style.setProperty("--hold", `${Math.max(hold, 0)}ms`);
    veil.classList.toggle("again"); // another name: the animation begins anew
  }

  function tick() {
    if (expires && since(expires.from) > expires.after) {
      expires = null;
      scene.hidden = true;
      lift(0);
    }
    const seconds = ends ? Math.ceil((ends.after - since(ends.from)) / 1000) : 0;
    const text = seconds > 0 ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "";
    if (left.textContent !== text) left.textContent = text;
    if (since(heard) > SILENCE) connect();
  }

  setInterval(tick, 250);
  for (const event of ["visibilitychange", "pageshow", "online", "focus"]) addEventListener(event, tick);
  connect();
})();
