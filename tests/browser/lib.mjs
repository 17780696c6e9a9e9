// A shop to be looked at: the simulated gateway, the real daemon, its scanners, and a browser in front of it.
//
// Every file `*.test.mjs` beside this one is run by `run`. Use `Shop.open`, `shop.sell`, `shop.scan`, `Browser.open`,
// `layout`, `shot` and `axe`; a test waits for what it wants to see and never sleeps.

import { spawn, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, mkdirSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

/// This folder, and the repository's.
export const HERE = dirname(fileURLToPath(import.meta.url));
export const ROOT = resolve(HERE, "../..");
const PROGRAMS = resolve(ROOT, process.env.SHROFF_PROGRAMS ?? "target/debug");
const PATIENCE = 30_000; // ms until a program that should do something is taken for broken

/// Where screenshots go.
export const SHOTS = join(ROOT, "target/browser");
/// The sizes every state is looked at in: the smallest display there is, a till's second screen, a television.
export const SIZES = [[480, 272], [1024, 600], [3840, 2160]].map(([width, height]) => ({ width, height }));

/// Waits until `probe` gives something, and gives it.
export async function until(what, probe, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${patience / 1000} s in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

// Whatever ends this process ends what it has started.
const started = new Set();
process.on("exit", () => started.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

let codes = 0;
/// A payment code nobody has seen, that makes the gateway play `scenario` (shroff-sim gateway --help lists them).
export function code(scenario = 0) {
  codes += 1;
  return `13${String(scenario).padStart(4, "0")}${String(process.pid % 10_000).padStart(4, "0")}${String(codes).padStart(8, "0")}`;
}

/// The shop: gateway, scanners, daemon, and the API as a POS uses it.
export class Shop {
  /// `languages`: the display's; `language`: the cashier's; `lanes`; `scanners`: lanes that have one; `display`: more
  /// lines of each lane's [[display]]; `config`: more sections.
  static async open(options = {}) {
    const shop = new Shop();
    const { lanes = ["1"], scanners = [], currency = "HKD", name = "Dining Hall", language = "en" } = options;
    const { languages = ["zh-HK", "en"], display = "", config = "", terminal = "" } = options;
    shop.folder = mkdtempSync(join(tmpdir(), "shroff-browser-"));
    shop.token = randomBytes(32).toString("hex");
    shop.supervisor = randomBytes(32).toString("hex");
    shop.children = [];
    shop.scanners = new Map();
    shop.lanes = lanes;
    shop.sales = 0;
    try {
      shop.gateway = (await shop.begin("shroff-sim", ["gateway", "--dir", shop.path("gateway"), "--statements-at-once"])).http;
      for (const lane of scanners) {
        const link = shop.path(`scanner-${lane}`);
        const { child } = await shop.begin("shroff-sim", ["scanner", "--kind", "serial", "--link", link, "--stay"]);
        shop.scanners.set(lane, { link, child });
      }
      shop.port = await freePort();
      shop.base = `http://127.0.0.1:${shop.port}`;
      shop.file("token", shop.token);
      shop.file("supervisor", shop.supervisor);
      shop.file("v2.key", "192006250b4c09247ec02edce69f6a2d");
      const text = (value) => JSON.stringify(value);
      shop.file("config.toml", `
[terminal]
id = "T01"
store_name = ${text(name)}
language = ${text(language)}
display_languages = ${text(languages)}
currency = ${text(currency)}
mcc = "5812"
${terminal}
[gateway]
api = "v2"
base_url = ${text(shop.gateway)}
appid = "wx8888888888888888"
mch_id = "1900000109"
[gateway.v2]
key_file = "v2.key"
[policy]
pay_timeout = 20
first_query_after_password = 1
give_up_after = 30
reverse_waits = [1, 1, 1, 1, 1, 1]
[ledger]
path = "ledger.sqlite"
[api]
socket = "api.sock"
listen = "127.0.0.1:${shop.port}"
token_file = "token"
supervisor_token_file = "supervisor"
${lanes.map((lane) => `[[lane]]\nid = ${text(lane)}\n[[display]]\nlane = ${text(lane)}\nkind = "page"\n${display}`).join("\n")}
${[...shop.scanners].map(([lane, { link }]) => `[[scanner]]\nlane = ${text(lane)}\ndevice = ${text(link)}`).join("\n")}
${config}`);
      await shop.start();
    } catch (error) {
      await shop.close();
      throw error;
    }
    return shop;
  }

  path(name) { return join(this.folder, name); }
  file(name, content) { writeFileSync(this.path(name), content, { mode: 0o600 }); }

  keep(child) {
    child.on("error", () => {});
    this.children.push(child);
    started.add(child);
  }

  /// Starts a program that says where it is as its first line, in JSON.
  async begin(program, args) {
    const child = spawn(join(PROGRAMS, program), args, { stdio: ["pipe", "pipe", "inherit"] });
    this.keep(child);
    const lines = createInterface({ input: child.stdout });
    const [first] = await Promise.race([once(lines, "line"), once(child, "exit").then(() => ["null"])]);
    const said = JSON.parse(first);
    if (!said) throw new Error(`${program} ${args[0]} ended at once`);
    return { ...said, child };
  }

  /// Starts the daemon and waits until it takes payments and every scanner is connected.
  async start() {
    const log = openSync(this.path("daemon.log"), "a");
    const env = { ...process.env, NO_COLOR: "1" };
    delete env.NOTIFY_SOCKET;
    this.daemon = spawn(join(PROGRAMS, "shroff"), ["serve", "--config", this.path("config.toml")], { stdio: ["ignore", log, log], env });
    closeSync(log);
    started.add(this.daemon);
    this.ended = once(this.daemon, "exit");
    await until("the daemon is ready", async () => {
      if (this.daemon.exitCode !== null) throw new Error(`the daemon ended:\n${this.log()}`);
      return fetch(`${this.base}/readyz`).then((it) => it.ok, () => false);
    });
    await until("the scanners are connected", async () => {
      const { json } = await this.api("GET", "/v1/devices");
      return json.devices.every((it) => it.state === "connected");
    });
  }

  /// Ends the daemon as a power cut would.
  async kill() {
    this.daemon.kill("SIGKILL");
    await this.ended;
  }

  /// Holds the daemon's breath, and lets it go on: it lives and says nothing.
  freeze() { this.daemon.kill("SIGSTOP"); }
  thaw() { this.daemon.kill("SIGCONT"); }

  /// Takes the ledger away from the daemon by another writer, as a broken disk would: it goes out of order and ends.
  breakLedger() {
    const hold = "import sqlite3,sys,time; db=sqlite3.connect(sys.argv[1]); db.execute('BEGIN EXCLUSIVE'); print('null', flush=True); sys.stdin.read()";
    const child = spawn("python3", ["-c", hold, this.path("ledger.sqlite")], { stdio: ["pipe", "pipe", "inherit"] });
    this.keep(child);
    return once(child.stdout, "data");
  }

  /// What the daemon has said last.
  log(lines = 30) { return readFileSync(this.path("daemon.log"), "utf8").split("\n").slice(-lines).join("\n"); }

  /// Asks the API; `token` may be the supervisor's.
  async api(method, path, body, token = this.token) {
    const headers = { authorization: `Bearer ${token}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await fetch(this.base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, json: text ? JSON.parse(text) : null };
  }

  /// Asks the gateway's own door, `/_sim/...`.
  async sim(method, path, body) {
    const answer = await fetch(this.gateway + path, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /// Begins a sale and gives the payment. `more`: auth_code, description, operator, deadline_s...
  async sell(amount, more = {}) {
    this.sales += 1;
    const ask = { client_ref: `R-${process.pid}-${this.sales}`, amount, lane: this.lanes[0], ...more };
    const { status, json } = await this.api("POST", "/v1/payments", ask);
    if (status !== 201) throw new Error(`POST /v1/payments: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  /// Waits until a payment is in one of `states`, and gives it.
  async wait(payment, ...states) {
    let seq = 0;
    const end = Date.now() + 2 * PATIENCE;
    for (;;) {
      const { json } = await this.api("GET", `/v1/payments/${payment.ref}?wait=10&after=${seq}`);
      if (states.includes(json.state)) return json;
      if (json.final || Date.now() > end) throw new Error(`${payment.ref} is ${json.state}, not ${states}`);
      seq = json.seq;
    }
  }

  cancel(payment) { return this.api("POST", `/v1/payments/${payment.ref}/cancel`); }

  /// Sets what the lane's display shows while nobody pays.
  show(basket, lane = this.lanes[0]) { return this.api("POST", `/v1/lanes/${lane}/display`, basket); }

  /// Holds a code, or anything else, in front of a lane's scanner.
  scan(what, lane = [...this.scanners.keys()][0]) { this.scanners.get(lane).child.stdin.write(`scan ${what}\n`); }

  display(lane = this.lanes[0]) { return `${this.base}/display/${lane}`; }
  cashier(lane = this.lanes[0]) { return `${this.base}/cashier/${lane}`; }

  /// Runs `shroff` for this shop, as a person would type it.
  shroff(...args) {
    return execFileSync(join(PROGRAMS, "shroff"), [...args, "--config", this.path("config.toml")], { encoding: "utf8" });
  }

  /// Ends everything this shop has started.
  async close() {
    for (const child of [this.daemon, ...this.children]) child?.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/// Debian's Chromium without a screen, with the kiosk's flag that lets sound play without a click.
export async function openBrowser() {
  const args = ["--disable-gpu", "--font-render-hinting=none", "--autoplay-policy=no-user-gesture-required"];
  return chromium.launch({
    executablePath: execFileSync("which", [process.env.SHROFF_CHROMIUM ?? "chromium"], { encoding: "utf8" }).trim(),
    chromiumSandbox: process.getuid() !== 0,
    args,
  });
}

/// A page whose every complaint fails the test that asks `page.complaints`: errors, refused resources, foreign requests.
export async function openPage(browser, url, { size = SIZES[1], init, reducedMotion, ...more } = {}) {
  const context = await browser.newContext({ viewport: size, reducedMotion, locale: "en-US", ...more });
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(`script: ${error.message}`));
  page.on("console", (line) => {
    // A server that is away is part of some tests, and the page says so itself.
    if (["error", "warning"].includes(line.type()) && !/ERR_|net::/.test(line.text())) page.complaints.push(`${line.text()} ${line.location().url}`);
  });
  page.on("dialog", (dialog) => { page.complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "data:" && host !== new URL(page.url()).host && host !== new URL(url).host && url !== "about:blank") page.complaints.push(`foreign: ${request.url()}`);
  });
  if (init) await page.addInitScript(init);
  await page.goto(url);
  return page;
}

/// Saves what the page shows now as target/browser/NAME.png.
export async function shot(page, name, options = {}) {
  mkdirSync(SHOTS, { recursive: true });
  return page.screenshot({ path: options.path ?? join(SHOTS, `${name}.png`), animations: "allow", caret: "initial", ...options });
}

/// What is wrong with the layout as it stands: scrolling, text that is cut off, outside, covered or written over other
/// text. Empty when all is well. `scrolls`: a selector of parts that may scroll.
export function layout(page, { scrolls = "" } = {}) {
  return page.evaluate((scrolls) => {
    const wrong = [];
    const html = document.documentElement, { innerWidth: width, innerHeight: height } = window;
    const name = (el) => `${el.tagName.toLowerCase()}${el.id ? `#${el.id}` : ""}${el.className?.baseVal === undefined && el.className ? `.${el.className}` : ""}`;
    const show = (box) => [box.left, box.top, box.right, box.bottom].map(Math.round).join(",");
    if (html.scrollWidth > width || html.scrollHeight > height) wrong.push(`the page scrolls: ${html.scrollWidth}x${html.scrollHeight}`);
    const seen = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true, checkOpacity: true, checkVisibilityCSS: true });
    const excused = (el) => scrolls && el.closest(scrolls);
    const pieces = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, el = node.parentElement;
      if (!node.data.trim() || ["SCRIPT", "STYLE", "OPTION"].includes(el.tagName) || !seen(el)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const clip = getComputedStyle(el).textOverflow === "ellipsis" ? el.getBoundingClientRect() : null;
      for (const it of range.getClientRects()) {
        const box = clip ? new DOMRect(it.left, it.top, Math.min(it.right, clip.right) - it.left, it.height) : it;
        if (box.width > 1 && box.height > 1) pieces.push({ node, el, box, text: node.data.trim() });
      }
    }
    // A veil that lies over everything leaves only what stands on it.
    const on_top = ({ el, box }) => {
      const top = document.elementsFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2).find(seen);
      return top && (top === el || el.contains(top) || top.contains(el));
    };
    const veil = document.querySelector("[data-covers-all]");
    const veiled = veil && seen(veil);
    const visible = pieces.filter(({ el }) => !veiled || veil.contains(el));
    for (const piece of visible) {
      const { el, box, text } = piece;
      if (excused(el)) continue;
      if (box.left < -0.5 || box.top < -0.5 || box.right > width + 0.5 || box.bottom > height + 0.5) wrong.push(`outside: "${text}" ${show(box)}`);
      else if (!on_top(piece)) wrong.push(`covered: "${text}" ${show(box)}`);
      for (let up = el; up && up !== html; up = up.parentElement) {
        const style = getComputedStyle(up);
        if (style.overflowX === "visible" && style.overflowY === "visible") continue;
        const out = up.getBoundingClientRect();
        if (style.textOverflow === "ellipsis") {
          if (box.top < out.top - box.height * 0.2 || box.bottom > out.bottom + box.height * 0.2) wrong.push(`cut by ${name(up)}: "${text}"`);
          break;
        }
        if (box.left < out.left - 1 || box.right > out.right + 1 || box.top < out.top - box.height * 0.2 || box.bottom > out.bottom + box.height * 0.2) {
          wrong.push(`cut by ${name(up)}: "${text}" ${show(box)} in ${show(out)}`);
        }
      }
    }
    const inside = (box) => ({ left: box.left + 1, right: box.right - 1, top: box.top + box.height * 0.22, bottom: box.bottom - box.height * 0.22 });
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    for (let i = 0; i < visible.length; i += 1) {
      for (let j = i + 1; j < visible.length; j += 1) {
        if (visible[i].node === visible[j].node || excused(visible[i].el) || excused(visible[j].el)) continue;
        if (meet(inside(visible[i].box), inside(visible[j].box))) wrong.push(`"${visible[i].text}" is written over "${visible[j].text}"`);
      }
      for (const picture of document.querySelectorAll("svg, img")) {
        if (!seen(picture) || picture.hasAttribute("data-behind") || picture.contains(visible[i].el) || (veiled && !veil.contains(picture))) continue;
        const box = picture.getBoundingClientRect();
        if (box.width && meet(inside(visible[i].box), box)) wrong.push(`"${visible[i].text}" stands on a picture`);
      }
    }
    return [...new Set(wrong)];
  }, scrolls);
}

/// What the catalogue of a language says to a customer in a state: the heading, and its second line if it has one.
/// `aside`: why another code is needed.
export function catalogue(language, state, aside) {
  const text = readFileSync(join(ROOT, `src/scene/texts/${language}.ftl`), "utf8");
  const [, heading, rest] = text.match(new RegExp(`^customer-${state} = (.*)\n((?:    .*\n)*)`, "m"));
  const line = rest.match(new RegExp(`\\.${aside ?? "detail"} = (.*)`));
  return line ? [heading, line[1]] : [heading];
}

const AXE = readFileSync(join(HERE, "node_modules/axe-core/axe.min.js"), "utf8");

/// What axe-core finds wrong, one line each. The page's own policy stays in force: axe comes by the debugger's door.
export async function axe(page, rules = {}) {
  const client = await page.context().newCDPSession(page);
  await client.send("Runtime.evaluate", { expression: `window.axe || (() => { ${AXE} })()` });
  await client.detach();
  const { violations } = await page.evaluate((rules) => window.axe.run(document, { resultTypes: ["violations"], rules }), rules);
  return violations.flatMap(({ id, nodes }) => nodes.map((it) => `${id}: ${it.target} ${it.failureSummary?.split("\n").slice(1).join(" ")}`));
}
