// The cashier page: signing in, selling by click and by key, and everything that can go wrong at a counter.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Shop, axe, code, layout, openBrowser, openPage, shot, until } from "./lib.mjs";

/// A till's small touch screen, a desk, a phone.
const SIZES = [[800, 480], [1280, 800], [390, 844]].map(([width, height]) => ({ width, height }));
const LANGUAGES = ["en", "zh-CN", "zh-HK"];
const BOSS = "[refund]\noperator_max = 5000\n";

let browser;
before(async () => { browser = await openBrowser(); });
after(() => browser?.close());

/// Opens a shop, runs `story` in it, and ends it.
async function shopOf(options, story) {
  const shop = await Shop.open({ scanners: ["1"], ...options });
  try {
    await story(shop);
  } finally {
    for (const context of browser.contexts()) {
      await Promise.all(context.pages().map((page) => page.unrouteAll({ behavior: "ignoreErrors" })));
      await context.close();
    }
    await shop.close();
  }
}

/// A cashier page that is signed in.
async function signedIn(shop, options = {}) {
  const lane = options.lane ?? "1";
  const page = await openPage(browser, shop.shroff("cashier", "--lane", lane).trim(), { size: SIZES[1], ...options });
  await page.waitForSelector("#view h1");
  return page;
}

/// Signs in where a session has ended.
async function signInAgain(page, shop) {
  await page.fill("#code", shop.shroff("cashier").trim().split("=")[1]);
  await page.keyboard.press("Enter");
}

const stage = (page, state) => page.waitForSelector(`#stage[data-state="${state}"]:not([hidden])`, { timeout: 60_000 });
const idle = (page) => page.waitForSelector(".till:not([hidden])");
const reads = (page, selector, text) => page.waitForFunction(
  ([selector, text]) => [...document.querySelectorAll(selector)].some((it) => it.checkVisibility() && it.textContent.includes(text)), [selector, text], { timeout: 30_000 });
/// A result has to stand a moment before a key puts it away.
const glance = (page) => page.waitForFunction(() => {
  window.seenAt ??= performance.now();
  return performance.now() - window.seenAt > 900;
}).then(() => page.evaluate(() => { delete window.seenAt; }));
const next = async (page) => { await glance(page); await page.click("#next"); await idle(page); };
const all = async (shop) => (await shop.api("GET", "/v1/payments?limit=200")).json.payments;
/// What the browser itself says of answers that are refusals is no complaint.
const complaints = (page) => page.complaints.filter((it) => !/status of (4\d\d|503)/.test(it));

/// Sells and is paid, by the fastest way there is. On a machine that is busy a page may not be connected for a moment; it
/// sends nothing then.
async function sell(page, shop, amount, scenario = 0, end = "paid") {
  await page.keyboard.type(amount);
  await page.waitForSelector("#charge:not([disabled])");
  await page.keyboard.press("Enter");
  await stage(page, "armed");
  shop.scan(code(scenario));
  await stage(page, end);
}

test("the link of shroff cashier signs in, and its code is in no address afterwards", () => shopOf({}, async (shop) => {
  const page = await openPage(browser, shop.cashier(), { size: SIZES[1] });
  await page.waitForSelector("#code");
  assert.deepEqual(await axe(page), []);
  await page.fill("#code", "AAAAA-AAAAA");
  await page.keyboard.press("Enter");
  await reads(page, "#login-wrong", "Run shroff cashier");
  assert.equal(await page.inputValue("#code"), "");
  const link = shop.shroff("cashier").trim();
  await page.fill("#code", link.split("=")[1].toLowerCase());
  await page.keyboard.press("Enter");
  await idle(page);
  await page.click("#menu");
  await page.click("#sign-out");
  await page.waitForSelector("#code");
  const other = await openPage(browser, link, { size: SIZES[1] });
  await reads(other, "#login-wrong", "Run shroff cashier");
  await other.fill("#code", shop.token);
  await other.keyboard.press("Enter");
  await idle(other);
  assert.ok(!other.url().includes("login"), other.url());
  const kept = await other.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie, history.length]));
  assert.ok(!kept.includes(shop.token), "the terminal's token is kept nowhere");
  await other.reload();
  await idle(other);
  assert.deepEqual([...complaints(page), ...complaints(other)], []);
}));

test("a whole sale driven by clicks", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop, { size: SIZES[0] });
  for (const key of ["8", "8", ".", "5"]) await page.click(`.keypad button:text-is("${key}")`);
  assert.equal(await page.textContent("#entry"), "88.5");
  assert.ok(await page.evaluate(() => !document.activeElement.closest(".pad")), "Enter does not repeat the key that was clicked");
  assert.equal(await page.textContent("#charge"), "Take HKD\u00a088.50");
  await page.click("#charge");
  await stage(page, "armed");
  await reads(page, ".left", "left to scan");
  shop.scan(code());
  await stage(page, "paid");
  await reads(page, ".said", "Hand over the goods");
  await next(page);
  const [payment] = await until("it is acknowledged", async () => {
    const payments = await all(shop);
    return payments[0].acked && payments;
  });
  assert.deepEqual([payment.amount, payment.state, payment.lane], [8850, "paid", "1"]);
  assert.deepEqual(complaints(page), []);
}));

