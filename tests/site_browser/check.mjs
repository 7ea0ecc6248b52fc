// The site in a real Chromium: `node check.mjs http://127.0.0.1:8080`, with the site of the bundled history there.
// It needs `npm install` in this folder, and Debian's chromium. Says what it looked at; ends with 1 where something is wrong.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer from "puppeteer-core";

const base = process.argv[2]?.replace(/\/$/, "");
if (!base) throw new Error("which site? node check.mjs URL");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const faults = [];
const expect = (what, is, wanted) => {
  if (JSON.stringify(is) !== JSON.stringify(wanted)) faults.push(`${what}: ${JSON.stringify(is)}, wanted ${JSON.stringify(wanted)}`);
};

const PAGES = [
  "/", "/explore/", "/explore/2/", "/kind/language/", "/category/database/", "/entry/nginx/", "/entry/debian/", "/entry/mono/",
  "/platforms/", "/platform/linux-arm64/", "/platform/linux-arm64/lost/", "/compare/", "/compare/linux-amd64/linux-arm64/",
  "/changes/", "/changes/2017-09/", "/news/", "/events/", "/method/", "/about/", "/download/", "/404.html",
];

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

// axe-core finds nothing, and no page is wider than its window; light and dark, wide and narrow.
async function accessible() {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 360]) {
      for (const path of PAGES) {
        const tab = await browser.newPage();
        // axe itself is a script that the policy of the page forbids.
        await tab.setBypassCSP(true);
        await tab.setViewport({ width, height: 900 });
        await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await tab.goto(base + path);
        await tab.evaluate(axe);
        const found = await tab.evaluate(async () => {
          const { violations } = await axe.run(document);
          return violations.map((one) => `${one.id} at ${one.nodes.map((node) => node.target).join(", ")}`);
        });
        expect(`${path} ${scheme} ${width} axe`, found, []);
        const wide = await tab.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        expect(`${path} ${width} is wider than its window`, wide, false);
        await tab.close();
      }
    }
  }
  console.log(`axe-core: ${PAGES.length} pages, light and dark, wide and narrow`);
}

// Search, filters, sorting, pages, the back button; nothing is asked of another host, and nothing is refused by the policy.
async function explore() {
  const tab = await browser.newPage();
  await tab.setViewport({ width: 1280, height: 1200 });
  const asked = [];
  tab.on("request", (request) => asked.push(request.url()));
  tab.on("pageerror", (error) => faults.push(`script: ${error}`));
  tab.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  const names = () => tab.$$eval("table.entries tbody th a", (links) => links.map((link) => link.textContent));
  const count = () => tab.$eval("#count", (status) => status.textContent);
  const where = () => tab.url().slice(base.length);
  const settled = () => new Promise((resolve) => setTimeout(resolve, 500));
  const at = async (what, address, wanted) => {
    await settled();
    expect(`${what}: the address`, where(), address);
    const shown = await names();
    expect(`${what}: what is shown`, wanted(shown, await count()), true);
  };

  await tab.goto(`${base}/explore/`);
  expect("the index before anything is asked", asked.some((url) => url.endsWith("explore.json")), false);
  const all = await names();
  await tab.keyboard.press("/");
  await tab.keyboard.type("sql");
  await at("typing", "/explore/?q=sql", (shown) => shown.includes("MySQL") && shown.includes("PostgreSQL") && !shown.includes("nginx"));
  const typed = await names();
  await tab.select("select[name=sort]", "change");
  await at("sorting", "/explore/?q=sql&sort=change", (shown) => shown.join() !== typed.join() && shown.length === typed.length);
  await tab.goBack();
  await at("back", "/explore/?q=sql", (shown) => shown.join() === typed.join());
  await tab.goBack();
  await at("back to the start", "/explore/", (shown) => shown.join() === all.join());
  await tab.goForward();
  await at("forward", "/explore/?q=sql", (shown) => shown.join() === typed.join());

  await tab.goto(`${base}/explore/?platform=linux-riscv64&verdict=lacks`);
  await at("a filter from an address", "/explore/?platform=linux-riscv64&verdict=lacks", (shown) => shown.length > 10 && !shown.includes("Alpine Linux"));
  const cells = await tab.$$eval("td.chosen", (marks) => [...new Set(marks.map((mark) => mark.className.split(" ")[1]))]);
  expect("the marks of a filter", cells, ["n"]);
  await tab.goto(`${base}/explore/?verdict=has&sort=age`);
  await settled();
  await tab.click("nav.pager a[rel=next]");
  await at("the next page", "/explore/?verdict=has&sort=age&page=2", (shown, said) => shown.length === 50 && said.startsWith("51 to 100 of "));
  await tab.goto(`${base}/explore/?q=zzzz`);
  await at("nothing", "/explore/?q=zzzz", (shown, said) => shown.length === 0 && said.startsWith("No entry fits"));
  await tab.goto(`${base}/`);
  await tab.type("#q", "phpMinAdmin");
  await Promise.all([tab.waitForNavigation(), tab.keyboard.press("Enter")]);
  await at("an alias from the first page", "/explore/?q=phpMinAdmin", (shown) => shown[0] === "Adminer");

  await tab.setJavaScriptEnabled(false);
  await tab.goto(`${base}/explore/?q=redis`);
  expect("without a script: rows", (await names()).length, 50);
  expect("without a script: the form", await tab.$eval("#explore", (form) => getComputedStyle(form).display), "none");
  expect("other hosts", asked.filter((url) => !url.startsWith(base)), []);
  console.log("Explore: search, filter, sort, pages, back, without a script");
}

await explore();
await accessible();
await browser.close();
for (const fault of faults) console.error(fault);
process.exitCode = faults.length ? 1 : 0;
