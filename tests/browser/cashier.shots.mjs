// The README's pictures of the cashier page.

import { Shop, code, openPage } from "./lib.mjs";

const SIZE = { width: 1024, height: 800 };

export default async function take(browser, save) {
  const shop = await Shop.open({ scanners: ["1"] });
  try {
    const page = await openPage(browser, shop.shroff("cashier").trim(), { size: SIZE });
    const stage = (state) => page.waitForSelector(`#stage[data-state="${state}"]:not([hidden])`, { timeout: 60_000 });
    const sell = async (amount, scenario, end, name) => {
      await page.waitForSelector(".till:not([hidden])");
      await page.keyboard.type(amount);
      if (name) await save(page, `${name}-amount`);
      await page.keyboard.press("Enter");
      await stage("armed");
      if (name) await save(page, `${name}-armed`);
      shop.scan(code(scenario));
      await stage(end);
    };
    await sell("188.50", 1, "customer_paying", "cashier");
    await save(page, "cashier-customer_paying");
    await stage("paid");
    await save(page, "cashier-paid");
    for (const [amount, scenario, end] of [["42", 0, "paid"], ["1280", 109, "declined"], ["66.60", 0, "paid"]]) {
      await page.waitForFunction((seen) => performance.now() > seen, await page.evaluate(() => performance.now() + 900));
      await page.click("#next");
      await sell(amount, scenario, end);
    }
    await page.evaluate(() => { location.hash = "#/payments"; });
    await page.waitForFunction(() => document.querySelectorAll("a.row").length === 4);
    await save(page, "cashier-payments");
    await page.evaluate(() => { location.hash = "#/close"; });
    await page.waitForSelector(".sums");
    await save(page, "cashier-close");
  } finally {
    await shop.close();
  }
}