test("a whole sale driven by the keyboard, with a refused card in between", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  await page.keyboard.type("1200.505");
  assert.equal(await page.textContent("#entry"), "1,200.505", "what was typed is what is judged");
  await reads(page, ".fault", "not clear");
  assert.ok(await page.isDisabled("#charge"));
  await page.keyboard.press("Backspace");
  assert.equal(await page.textContent("#charge"), "Take HKD\u00a01,200.50");
  await page.keyboard.press("Escape");
  assert.equal(await page.textContent("#entry"), "0.00");
  await page.keyboard.press("Enter");
  await reads(page, ".fault", "Enter an amount first");
  await page.keyboard.type("12");
  await page.keyboard.press("Enter");
  await stage(page, "armed");
  shop.scan("28763443825664394");
  await reads(page, ".aside", "Alipay");
  shop.scan(code(101));
  await reads(page, "#stage-title", "another code");
  await reads(page, ".text", "Insufficient balance");
  shop.scan(code(1));
  await stage(page, "customer_paying");
  await reads(page, ".left", "left to confirm");
  await stage(page, "paid");
  await page.keyboard.press("Enter");
  assert.ok(await page.isVisible("#stage"), "a result is not put away by the key that came before it");
  await glance(page);
  await page.keyboard.press("Enter");
  await idle(page);
  for (const [keys, view] of [["Alt+2", "Payments"], ["Alt+3", "Attention"], ["Alt+4", "Close of day"], ["Alt+1", "Amount"]]) {
    await page.keyboard.press(keys);
    await reads(page, "#view h1", view);
  }
  assert.deepEqual(complaints(page), []);
}));

test("a comma makes no other amount of the digits around it", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  const typed = async (keys, shown, charge) => {
    await page.keyboard.press("Escape");
    await page.keyboard.type(keys);
    assert.deepEqual([await page.textContent("#entry"), await page.textContent("#charge")], [shown, charge]);
    assert.equal(await page.isDisabled("#charge"), charge === "Take payment", keys);
  };
  await typed("1,234.5", "1,234.5", "Take HKD\u00a01,234.50");
  for (const keys of ["1,50", "12345,678", "1,2345", ",50", "1,,000", "1,50.25"]) await typed(keys, keys, "Take payment");
  await reads(page, ".till .fault", "Write it like 1,234.50");
  await page.keyboard.press("Enter");
  await reads(page, ".till .fault", "a comma only between thousands");
  assert.deepEqual(await all(shop), []);
  // The number pad's decimal key means the point, whatever it writes; an input method's sign means what is on the key.
  const key = (code, key) => page.evaluate(([code, key]) => document.body.dispatchEvent(new KeyboardEvent("keydown", { code, key, bubbles: true, cancelable: true })), [code, key]);
  for (const [code, sign, shown] of [["NumpadDecimal", ",", "1.50"], ["NumpadComma", ".", "1,50"], ["Comma", "，", "1,50"], ["Comma", "Process", "1,50"], ["Period", "Process", "1.50"]]) {
    await page.keyboard.press("Escape");
    await page.keyboard.type("1");
    await key(code, sign);
    await page.keyboard.type("50");
    assert.equal(await page.textContent("#entry"), shown, `${code} ${sign}`);
  }
  await page.keyboard.press("Escape");
  await sell(page, shop, "1,200");
  assert.equal((await all(shop))[0].amount, 120_000);
  await page.click("#details");
  await page.click("#refund");
  for (const [text, reading] of [["1,50", null], ["1,150", "1,150.00"], ["1150", "1,150.00"], ["1,1", null], ["1 50", null], ["1.505", null], ["1.5", "1.50"]]) {
    await page.fill("#refund-amount", text);
    assert.equal(await page.textContent("#refund-go"), reading ? `Give back HKD\u00a0${reading}` : "Refund", text);
    assert.equal(await page.isDisabled("#refund-go"), !reading, text);
    assert.equal(await page.textContent("#refund-unclear"), reading ? "" : "This amount is not clear. Write it like 1,234.50: a comma only between thousands.", text);
  }
}));

test("a currency without decimals has no point", () => shopOf({ currency: "JPY", scanners: [] }, async (shop) => {
  const page = await signedIn(shop);
  assert.equal(await page.locator(".keypad button").count(), 11);
  await page.keyboard.type("12.34");
  await reads(page, ".fault", "not clear");
  assert.ok(await page.isDisabled("#charge"), "it is neither 12 nor 1,234");
  await page.keyboard.press("Escape");
  await page.keyboard.type("1234");
  assert.equal(await page.textContent("#entry"), "1,234");
  assert.equal(await page.textContent("#charge"), "Take JPY\u00a01,234");
  await page.click("#charge");
  await stage(page, "armed");
  await reads(page, ".aside", "No scanner");
  assert.equal((await all(shop))[0].amount, 1234);
}));

