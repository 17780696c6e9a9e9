// montage by chromium: node mont.mjs out name...
import { openBrowser } from "/work/wt/cashier/tests/browser/lib.mjs";
import { readFileSync } from "node:fs";
const [out, ...names] = process.argv.slice(2);
const b = await openBrowser(); const p = await b.newPage({ viewport: { width: 1500, height: 900 } });
const img = (n) => { try { return `<img style="height:400px;margin:4px;border:1px solid #888" src="data:image/png;base64,${readFileSync("/work/wt/cashier/target/browser/" + n + ".png").toString("base64")}">`; } catch { return n; } };
await p.setContent(`<body style="margin:0;background:#ccc">${names.map(img).join("")}`);
await p.screenshot({ path: out, fullPage: true }); await b.close();
