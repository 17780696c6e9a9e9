// The customer's page: every state, every language, every size; what happens when the terminal goes away; sound.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { Shop, SIZES, axe, catalogue, code, layout, openBrowser, openPage, shot, until } from "./lib.mjs";

let browser;
before(async () => { browser = await openBrowser(); });
after(() => browser?.close());

/// More sizes that exist: portrait, an old till's screen, full HD.
const ODD = [{ width: 600, height: 1024 }, { width: 800, height: 480 }, { width: 1920, height: 1080 }];

/// Waits until the page shows a state.
const shows = (page, state, timeout = 40_000) => page.waitForSelector(`#scene[data-state="${state}"]:not([hidden])`, { timeout });
/// Whether the veil hides everything.
const veiled = (page) => page.evaluate(() => getComputedStyle(document.getElementById("veil")).opacity === "1");
const falls = (page, patience) => until("the veil falls", () => veiled(page), patience);
const text = (page, selector) => page.locator(selector).allInnerTexts();

/// Runs `body` with a shop that ends with it, and says what the daemon said last when it fails.
async function inShop(options, body) {
  const shop = await Shop.open(options);
  try {
    await body(shop);
  } catch (error) {
    error.message += `\n${shop.log(12)}`;
    throw error;
  } finally {
    await shop.close();
  }
}

/// Looks at what stands there, at every size. `hold` brings it back where it lasts for seconds only.
async function inspect(page, name, { hold = async () => {}, large = true, odd = true, aids = true } = {}) {
  for (const size of odd ? [...ODD, ...SIZES] : SIZES) {
    await page.setViewportSize(size);
    for (let once = 0; ; once += 1) {
      await hold();
      const before = await page.getAttribute("#scene", "data-state");
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const wrong = await layout(page);
      if (SIZES.includes(size) && (large || size !== SIZES[2])) await shot(page, `display-${name}-${size.width}x${size.height}`);
      if (once < 3 && before !== (await page.getAttribute("#scene", "data-state"))) continue;
      assert.deepEqual(wrong, [], `${name} at ${size.width}x${size.height}`);
      break;
    }
  }
  await page.setViewportSize(SIZES[1]);
  if (!aids) return;
  await hold();
  assert.deepEqual(await axe(page), [], name);
}

describe("every state, in every language, at every size", { concurrency: 4 }, () => {
  for (const languages of [["zh-HK", "en"], ["zh-CN", "en"], ["en"], ["zh-HK", "zh-CN", "en"]]) {
    test(languages.join(" and "), { timeout: 240_000 }, () => tour(languages));
  }
});