test("what is too large is said before it is sent, and a scanner that types is no cashier", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  await page.keyboard.type("50000.01");
  await reads(page, ".fault", "At most HKD\u00a050,000.00");
  assert.ok(await page.isDisabled("#charge"));
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.keyboard.type("134539517967681395\n", { delay: 2 });
  await reads(page, ".fault", "Enter the amount first");
  assert.equal(await page.textContent("#entry"), "0.00");
  await glance(page); // until the scanner has stopped
  await page.keyboard.type("4902102072618\n");
  await reads(page, ".fault", "At most");
  assert.deepEqual(await all(shop), []);
  assert.ok(!(await page.content()).includes("1345395179"), "no digit of a code stays");
}));

test("a double click, a held key and a lost answer charge once", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  let posts = 0;
  await page.route("**/v1/payments", async (route) => {
    posts += 1;
    if (posts > 2) return route.continue();
    // It arrives, and the answer does not.
    if (posts === 1) await route.fetch();
    return route.abort();
  });
  await page.keyboard.type("88");
  await page.dblclick("#charge");
  await page.keyboard.press("Enter");
  await stage(page, "armed");
  assert.equal(posts, 3);
  const payments = await all(shop);
  assert.equal(payments.length, 1);
  await page.reload();
  await stage(page, "armed");
  shop.scan(code());
  await stage(page, "paid");
  await page.reload();
  await stage(page, "paid");
  await next(page);
  assert.equal((await all(shop)).length, 1);
}));

test("loaded anew while the answer is out, the page finds its payment or gives the amount back", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  let arrives = false;
  await page.route("**/v1/payments", async (route) => {
    if (arrives) await route.fetch();
    return route.abort();
  });
  await page.keyboard.type("77");
  await page.keyboard.press("Enter");
  await reads(page, ".fault", "No answer yet");
  await page.reload();
  await reads(page, ".fault", "nothing was taken");
  assert.equal(await page.textContent("#entry"), "77");
  assert.deepEqual(await all(shop), []);
  arrives = true;
  await page.keyboard.press("Enter");
  await until("it arrived", async () => (await all(shop)).length === 1);
  await page.reload();
  await stage(page, "armed");
  assert.equal((await all(shop)).length, 1);
  // Whoever scans now stands here.
  shop.scan(code());
  await stage(page, "paid");
  assert.equal(await page.textContent("#stage-title"), "Paid");
}));

test("what was said of a lost press does not stand beside another payment", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  await page.route("**/v1/payments", (route) => route.abort());
  await page.keyboard.type("80");
  await page.keyboard.press("Enter");
  await reads(page, ".fault", "No answer yet");
  await page.reload();
  await reads(page, ".fault", "nothing was taken");
  await shop.sell(8000);
  await stage(page, "armed");
  shop.scan(code());
  await stage(page, "paid");
  assert.equal(await page.textContent("#stage .aside"), "", "whoever reads on takes it twice");
}));

test("a lost answer's name is not the next customer's, shown or old", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  const sell = async (count, meanwhile = () => {}) => {
    await page.keyboard.type("88\n");
    await stage(page, "armed");
    assert.equal((await all(shop)).length, count);
    await meanwhile();
    shop.scan(code());
    await stage(page, "paid");
    await next(page);
  };
  // What stays in the tab's memory when the answer is lost and nobody presses the key again.
  const note = async (age) => {
    const [{ client_ref }] = await all(shop);
    await page.evaluate((it) => sessionStorage.setItem("shroff.ask-1", JSON.stringify(it)),
      { client_ref, amount: 8800, lane: "1", currency: "HKD", began: Date.now() - age });
  };
  await sell(1, () => note(0));
  await sell(2);
  await note(200_000);
  await sell(3);
}));

/// Presses for `amount`: it arrives, and then the terminal is away for this page. `back()` ends that, `posts` are the names
/// that were sent.
async function pressAndLose(page, shop, amount) {
  let away = false;
  const posts = [];
  await page.route("**/v1/**", async (route) => {
    const request = route.request();
    const sale = request.method() === "POST" && request.url().endsWith("/v1/payments");
    if (sale) posts.push(JSON.parse(request.postData()).client_ref);
    if (away) return route.abort();
    if (!sale || posts.length > 1) return route.continue();
    away = true;
    await route.fetch();
    return route.abort();
  });
  await page.keyboard.type(amount);
  await page.keyboard.press("Enter");
  await until("it arrived", async () => (await all(shop))[0]?.amount === Number(amount) * 100);
  return { posts, back: () => { away = false; } };
}
const paid = (shop) => until("it is paid", async () => (await all(shop))[0].state === "paid");

