// The customer's page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Shop, SIZES, axe, code, layout, openBrowser, openPage, shot } from "./lib.mjs";

let browser;
before(async () => { browser = await openBrowser(); });
after(() => browser?.close());

/// Waits until the page shows a state.
export const shows = (page, state) => page.waitForSelector(`#scene[data-state="${state}"]:not([hidden])`, { timeout: 20_000 });

test("a sale, as the customer sees it", async () => {
  const shop = await Shop.open({ scanners: ["1"] });
  try {
    const page = await openPage(browser, shop.display());
    await shows(page, "idle");
    const payment = await shop.sell(8800);
    await shows(page, "armed");
    shop.scan(code());
    await shop.wait(payment, "paid");
    await shows(page, "paid");
    for (const size of SIZES) {
      await page.setViewportSize(size);
      assert.deepEqual(await layout(page), [], `${size.width}x${size.height}`);
      await shot(page, `smoke-${size.width}`);
    }
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(page.complaints, []);
  } finally {
    await shop.close();
  }
});