async function tour(languages) {
  const lanes = ["1", "2", "3", "4", "5", "6", "7"];
  // Every state with large pictures once, and once in the dark.
  const dark = languages.length === 3, first = languages[0] === "zh-HK" && !dark;
  await inShop({ languages, lanes, scanners: ["1"], display: `theme = "${dark ? "dark" : "light"}"` }, async (shop) => {
    const pages = new Map();
    for (const lane of lanes) pages.set(lane, await openPage(browser, shop.display(lane)));
    const look = async (lane, state, { aside, hold, ...more } = {}) => {
      const page = pages.get(lane), name = `${languages.join("+")}-${aside ?? state}`;
      await shows(page, state);
      const said = await text(page, "#lines > *");
      languages.forEach((tag, at) => catalogue(tag, state, aside).forEach((part) => assert.ok(said[at]?.includes(part), `${name}: "${said[at]}" lacks "${part}"`)));
      assert.equal(said.length, languages.length);
      await inspect(page, name, { large: first, aids: first || dark, hold, ...more });
    };

    // Reversing takes its time; everything else is looked at meanwhile.
    const slow = async () => {
      const lost = await shop.sell(8800, { lane: "5", auth_code: code(6) });
      const doomed = await shop.sell(8800, { lane: "6", auth_code: code(503) });
      await shop.cancel(doomed);
      await look("5", "verifying", { odd: false });
      const { out_trade_no } = await shop.wait(lost, "verifying");
      await shop.sim("POST", "/_sim/faults", { op: "reverse", out_trade_no, times: 3, fault: "hang_request" });
      await shop.cancel(lost);
      await look("5", "reversing");
      await look("5", "reversed", { odd: false });
      await look("6", "needs_attention");
    };
    const quick = async () => {
      await look("1", "idle");
      await shop.show({ lines: [{ text: "凍檸茶 Iced lemon tea", amount: 2200 }, { text: "Roast goose on rice with soup of the day, a drink and dessert", amount: 6800 }, { text: "Member's discount", amount: -900 }], total: 8100 });
      await look("1", "basket");
      await shop.sell(8100, { lane: "1" });
      await look("1", "armed");
      const hold = async () => {
        if ((await pages.get("1").getAttribute("#scene", "data-again")) === null) shop.scan(`28${code().slice(2)}`);
        await pages.get("1").waitForSelector("#scene[data-again]");
      };
      await hold();
      await look("1", "armed", { aside: "wallet", hold });

      await shop.sell(8800, { lane: "3", auth_code: code(206) });
      await look("3", "submitting");
      const confirm = await shop.sell(2_345_678, { lane: "2", auth_code: code(3) });
      await look("2", "customer_paying", { hold: () => shop.wait(confirm, "customer_paying"), odd: false });
      const again = (lane, state, scenario) => async () => {
        if ((await pages.get(lane).getAttribute("#scene", "data-state")) === state) return;
        await shop.sell(123_456, { lane, auth_code: code(scenario) });
        await shows(pages.get(lane), state);
      };
      const declined = again("4", "declined", 109), paid = again("7", "paid", 0);
      await declined();
      await look("4", "declined", { hold: declined });
      await paid();
      await look("7", "paid", { hold: paid });
    };
    await Promise.all([slow(), quick()]);

    // Another program holds the ledger: nothing can be kept, so nothing is sold, and two seconds later the daemon is gone.
    // It is stopped in between, so that there is time to look.
    const page = pages.get("7");
    await shows(page, "idle");
    await shop.breakLedger();
    shop.sell(100, { lane: "7" }).catch(() => {});
    await shows(page, "out_of_order");
    shop.freeze();
    await look("7", "out_of_order", { odd: false });
    await shop.kill();
    await page.waitForSelector("html[data-away]");
    await falls(page, 12_000);
    assert.deepEqual(await text(page, ".ask > *"), languages.map((tag) => catalogue(tag, "ask_cashier")[0]));
    assert.deepEqual(await text(page, ".lost p"), languages.map((tag) => catalogue(tag, "not_connected")[0]));
    await inspect(page, `${languages.join("+")}-ask_cashier`, { large: first });
    for (const each of pages.values()) assert.deepEqual(each.complaints, []);
  });
}