test("what was paid while its answer was lost is an earlier sale, and never the next customer's", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  const { posts, back } = await pressAndLose(page, shop, "88");
  shop.scan(code());
  await paid(shop);
  // The page gives up: nobody can still be standing there.
  await page.waitForFunction(() => !document.querySelector("#charge").classList.contains("busy"), null, { timeout: 60_000 });
  back();
  await stage(page, "paid");
  const title = () => page.textContent("#stage-title");
  assert.equal(await title(), "An earlier sale was paid");
  const [{ created_at }] = await all(shop);
  const begun = new Date(Date.parse(created_at) + 8 * 3600_000).toISOString().slice(11, 16);
  await reads(page, ".text", `It was begun at ${begun}. Hand over the goods only if it is`);
  assert.equal(await page.getAttribute("#stage", "data-look"), "help");
  await glance(page);
  await page.keyboard.press("Enter");
  assert.ok(await page.isVisible("#stage"), "whose it was is said by no key that was meant for the amount");
  await page.reload();
  await stage(page, "paid");
  assert.equal(await title(), "An earlier sale was paid", "loaded anew, it is what it was");
  assert.deepEqual(await axe(page), []);
  await glance(page);
  await page.click("#other");
  await idle(page);
  assert.equal((await all(shop))[0].acked, false, "another customer's stays among what needs somebody");
  await page.keyboard.type("88\n");
  await stage(page, "armed");
  assert.equal((await all(shop)).length, 2);
  assert.equal(new Set(posts).size, 2, "the next customer's has a name of its own");
  assert.equal(await title(), "Waiting for the code");
  shop.scan(code());
  await stage(page, "paid");
  assert.equal(await title(), "Paid");
  assert.deepEqual(complaints(page), []);
}));

test("a press that finds an earlier sale says so, and takes the customer's own", () => shopOf({}, async (shop) => {
  const [gone, other] = [await shop.sell(8800), await shop.cancel({ ref: (await all(shop))[0].ref }).then(() => shop.sell(8800, { auth_code: code() }))];
  await paid(shop);
  const page = await signedIn(shop);
  await idle(page);
  // What stays in the tab's memory when an answer was lost, and nothing has moved since.
  const note = ({ client_ref }) => page.evaluate((it) => sessionStorage.setItem("shroff.ask-1", JSON.stringify(it)),
    { client_ref, amount: 8800, lane: "1", currency: "HKD", began: Date.now() });
  await note(gone);
  await page.keyboard.type("88\n");
  await stage(page, "armed");
  assert.equal((await all(shop)).length, 3, "one that ended and took nothing is nobody's");
  assert.equal(await page.textContent(".names"), "");
  await page.keyboard.press("Escape");
  await stage(page, "canceled");
  await next(page);
  await until("it is put away", async () => (await all(shop))[0].acked);
  await page.reload();
  await idle(page);
  await note(other);
  await page.keyboard.type("50\n");
  await reads(page, "#stage-title", "An earlier sale was paid");
  assert.deepEqual([await page.textContent(".total"), await page.textContent("#other")], ["HKD\u00a088.00", "No: take HKD\u00a050.00 now"]);
  await next(page);
  assert.deepEqual([await page.textContent("#entry"), (await all(shop)).length], ["0.00", 3]);
  await note(other);
  await page.keyboard.type("88\n");
  await reads(page, "#stage-title", "An earlier sale was paid");
  await glance(page);
  await page.click("#other");
  await stage(page, "armed");
  const [mine, ...before] = await all(shop);
  assert.deepEqual([mine.amount, before.length], [8800, 3]);
  assert.ok(!before.some((it) => it.client_ref === mine.client_ref));
  shop.scan(code());
  await reads(page, "#stage-title", "Paid");
  assert.deepEqual(complaints(page), []);
}));

test("what a session's end refuses is not forgotten", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  const { back } = await pressAndLose(page, shop, "88");
  shop.scan(code());
  await paid(shop);
  await shop.api("POST", "/v1/logout", undefined, await page.evaluate(() => localStorage.getItem("shroff.session")));
  back();
  await page.waitForSelector("#code");
  assert.notEqual(await page.evaluate(() => sessionStorage.getItem("shroff.ask-1")), null);
  await signInAgain(page, shop);
  await reads(page, "#stage-title", "An earlier sale was paid");
  assert.equal((await all(shop)).length, 1);
}));

test("a session that ends in mid-sale leaves nothing old on the stage", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  const signOutThere = async () => {
    await shop.api("POST", "/v1/logout", undefined, await page.evaluate(() => localStorage.getItem("shroff.session")));
    await page.waitForSelector("#code");
  };
  await page.keyboard.type("88\n");
  await stage(page, "armed");
  await signOutThere();
  await signInAgain(page, shop);
  await stage(page, "armed");
  shop.scan(code());
  await stage(page, "paid");
  await next(page);
  await page.keyboard.type("89\n");
  await stage(page, "armed");
  await signOutThere();
  shop.scan(code());
  await paid(shop);
  await signInAgain(page, shop);
  await stage(page, "paid");
  await reads(page, ".total", "HKD\u00a089.00");
  await next(page);
  await until("both are put away", async () => (await all(shop)).every((it) => it.acked));
  assert.equal((await all(shop)).length, 2);
}));

