"use strict";
// Shows the newest scene until its time is over, and says so when there is none. Knows nothing but scenes.
(() => {
  const SILENCE = 20000; // ms without a word from the terminal that mean "not connected"
  const AWAY = 5000; // ms a scene is still shown once the connection is known to be broken
  const AGAIN = 1000; // ms between two attempts to connect
  const GAP = 3000; // ms between two looks at the clock that mean that this page was asleep
  const page = document.documentElement;
  const find = (id) => document.getElementById(id);
  const [scene, say, shop, amount, lines, basket, picture, left, veil] =
    ["scene", "say", "shop", "amount", "lines", "basket", "picture", "left", "veil"].map(find);
  let source = null, retry = 0, asked = now(), heard = asked, looked = asked, fresh = false;
  let ends = null, expires = null, last = null;

  // Of two clocks the later one counts: the steady one may stand still while the machine sleeps, the other may be set.
  function now() { return [performance.now(), Date.now()]; }
  function since(then) { const at = now(); return Math.max(at[0] - then[0], at[1] - then[1]); }

  function connect() {
    clearTimeout(retry);
    if (source) source.close();
    asked = heard = now();
    fresh = true;
    source = new EventSource(`/display/${page.dataset.lane}/events`);
    source.addEventListener("scene", (event) => {
      // What waited for this page while it slept may be any age: only a new connection knows.
      if (since(looked) > GAP) return look();
      heard = now();
      delete page.dataset.away;
      show(JSON.parse(event.data));
    });
    source.onerror = () => {
      source.close();
      away();
      clearTimeout(retry);
      retry = setTimeout(connect, AGAIN);
    };
  }

  function away() {
    page.dataset.away = "";
    if (!expires) return;
    expires.after = Math.min(expires.after, since(expires.from) + AWAY);
    lift(expires.after - since(expires.from));
    fit();
  }

  function show(it) {
    if (it.build !== page.dataset.build && sessionStorage.getItem("build") !== it.build) {
      sessionStorage.setItem("build", it.build); // once: the terminal was updated under an open page
      location.reload();
      return;
    }
    // A first scene was written after it was asked for; how long it lay about since then nobody knows.
    const from = fresh ? asked : now(), after = Math.min(it.expires_in_ms, SILENCE);
    fresh = false;
    expires = { from, after };
    ends = it.ends_in_ms === undefined ? null : { from, after: it.ends_in_ms };
    const again = it.look === "show" && it.lines.some((line) => line.detail);
    const drawn = JSON.stringify([it.state, it.amount, it.lines, it.basket, it.shop, it.picture]);
    if (drawn !== last) {
      ring(it.state, again);
      scene.dataset.look = it.look;
      scene.dataset.state = it.state;
      scene.toggleAttribute("data-again", again);
      scene.toggleAttribute("data-shop", ["idle", "basket"].includes(it.look));
      shop.textContent = it.shop ?? "";
      shop.style.setProperty("--len", width(shop.textContent));
      amount.replaceChildren(...money(it.amount));
      amount.style.setProperty("--len", it.amount ? it.amount.digits.length + 2.4 : 8);
      lines.replaceChildren(...it.lines.map(line));
      hang(it.picture);
    }
    scene.hidden = false;
    veil.ariaHidden = "true";
    lift(after - since(from));
    if (drawn !== last) fit(it.basket ?? []);
    last = drawn;
    look();
  }

  function money(it) {
    if (!it) return [];
    const unit = document.createElement("small");
    unit.textContent = it.currency;
    return [unit, it.digits];
  }

  function line(it, at) {
    const p = document.createElement(at === 0 ? "h1" : "p");
    p.lang = it.lang;
    p.textContent = it.text;
    p.style.setProperty("--len", width(it.text));
    if (it.detail) {
      const detail = document.createElement("small");
      detail.textContent = it.detail;
      p.append(detail);
    }
    return p;
  }

  // About how wide a text is, in the height of its letters.
  function width(text) { return Math.max([...text].reduce((sum, c) => sum + (c.codePointAt(0) > 0x2e7f ? 1.04 : 0.58), 0), 1).toFixed(2); }

  function article(it) {
    const li = document.createElement("li"), text = document.createElement("span"), digits = document.createElement("b");
    text.textContent = it.text;
    digits.textContent = it.digits ?? "";
    li.append(text, digits);
    return li;
  }

  function hang(path) {
    if (path && picture.getAttribute("src") !== path) picture.src = path;
    picture.hidden = !path;
    scene.toggleAttribute("data-picture", Boolean(path));
  }
  picture.onerror = () => hang(null);

  // Makes everything smaller until it has its place, and leaves out the oldest articles.
  let articles = [];
  function fit(newest) {
    if (newest) articles = newest;
    for (let f = 1; f > 0.35; f -= 0.05) {
      page.style.setProperty("--f", f.toFixed(2));
      if (say.scrollHeight <= say.clientHeight + 1 && say.scrollWidth <= say.clientWidth + 1) break;
    }
    basket.replaceChildren(...articles.map(article));
    let hidden = 0;
    while (basket.scrollHeight > basket.clientHeight + 1 && articles.length - hidden > 1) {
      hidden += 1;
      const more = document.createElement("li");
      more.className = "more";
      more.textContent = `⋯ +${hidden}`;
      basket.replaceChildren(more, ...articles.slice(hidden).map(article));
    }
  }

  function lift(hold) {
    veil.style.setProperty("--hold", `${Math.max(hold, 0)}ms`);
    veil.classList.toggle("again"); // another name: the animation begins anew
  }

  function look() {
    const gap = since(looked);
    looked = now();
    if (gap > GAP) {
      drop();
      connect();
      return;
    }
    if (expires && since(expires.from) > expires.after) drop();
    const seconds = ends && expires ? Math.ceil((ends.after - since(ends.from)) / 1000) : 0;
    // A customer who is asked to confirm should see the time run; one who looks for the phone only when it is short.
    const told = seconds > 0 && (scene.dataset.look === "confirm" || seconds <= 30);
    const text = told ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : "";
    if (left.textContent !== text) left.textContent = text;
    if (since(heard) > SILENCE) connect();
  }

  function drop() {
    expires = ends = last = null;
    scene.hidden = true;
    veil.ariaHidden = null;
    lift(0);
  }

  // A rising chime for paid, a falling one for what needs a person. Only for what changes before the customer's eyes.
  const audio = page.dataset.sound === "on" && typeof AudioContext === "function" ? new AudioContext() : null;
  const CHIMES = { good: [[659.3, 0], [880, 0.13], [1318.5, 0.26]], bad: [[440, 0], [329.6, 0.22]] };
  let before = null;
  function ring(state, again) {
    const mood = state === "paid" ? "good" : ["declined", "reversed", "needs_attention"].includes(state) || again ? "bad" : null;
    const change = before !== null && before !== `${state} ${again}`;
    before = `${state} ${again}`;
    if (!audio || !mood || !change) return;
    const wanted = now();
    // A browser that keeps the sound back answers with the first click: much too late.
    audio.resume().then(() => { if (since(wanted) < 500) chime(CHIMES[mood]); });
  }
  function chime(notes) {
    page.dataset.rang = String(Number(page.dataset.rang ?? 0) + 1);
    for (const [pitch, after] of notes) {
      const at = audio.currentTime + 0.03 + after, tone = audio.createOscillator(), volume = audio.createGain();
      tone.type = "triangle";
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.5, at + 0.012);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
      tone.connect(volume).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.65);
    }
  }
  if (audio) {
    const blocked = () => page.toggleAttribute("data-blocked", audio.state === "suspended");
    audio.onstatechange = blocked;
    setTimeout(blocked, 1000);
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => audio.resume());
  }

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = () => page.toggleAttribute("data-dark", page.dataset.theme === "dark" || (page.dataset.theme === "auto" && dark.matches));
  dark.onchange = colour;
  colour();

  setInterval(look, 250);
  addEventListener("resize", () => fit());
  document.fonts.ready.then(() => fit());
  for (const event of ["visibilitychange", "pageshow", "online", "focus"]) addEventListener(event, look);
  connect();
})();
