// The customer's page for the README: real sales, small pictures, nothing that moves.

import { Shop, code, openPage } from "./lib.mjs";

export default async function take(browser, save) {
  const lanes = ["1", "2", "3", "4"];
  const shop = await Shop.open({ lanes, scanners: ["1"], name: "金鳳茶餐廳 Golden Phoenix" });
  const show = async (lane, state, more) => {
    const page = await openPage(browser, shop.display(lane), { size: { width: 640, height: 376 }, reducedMotion: "reduce" });
    await page.waitForSelector(`#scene[data-state="${state}"]:not([hidden])${more ?? ""}`, { timeout: 60_000 });
    await save(page, `display-${state}`);
    return page;
  };
  try {
    const lost = await shop.sell(8100, { lane: "2", auth_code: code(6) });
    await shop.cancel(lost);
    await show("1", "idle");
    await shop.show({ lines: [{ text: "凍檸茶 Iced lemon tea", amount: 2200 }, { text: "菠蘿油 Pineapple bun", amount: 1800 }, { text: "燒鵝飯 Roast goose rice", amount: 6800 }, { text: "會員優惠 Discount", amount: -2700 }], total: 8100 });
    await show("1", "basket");
    await shop.sell(8100);
    await show("1", "armed");
    await shop.sell(8100, { lane: "3", auth_code: code(3) });
    await show("3", "customer_paying");
    await shop.sell(8100, { lane: "4", auth_code: code(109) });
    await show("4", "declined");
    await show("2", "reversed");
    shop.scan(code());
    const page = await show("1", "paid");
    await shop.kill();
    await page.waitForFunction(() => document.getElementById("scene").hidden);
    await save(page, "display-ask_cashier");
  } finally {
    await shop.close();
  }
}