describe("an old \"paid\" never stands", { concurrency: 4 }, () => {
  const paid = (options, body) => inShop(options, async (shop) => {
    const page = await openPage(browser, shop.display(), { init: options.init });
    await shows(page, "idle");
    await shop.sell(8800, { auth_code: code() });
    await shows(page, "paid");
    await body(shop, page);
  });

  test("expiry: the daemon is killed while \"paid\" stands", () => paid({}, async (shop, page) => {
    await shop.kill();
    const killed = Date.now();
    await page.waitForSelector("html[data-away]", { timeout: 2000 });
    assert.deepEqual(await text(page, "#badge p"), ["尚未連線", "Not connected"]);
    assert.deepEqual(await layout(page), []);
    await shot(page, "display-killed-while-paid-1");
    await falls(page, 10_000);
    assert.ok(Date.now() - killed < 10_000);
    await shot(page, "display-killed-while-paid-2");
    await shop.start();
    await shows(page, "idle", 5000);
    assert.equal(await veiled(page), false, "it comes back by itself");
    assert.equal(await page.evaluate(() => "away" in document.documentElement.dataset), false);
  }));

  test("expiry: the daemon hangs and the connection stays open", () => paid({}, async (shop, page) => {
    shop.freeze();
    const frozen = Date.now();
    await falls(page, 12_000);
    assert.ok(Date.now() - frozen < 11_000);
    shop.thaw();
    await shows(page, "idle", 5000);
  }));

  test("expiry: the page's own clockwork hangs, and the veil falls nevertheless", () => paid({
    init: () => { window.setInterval = () => 0; window.setTimeout = () => 0; },
  }, async (shop, page) => {
    shop.freeze();
    await falls(page, 12_000);
    assert.equal(await page.getAttribute("#scene", "data-state"), "paid", "nobody but the veil has seen to it");
    assert.deepEqual(await layout(page), []);
  }));

  test("expiry: the page sleeps, and wakes with an old \"paid\" in its ears", () => inShop({}, async (shop) => {
    const page = await openPage(browser, shop.display());
    await shows(page, "idle");
    const payment = await shop.sell(8800);
    await shows(page, "armed");
    await page.evaluate(() => {
      window.saw = [];
      new MutationObserver(() => window.saw.push(`${document.getElementById("scene").hidden ? "(hidden) " : ""}${document.getElementById("scene").dataset.state} ${Math.round(performance.now())}`)).observe(document.getElementById("scene"), { attributes: true });
    });
    const session = await page.context().newCDPSession(page);
    await session.send("Debugger.enable");
    await session.send("Debugger.pause"); // as deep a sleep as a suspended tab's: no script runs, and what comes waits
    await shop.cancel(payment);
    const second = await shop.sell(9900, { auth_code: code() });
    await shop.wait(second, "paid");
    await until("six seconds have passed on the daemon's side", async () => (await shop.api("GET", "/v1/lanes")).json && Date.now() - Date.parse((await shop.api("GET", "/v1/lanes")).json.lanes[0].since) > 6000);
    await shop.kill();
    await session.send("Debugger.resume");
    await until("the old scene is gone", () => page.evaluate(() => document.getElementById("scene").hidden), 4000);
    await falls(page, 2000);
    const saw = await page.evaluate(() => window.saw);
    assert.deepEqual(saw.filter((it) => it.startsWith("paid")), [], `what waited while it slept is not shown: ${saw}`);
  }));

  test("expiry: the wall clock jumps an hour, either way", () => paid({}, async (shop, page) => {
    shop.freeze();
    await page.evaluate(() => { const real = Date.now; Date.now = () => real() - 3_600_000; });
    await falls(page, 12_000);
    shop.thaw();
    await shows(page, "idle", 5000);
    shop.freeze();
    await page.evaluate(() => { const real = Date.now; Date.now = () => real() + 7_200_000; });
    await falls(page, 2000);
    shop.thaw();
    await shows(page, "idle", 5000);
  }));

  test("a display that was never connected says so", () => inShop({}, async (shop) => {
    const page = await openPage(browser, "about:blank");
    await page.route("**/events", (route) => route.abort());
    await page.goto(shop.display());
    await falls(page, 5000);
    assert.deepEqual(await text(page, ".ask > *"), ["請向收銀員查詢", "Please ask the cashier"]);
  }));
});

