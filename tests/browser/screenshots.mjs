// Makes docs/screenshots anew: each `*.shots.mjs` beside this file exports a function that takes a browser and `save`.

import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { HERE, ROOT, layout, openBrowser } from "./lib.mjs";

const folder = join(ROOT, "docs/screenshots");
mkdirSync(folder, { recursive: true });
const browser = await openBrowser();
try {
  for (const name of readdirSync(HERE).filter((it) => it.endsWith(".shots.mjs")).sort()) {
    const { default: take } = await import(`./${name}`);
    await take(browser, async (page, shot) => {
      const wrong = await layout(page);
      if (wrong.length) throw new Error(`${shot}: ${wrong}`);
      await page.screenshot({ path: join(folder, `${shot}.png`) });
      process.stdout.write(`docs/screenshots/${shot}.png\n`);
    });
  }
} finally {
  await browser.close();
}