test("a result that is old when it is first seen is an earlier sale", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  await page.keyboard.type("88\n");
  await stage(page, "armed");
  // The page hears nothing until two minutes later.
  let away = true;
  await page.route("**/v1/**", async (route) => {
    if (away) return route.abort();
    if (!route.request().url().endsWith("/v1/lanes")) return route.continue();
    const answer = await route.fetch();
    const json = await answer.json();
    return route.fulfill({ response: answer, json: { ...json, now: new Date(Date.parse(json.now) + 120_000).toISOString() } });
  });
  await page.waitForSelector(".lost:not([hidden])");
  shop.scan(code());
  await paid(shop);
  await page.clock.install({ time: Date.now() + 120_000 });
  away = false;
  await stage(page, "paid");
  await reads(page, "#stage-title", "An earlier sale was paid");
}));

test("cancelling is at once before a code, and asks back after it", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  await page.keyboard.type("5\n");
  await stage(page, "armed");
  await page.keyboard.press("Escape");
  await stage(page, "canceled");
  await next(page);
  await page.keyboard.type("6\n");
  await stage(page, "armed");
  shop.scan(code(3));
  await stage(page, "customer_paying");
  await page.click("#cancel");
  await reads(page, "dialog", "may be paying right now");
  assert.deepEqual(await axe(page), []);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog", { state: "detached" });
  assert.equal((await all(shop))[0].state, "customer_paying", "the first button keeps waiting");
  await page.click("#cancel");
  await page.click("dialog .danger");
  await stage(page, "reversing");
  await reads(page, ".text", "Do not hand over the goods");
  assert.ok(await page.isHidden("#cancel"), "once is enough");
}));

test("two tabs and a POS on one lane see the same payment", () => shopOf({ lanes: ["1", "2"] }, async (shop) => {
  const [one, two] = [await signedIn(shop), await signedIn(shop)];
  await one.keyboard.type("10\n");
  await stage(two, "armed");
  shop.scan(code());
  await Promise.all([stage(one, "paid"), stage(two, "paid")]);
  await next(two);
  await idle(one);
  // Both press at the same moment: one payment is taken, and both see it.
  await one.keyboard.type("11");
  await two.keyboard.type("12");
  await Promise.all([one.keyboard.press("Enter"), two.keyboard.press("Enter")]);
  await Promise.all([stage(one, "armed"), stage(two, "armed")]);
  assert.equal(await one.textContent(".total"), await two.textContent(".total"));
  await one.keyboard.press("Escape");
  await Promise.all([stage(one, "canceled"), stage(two, "canceled")]);
  await next(one);
  const sold = await shop.sell(900);
  await stage(one, "armed");
  await reads(one, ".names", sold.client_ref);
  shop.scan(code());
  await stage(one, "paid");
  await next(one);
  assert.equal((await shop.api("GET", `/v1/payments/${sold.ref}`)).json.acked, false, "a POS records its own payments");
}));

test("a refund, by the cashier, by the supervisor, and never twice", () => shopOf({ config: BOSS }, async (shop) => {
  const page = await signedIn(shop);
  await sell(page, shop, "200");
  await page.click("#details");
  await page.click("#refund");
  await page.fill("#refund-amount", "250");
  assert.ok(await page.isDisabled("#refund-go"), "no more than there is");
  await page.fill("#refund-amount", "20");
  assert.ok(await page.isHidden("#refund-token"));
  await page.click(".chip >> nth=0");
  let lost = true;
  await page.route("**/refunds", async (route) => {
    if (route.request().method() !== "POST" || !lost) return route.continue();
    lost = false;
    await route.fetch();
    return route.abort();
  });
  await page.click("#refund-go");
  await page.waitForSelector("[data-refund]");
  await page.click("#refund");
  assert.equal(await page.inputValue("#refund-amount"), "180.00".replace("180", (await all(shop))[0].refunded ? "180" : "200"));
  await page.fill("#refund-amount", "60");
  await page.fill("#refund-reason", "wrong dish");
  await page.fill("#refund-token", "not-the-token-of-anybody-at-all-1234");
  await page.click("#refund-go");
  await reads(page, "dialog .fault", "not the supervisor's token");
  await page.fill("#refund-token", shop.token);
  await page.click("#refund-go");
  await reads(page, "dialog .fault", "not the supervisor's token");
  await page.fill("#refund-token", shop.supervisor);
  await page.click("#refund-go");
  await page.waitForSelector("dialog", { state: "detached" });
  await page.waitForFunction(() => document.querySelectorAll("[data-refund]").length === 2);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.body.outerHTML]));
  assert.ok(!kept.includes(shop.supervisor), "the supervisor's token is kept nowhere");
  const { refunds } = (await shop.api("GET", `/v1/payments/${(await all(shop))[0].ref}/refunds`)).json;
  assert.deepEqual(refunds.map((it) => [it.amount, it.supervised]), [[2000, false], [6000, true]]);
  await page.click("summary");
  await reads(page, ".journal td", "paid");
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(complaints(page), []);
}));