describe("sound", { concurrency: 3 }, () => {
  /// Listens at the loudspeaker: how loud it was at most, and which pitches were asked for.
  const ears = () => {
    window.heard = { loudest: 0, pitches: [] };
    const connect = AudioNode.prototype.connect;
    AudioNode.prototype.connect = function (to, ...rest) {
      if (to === this.context.destination) {
        const ear = this.context.createAnalyser(), wave = new Float32Array(ear.fftSize);
        connect.call(this, ear);
        setInterval(() => {
          ear.getFloatTimeDomainData(wave);
          window.heard.loudest = Math.max(window.heard.loudest, ...wave.map(Math.abs));
        }, 20);
      }
      return connect.call(this, to, ...rest);
    };
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...at) { window.heard.pitches.push(Math.round(this.frequency.value)); return start.apply(this, at); };
  };
  const heard = (page) => page.evaluate(() => window.heard);

  test("paid rises, failed falls, and nothing rings twice", () => inShop({ lanes: ["1", "2"], scanners: ["1"] }, async (shop) => {
    const page = await openPage(browser, shop.display(), { init: ears });
    await shows(page, "idle");
    await shop.sell(8800, { auth_code: code() });
    await shows(page, "paid");
    const good = await until("a sound", async () => { const it = await heard(page); return it.loudest > 0.1 && it; }, 5000);
    assert.ok(good.pitches.length >= 2 && good.pitches.every((pitch, at) => at === 0 || pitch > good.pitches[at - 1]), `${good.pitches}`);
    await shows(page, "idle");
    assert.equal((await heard(page)).pitches.length, good.pitches.length, "a scene that is told again is not heard again");

    const payment = await shop.sell(8800);
    await shows(page, "armed");
    shop.scan(`28${code().slice(2)}`);
    await page.waitForSelector("#scene[data-again]");
    const bad = (await heard(page)).pitches.slice(good.pitches.length);
    assert.ok(bad.length >= 2 && bad.every((pitch, at) => at === 0 || pitch < bad[at - 1]), `${bad}`);
    await shop.cancel(payment);

    await shop.sell(8800, { lane: "2", auth_code: code(109) });
    const late = await openPage(browser, "about:blank");
    await shop.wait((await shop.api("GET", "/v1/payments")).json.payments[0], "declined");
    await late.addInitScript(ears);
    await late.goto(shop.display("2"));
    await shows(late, "declined");
    assert.deepEqual((await heard(late)).pitches, [], "a page that is opened says nothing of what was before");
    assert.deepEqual(page.complaints, []);
  }));

  test("sound = \"off\" is silent", () => inShop({ display: 'sound = "off"' }, async (shop) => {
    const page = await openPage(browser, shop.display(), { init: () => { window.AudioContext = class { constructor() { throw new Error("no sound was wanted"); } }; } });
    await shows(page, "idle");
    await shop.sell(8800, { auth_code: code() });
    await shows(page, "paid");
    assert.deepEqual(page.complaints, []);
  }));

  test("a browser that keeps the sound back is shown to the installer, and never rings late", () => inShop({}, async (shop) => {
    // The browser's policy, played: looking at a page by the debugger's door counts as a click and would lift the real one.
    const policy = () => {
      let allowed = false;
      const resume = AudioContext.prototype.resume, waiting = [], contexts = [];
      Object.defineProperty(BaseAudioContext.prototype, "state", { get() { return allowed ? "running" : "suspended"; } });
      AudioContext.prototype.resume = function () {
        contexts.push(this);
        return allowed ? resume.call(this) : new Promise((done) => waiting.push(() => resume.call(this).then(done)));
      };
      addEventListener("pointerdown", () => {
        allowed = true;
        waiting.forEach((go) => go());
        contexts.forEach((context) => context.dispatchEvent(new Event("statechange")));
      }, true);
    };
    const page = await openPage(browser, "about:blank");
    await page.addInitScript(ears);
    await page.addInitScript(policy);
    await page.goto(shop.display());
    await shows(page, "idle");
    await page.waitForSelector("html[data-blocked]");
    assert.ok(await page.locator("#mute").isVisible());
    await shop.sell(8800, { auth_code: code() });
    await shows(page, "paid");
    await page.evaluate(() => { window.later = performance.now() + 1000; });
    await page.waitForFunction(() => performance.now() > window.later);
    await page.mouse.click(200, 200);
    await page.waitForSelector("html:not([data-blocked])");
    assert.deepEqual((await heard(page)).pitches, [], "a chime for a sale that is over");
    await shows(page, "idle");
    await shop.sell(8800, { auth_code: code() });
    await until("the next sale is heard", async () => (await heard(page)).loudest > 0.1, 10_000);
  }));
});

