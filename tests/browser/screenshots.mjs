// Pictures of one page of each kind, wide, dark and on a phone, to be looked at: node screenshots.mjs SITE FOLDER
import { mkdirSync } from 'node:fs';
import puppeteer from 'puppeteer-core';
import { kinds } from './kinds.mjs';

const [site, folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
const page = await browser.newPage();
for (const path of kinds) {
  for (const [name, width, scheme] of [['wide', 1280, 'light'], ['dark', 1280, 'dark'], ['phone', 390, 'light']]) {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await page.goto(site + path, { waitUntil: 'networkidle0' });
    await page.screenshot({ path: `${folder}/${path.replaceAll('/', '_')}${name}.png`, fullPage: true });
  }
}
await browser.close();