test("a refund without an answer keeps its name, whatever is refused afterwards", () => shopOf({ config: BOSS }, async (shop) => {
  const page = await signedIn(shop);
  await sell(page, shop, "300");
  await page.click("#details");
  const given = async () => (await shop.api("GET", `/v1/payments/${(await all(shop))[0].ref}/refunds`)).json.refunds.map((it) => it.amount);
  let away = true;
  await page.route("**/refunds*/**", (route) => (away ? route.abort() : route.continue()));
  await page.route("**/refunds", async (route) => {
    if (route.request().method() !== "POST" || !away) return route.continue();
    // It arrives, and the answer does not; a refusal does.
    const answer = await route.fetch();
    return answer.ok() ? route.abort() : route.fulfill({ response: answer });
  });
  const ask = async (amount, token) => {
    await page.fill("#refund-amount", amount);
    await page.fill("#refund-reason", "wrong dish");
    if (token) await page.fill("#refund-token", token);
    await page.click("#refund-go");
  };
  const wrong = "not-the-token-of-anybody-at-all-1234";
  await page.click("#refund");
  await ask("100", shop.supervisor);
  await reads(page, "dialog .fault", "not known whether");
  await ask("100", wrong);
  await reads(page, "dialog .fault", "may have been taken in");
  assert.doesNotMatch(await page.textContent("dialog .fault"), /Nothing was given back/);
  away = false;
  await ask("100", wrong);
  await reads(page, ".detail .fault", "HKD\u00a0100.00 that was asked for before was taken in");
  assert.deepEqual(await given(), [10_000]);
  // What was never sent before is known not to be given back.
  await page.click("#refund");
  await ask("60", wrong);
  await reads(page, "dialog .fault", "Nothing was given back");
  away = true;
  await ask("60", shop.supervisor);
  await reads(page, "dialog .fault", "not known whether");
  // Loaded anew, and signed in anew, it is asked about before another is begun.
  away = false;
  await page.reload();
  await page.click("#refund");
  await reads(page, ".detail .fault", "HKD\u00a060.00 that was asked for before was taken in");
  await page.click("#refund");
  away = true;
  await ask("20");
  await reads(page, "dialog .fault", "not known whether");
  await shop.api("POST", "/v1/logout", undefined, await page.evaluate(() => localStorage.getItem("shroff.session")));
  await page.evaluate(() => document.querySelector("#refund-go")?.click());
  await page.waitForSelector("#code");
  away = false;
  await signInAgain(page, shop);
  await page.click("#refund");
  await reads(page, ".detail .fault", "HKD\u00a020.00 that was asked for before was taken in");
  assert.deepEqual(await given(), [10_000, 6000, 2000]);
}));

test("a refund that is on its way when its dialog is closed keeps its name", () => shopOf({ config: BOSS }, async (shop) => {
  const page = await signedIn(shop);
  await sell(page, shop, "100");
  await page.click("#details");
  const given = async () => (await shop.api("GET", `/v1/payments/${(await all(shop))[0].ref}/refunds`)).json.refunds.map((it) => it.amount);
  let posts = 0, letGo;
  const held = new Promise((done) => { letGo = done; });
  await page.route("**/refunds", async (route) => {
    if (route.request().method() === "POST" && (posts += 1) === 1) await held;
    return route.continue();
  });
  await page.click("#refund");
  await page.fill("#refund-amount", "20");
  await page.fill("#refund-reason", "wrong dish");
  await page.click("#refund-go");
  await until("it is on its way", () => posts === 1);
  await page.keyboard.press("Escape");
  await page.click("#refund");
  await reads(page, "dialog .fault", "given back once only");
  letGo();
  await until("it arrived", async () => (await given()).length === 1);
  await page.waitForFunction(() => sessionStorage.length === 0 || !Object.keys(sessionStorage).some((it) => it.includes("refund-")));
  await page.click("#refund-go");
  await until("it is asked for again", () => posts === 2);
  await page.waitForFunction(() => !document.querySelector("dialog[open]"));
  assert.deepEqual(await given(), [2000]);
}));

test("what needs somebody cannot be overlooked, until somebody has seen to it", () => shopOf({}, async (shop) => {
  const sold = await shop.sell(4200, { auth_code: code() });
  await shop.wait(sold, "paid");
  const page = await signedIn(shop);
  assert.ok(await page.isHidden(".alarm"), "a POS has a minute to record what it sold");
  await page.route("**/v1/lanes", async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    return route.fulfill({ response: answer, json: { ...json, now: new Date(Date.parse(json.now) + 120_000).toISOString() } });
  });
  for (const view of ["sell", "payments", "close"]) {
    await page.evaluate((view) => { location.hash = `#/${view}`; }, view);
    await page.waitForSelector(".alarm:not([hidden])");
  }
  assert.match(await page.title(), /^\(1\) /);
  await page.click(".alarm");
  await reads(page, ".item h2", "Paid, and not recorded");
  for (const size of SIZES) {
    await page.setViewportSize(size);
    await shot(page, `cashier-attention-${size.width}`);
  }
  assert.deepEqual(await axe(page), []);
  await page.click(".item .main");
  await reads(page, ".calm", "Nothing needs anybody");
  assert.ok(await page.isHidden(".alarm"));
  assert.equal((await shop.api("GET", `/v1/payments/${sold.ref}`)).json.acked, true);
}));