describe("what is shown", { concurrency: 4 }, () => {
  test("hostile text stays text", () => {
    const evil = `<img src=x onerror=alert(1)><script>alert(2)</script>"'&lt;`;
    return inShop({ name: evil, terminal: `description = '<svg onload=alert(3)>'` }, async (shop) => {
      const page = await openPage(browser, shop.display());
      await shows(page, "idle");
      assert.deepEqual(await text(page, "#shop"), [evil]);
      await shop.show({ lines: [{ text: "<b onmouseover=alert(4)>Tea</b>" }, { text: "{{script}}${alert(5)}</script><script>", amount: 1 }, { text: "']);alert(6);//\\u003cimg src=x onerror=alert(7)>" }], total: 1 });
      await shows(page, "basket");
      assert.deepEqual(await text(page, "#basket span"), ["<b onmouseover=alert(4)>Tea</b>", "{{script}}${alert(5)}</script><script>", "']);alert(6);//\\u003cimg src=x onerror=alert(7)>"]);
      for (const size of SIZES) {
        await page.setViewportSize(size);
        assert.deepEqual(await layout(page), [], `${size.width}`);
      }
      await shot(page, "display-hostile");
      await shop.sell(8800, { description: "<script>alert(8)</script>", operator: "<img src=x onerror=alert(9)>", attach: "<svg onload=alert(10)>", client_ref: "R-<script>".replace(/[<>]/g, "_") });
      await shows(page, "armed");
      const html = await page.content();
      for (const name of ["alert(8)", "alert(9)", "alert(10)", "R-_script_"]) assert.ok(!html.includes(name), `${name} is none of the customer's business`);
      assert.equal(await page.evaluate(() => document.scripts.length), 1);
      await assert.rejects(page.evaluate(() => { document.body.insertAdjacentHTML("beforeend", "<b>x</b>"); }), /TrustedHTML/);
      assert.equal(page.complaints.filter((it) => !/TrustedHTML|trusted-types/i.test(it)).join(), "");
    });
  });

  test("amounts stand in the form of their currency, however large", () => Promise.all(
    [["HKD", 8800, "88.00"], ["HKD", 5_000_000, "50,000.00"], ["JPY", 1_234_567, "1,234,567"], ["KRW", 1_000_000_000, "1,000,000,000"], ["CNY", 1, "0.01"]].map(([currency, minor, digits]) =>
      inShop({ currency, terminal: "amount_max = 1000000000" }, async (shop) => {
        const page = await openPage(browser, shop.display());
        await shop.sell(minor);
        await shows(page, "armed");
        assert.equal((await page.locator("#amount").innerText()).replace(/\s/g, ""), currency + digits);
        for (const size of [...ODD, ...SIZES]) {
          await page.setViewportSize(size);
          assert.deepEqual(await layout(page), [], `${currency} ${digits} at ${size.width}`);
        }
      })),
  ));

  test("the time to confirm runs down, and the time to look for the phone only at its end", () => inShop({ lanes: ["1", "2"] }, async (shop) => {
    const [one, two] = [await openPage(browser, shop.display("1")), await openPage(browser, shop.display("2"))];
    await shop.sell(8800, { lane: "1", auth_code: code(3) });
    await shows(one, "customer_paying");
    const seconds = async (page) => { const [, m, s] = (await page.locator("#left").innerText()).match(/^(\d+):(\d\d)$/); return Number(m) * 60 + Number(s); };
    const first = await until("a countdown", () => seconds(one).catch(() => 0));
    assert.ok(first > 10 && first <= 30, `${first}`);
    await until("it runs", async () => (await seconds(one)) < first);
    await shop.sell(8800, { lane: "2", deadline_s: 38 });
    await shows(two, "armed");
    assert.equal(await two.locator("#left").innerText(), "");
    await until("the last half minute is told", () => seconds(two).catch(() => 0));
  }));

  test("a basket is gone after its time, and with a payment", () => inShop({}, async (shop) => {
    const page = await openPage(browser, shop.display());
    assert.equal((await shop.show({ lines: [{ text: "Tea", amount: 1800 }], total: 1800, ttl_s: 3 })).status, 204);
    await shows(page, "basket");
    await shows(page, "idle", 8000);
    await shop.show({ lines: Array.from({ length: 100 }, (_, at) => ({ text: `Article ${at}`, amount: 100 * at })), total: 495_000 });
    await shows(page, "basket");
    for (const size of [...ODD, ...SIZES]) {
      await page.setViewportSize(size);
      await until("it has found its place", async () => (await layout(page)).length === 0, 3000).catch(async () => assert.deepEqual(await layout(page), [], `${size.width}`));
      const told = await text(page, "#basket li");
      assert.ok(told.at(-1).includes("Article 99") && /^⋯ \+\d+$/.test(told[0]), `${told}`);
    }
    await page.setViewportSize(SIZES[1]);
    await shop.show({ lines: [{ text: "Thank you for waiting" }] });
    await until("only words", async () => (await page.locator("#amount").innerText()) === "");
    assert.deepEqual(await layout(page), []);
    await shop.sell(1800, { auth_code: code() });
    await shows(page, "paid");
    await shows(page, "idle");
  }));

  test("a picture is shown while nobody pays, if it is one", () => inShop({ lanes: ["1", "2"], display: 'picture = "welcome.jpg"' }, async (shop) => {
    await shop.kill();
    const canvas = await openPage(browser, "about:blank");
    const image = await canvas.evaluate(() => {
      const it = Object.assign(document.createElement("canvas"), { width: 1600, height: 1200 }), pen = it.getContext("2d");
      const ground = pen.createLinearGradient(0, 0, 1600, 1200);
      ground.addColorStop(0, "#f3c98b");
      ground.addColorStop(1, "#5a2410");
      pen.fillStyle = ground;
      pen.fillRect(0, 0, 1600, 1200);
      return it.toDataURL("image/jpeg").split(",")[1];
    });
    writeFileSync(shop.path("welcome.jpg"), Buffer.from(image, "base64"));
    await shop.start();
    const page = await openPage(browser, shop.display());
    await shows(page, "idle");
    await page.waitForFunction(() => document.getElementById("picture").naturalWidth === 1600);
    await inspect(page, "picture");
    await shop.kill();
    writeFileSync(shop.path("welcome.jpg"), "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>");
    await shop.start();
    await until("the page has loaded itself anew, without", () => page.evaluate(() => document.getElementById("picture").hidden).catch(() => false));
    assert.match(shop.log(), /display\.picture is not shown .*neither PNG nor JPEG nor WebP/);
    assert.deepEqual(page.complaints, []);
  }));

  test("who wants no motion has none, and dark surroundings get a dark page", () => inShop({}, async (shop) => {
    const page = await openPage(browser, shop.display(), { reducedMotion: "reduce", colorScheme: "dark" });
    await shop.sell(8800, { auth_code: code(3) });
    await shows(page, "customer_paying");
    const moving = await page.evaluate(() => document.getAnimations().map((it) => it.animationName));
    assert.deepEqual(moving.filter((name) => !name.startsWith("fall")), []);
    const lightness = await page.evaluate(() => getComputedStyle(document.getElementById("scene")).backgroundColor.match(/\d+/g).map(Number).reduce((a, b) => a + b));
    assert.ok(lightness < 120, `${lightness}`);
    const plain = await openPage(browser, shop.display(), { colorScheme: "light" });
    await shows(plain, "customer_paying");
    assert.ok(await plain.evaluate(() => document.getAnimations().length) > 1);
  }));
});
