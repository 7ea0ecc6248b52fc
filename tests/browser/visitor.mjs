// A visitor: Chromium, and pages that complain of whatever they should not do.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer-core';

const require = createRequire(import.meta.url);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

// Where the Nu checker is.
export const checker = require.resolve('vnu-jar/build/dist/vnu.jar');

export function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return puppeteer.launch({ executablePath, protocolTimeout: 30_000, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

// A page of its own at an address of `site`.
export async function open(browser, site, path, { script = true, dark = false, width = 1280, height = 900 } = {}) {
  const page = await browser.newPage();
  page.complaints = [];
  page.hasScript = script;
  await page.setJavaScriptEnabled(script);
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) page.complaints.push(message.text());
  });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('dialog', (dialog) => {
    page.complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== site) page.complaints.push(`a request to ${request.url()}`);
  });
  await page.goto(site + path, { waitUntil: 'networkidle0' });
  return page;
}

// What axe finds on a page as it is shown now. The checker is no part of the page, whose policy would not let it in.
export async function violations(page, options = {}) {
  const found = await page.evaluate(`${axe}; axe.run(${JSON.stringify({ resultTypes: ['violations'], ...options })})`);
  const told = (node) => `${node.html} ${node.any.map((check) => check.message).join(' ')}`;
  return found.violations.map((one) => `${one.id}: ${one.nodes.slice(0, 3).map(told).join(' ')}`);
}