test("a search finds what a customer can read out", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  // Three customers' digits together are more than an amount has, and no scanner has typed.
  for (const amount of ["12.30", "1234.50", "7000.25"]) {
    await sell(page, shop, amount);
    await next(page);
  }
  const paid = (await all(shop)).find((it) => it.amount === 123_450);
  await page.keyboard.press("Alt+2");
  await reads(page, ".hint", ": 3");
  for (const words of ["1,234.50", paid.transaction_id, paid.out_trade_no.toLowerCase(), paid.client_ref.slice(-8)]) {
    await page.fill("#search", words);
    await reads(page, ".hint", "all days: 1");
    await page.waitForFunction(() => document.querySelectorAll("a.row").length === 1);
  }
  await page.fill("#search", "134539517967681395");
  await reads(page, ".fault", "payment code");
  assert.equal(await page.inputValue("#search"), "");
  await page.fill("#search", "nothing like it");
  await reads(page, ".hint", "Nothing found");
  await page.fill("#search", "");
  await page.fill("#day", "2026-01-01");
  await reads(page, ".hint", "No payments on 2026-01-01");
}));

test("the close of day has the numbers of shroff close", () => shopOf({ config: BOSS }, async (shop) => {
  const page = await signedIn(shop);
  await page.click("#menu");
  await page.fill("#operator", "Mei");
  await page.keyboard.press("Enter");
  await sell(page, shop, "100");
  await next(page);
  await sell(page, shop, "30", 109, "declined");
  await next(page);
  await page.keyboard.press("Alt+4");
  await reads(page, ".sum", "HKD\u00a0100.00");
  await reads(page, "th", "Mei");
  await reads(page, ".notes", "refused 1");
  // The command alone knows what was compared with WeChat's statements.
  const { reconciled, unreconciled_days, ...printed } = JSON.parse(shop.shroff("close", "--json"));
  assert.deepEqual([reconciled, unreconciled_days], [null, []]);
  const asked = (await shop.api("GET", "/v1/close")).json;
  assert.deepEqual({ ...asked, at: null }, { ...printed, at: null });
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(complaints(page), []);
}));

const EVIL = `<img src=x onerror="window.pwned=1"><script>window.pwned=2</script>'"{{}}\u202etxt`;

test("text that looks like a script is text, in every field there is", () => shopOf({ name: EVIL.slice(0, 60), config: BOSS }, async (shop) => {
  const page = await signedIn(shop);
  const evil = EVIL.slice(0, 32);
  await page.click("#menu");
  await page.fill("#operator", evil);
  await page.keyboard.press("Enter");
  await sell(page, shop, "10");
  await page.click("#details");
  await reads(page, "dd", evil);
  await page.click("#refund");
  await page.fill("#refund-amount", "1");
  await page.fill("#refund-reason", EVIL.slice(0, 80));
  await page.click("#refund-go");
  await reads(page, "[data-refund] dd", EVIL.slice(0, 80));
  await page.keyboard.press("Alt+2");
  await page.fill("#search", EVIL.slice(0, 64));
  await reads(page, ".hint", "Nothing found");
  await page.keyboard.press("Alt+4");
  await reads(page, "th", evil);
  await page.keyboard.press("Alt+1");
  await next(page);
  const sold = await shop.sell(500, { description: EVIL, operator: evil, attach: EVIL, auth_code: code(109) });
  await shop.wait(sold, "declined");
  await page.evaluate((ref) => { location.hash = `#/payments/${ref}`; }, sold.ref);
  await reads(page, "dd", EVIL);
  await page.evaluate(() => { location.hash = `#/payments/${encodeURIComponent("<img src=x onerror=alert(1)>")}`; });
  await reads(page, ".fault", "no such payment");
  await page.evaluate(() => { location.hash = "#/<img src=x onerror=alert(1)>/%"; });
  await page.click("#menu");
  await page.click("#sign-out");
  await page.waitForSelector("#code");
  await page.fill("#code", EVIL);
  await page.keyboard.press("Enter");
  await reads(page, "#login-wrong", "code");
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.deepEqual(complaints(page), []);
  // The policy itself: nothing that writes HTML works here, whoever calls it.
  assert.match(await page.evaluate(() => { try { document.body.innerHTML = "<b>x</b>"; return "written"; } catch (error) { return error.message; } }), /TrustedHTML/);
}));

test("a terminal that is gone is told within seconds, and its old news is covered", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  await sell(page, shop, "20");
  await shop.kill();
  await page.waitForSelector(".lost:not([hidden])", { timeout: 6000 });
  assert.deepEqual(await axe(page), []);
  await shot(page, "cashier-lost");
  await shop.start();
  await page.waitForSelector(".lost", { state: "hidden" });
  await stage(page, "paid");
  await next(page);
  await page.keyboard.type("21\n");
  await stage(page, "armed");
  shop.freeze();
  await page.waitForSelector(".lost:not([hidden])", { timeout: 20_000 });
  shop.thaw();
  await page.waitForSelector(".lost", { state: "hidden" });
  await stage(page, "armed");
}));

test("a key that is pressed while nobody answers is not lost, and sends nothing", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  let away = true;
  await page.route("**/v1/lanes", (route) => (away ? route.abort() : route.continue()));
  await page.keyboard.type("1");
  await page.waitForSelector(".lost:not([hidden])");
  await page.keyboard.type("50\n");
  away = false;
  await page.waitForSelector(".lost", { state: "hidden" });
  assert.equal(await page.textContent("#entry"), "150");
  await reads(page, ".till .fault", "nothing was sent");
  assert.deepEqual(await all(shop), []);
  await page.keyboard.press("Enter");
  await stage(page, "armed");
  away = true;
  await page.waitForSelector(".lost:not([hidden])");
  await page.keyboard.press("Escape");
  away = false;
  await page.waitForSelector(".lost", { state: "hidden" });
  await stage(page, "armed");
}));

test("whoever signs out in one tab is signed out in all", () => shopOf({}, async (shop) => {
  const page = await signedIn(shop);
  const other = await page.context().newPage();
  await other.goto(shop.cashier());
  await other.waitForSelector(".till:not([hidden])");
  await page.click("#menu");
  await page.click("#sign-out");
  await Promise.all([page.waitForSelector("#code"), other.waitForSelector("#code")]);
  assert.equal(await other.evaluate(() => localStorage.getItem("shroff.session")), null);
}));

test("every state in every language fits on every screen", () => shopOf({ config: BOSS }, async (shop) => {
  const page = await signedIn(shop);
  const wrong = [];
  /// Looks at what stands there now, in every language at every size. `open` brings up a dialog, which is of one language.
  const look = async (name, { scrolls = "main, .scroll, dialog", whole = true, open } = {}) => {
    for (const language of LANGUAGES) {
      // The menu does the same; it would put the keyboard elsewhere.
      await page.evaluate(async (language) => {
        const texts = await import("/assets/texts.js");
        await texts.choose(language);
      }, language);
      if (open) {
        await page.waitForSelector(open);
        await page.evaluate((open) => document.querySelector(open).click(), open);
        await page.waitForSelector("dialog[open]");
      }
      for (const size of SIZES) {
        await page.setViewportSize(size);
        const told = whole ? await layout(page, { scrolls: size.width < 400 || !whole ? scrolls : ".scroll" }) : [];
        const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.querySelector("main").scrollWidth > innerWidth);
        wrong.push(...told.map((it) => `${name} ${language} ${size.width}: ${it}`), ...(wide ? [`${name} ${language} ${size.width}: wider than the screen`] : []));
        await shot(page, `cashier-${name}-${language}-${size.width}`);
      }
      wrong.push(...(await axe(page)).map((it) => `${name} ${language}: axe ${it}`));
      if (open) {
        const box = await page.evaluate(() => { const { scrollWidth, clientWidth } = document.querySelector("dialog"); return scrollWidth - clientWidth; });
        if (box > 0) wrong.push(`${name} ${language}: the dialog is too wide`);
        await page.keyboard.press("Escape");
        await page.waitForSelector("dialog", { state: "detached" });
      }
    }
  };
  await look("idle");
  await page.keyboard.type("50000");
  await look("amount");
  await page.keyboard.press("Enter");
  await stage(page, "armed");
  await look("armed");
  shop.scan(code(105));
  await page.waitForFunction(() => document.querySelector("#stage .left")?.textContent && !document.querySelector("#stage-title").textContent.match(/^(Waiting|等)/));
  await look("again");
  shop.scan(code(3));
  await stage(page, "customer_paying");
  await look("confirm");
  await page.evaluate(() => document.querySelector("#cancel").click());
  await page.waitForSelector("dialog");
  await page.evaluate(() => document.querySelector("dialog .danger").click());
  await stage(page, "reversed");
  await look("reversed");
  // This shop has no client certificate, so that reversing it raised an alarm: the next customer does not silence it.
  await next(page);
  await page.waitForSelector(".alarm:not([hidden])");
  await sell(page, shop, "1234.5");
  await look("paid");
  await page.evaluate((ref) => sessionStorage.setItem("shroff.earlier-1", JSON.stringify(ref)), (await all(shop))[0].ref);
  await page.waitForSelector('#stage[data-look="help"]');
  await look("earlier");
  await page.evaluate(() => document.querySelector("#details").click());
  await page.waitForSelector("#refund");
  await look("detail", { whole: false });
  await look("refund", { whole: false, open: "#refund" });
  await page.evaluate(() => { location.hash = "#/payments"; });
  await page.waitForSelector(".row");
  await look("payments", { whole: false });
  await page.evaluate(() => { location.hash = "#/close"; });
  await page.waitForSelector(".sums");
  await look("close", { whole: false });
  await page.evaluate(() => { location.hash = "#/sell"; });
  await next(page);
  await sell(page, shop, "9", 109, "declined");
  await look("declined");
  await next(page);
  await look("menu", { whole: false, open: "#menu" });
  assert.deepEqual(wrong, []);
  assert.deepEqual(complaints(page), []);
}));
