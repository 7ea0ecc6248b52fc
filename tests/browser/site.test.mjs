// The site in a real browser. SITE is where `workson serve` shows it, PAGES the folder that `workson site build` wrote.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { kinds } from './kinds.mjs';
import { checker, launch, open as visit, violations } from './visitor.mjs';

const { SITE: site, PAGES: pages } = process.env;
let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

const open = (path, how) => visit(browser, site, path, how);
const names = (page) => page.$$eval('table.entries tbody th[scope=row] a', (links) => links.map((link) => link.textContent));
const query = (page) => page.evaluate(() => Object.fromEntries(new URLSearchParams(location.search)));
const settled = (page, done, ...values) => page.waitForFunction(done, { timeout: 10_000 }, ...values);
const shows = (page, name) => settled(page, (name) =>
  [...document.querySelectorAll('table.entries tbody th[scope=row] a')].some((link) => link.textContent === name), name);
const count = (page) => page.$eval('#count', (text) => text.textContent);

for (const dark of [false, true]) {
  test(`axe finds nothing, ${dark ? 'dark' : 'light'}`, async () => {
    for (const path of kinds) {
      const page = await open(path, { dark });
      const told = await violations(page);
      assert.deepEqual(told, [], path);
      assert.deepEqual(page.complaints.filter((text) => !(path === '/404.html' && text.includes('404'))), [], path);
      await page.close();
    }
  });
}

test('nothing is wider than a phone, and each page has one heading of the first level', async () => {
  for (const path of kinds) {
    const page = await open(path, { width: 360, height: 740 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${path} is ${wide} px wide`);
    assert.equal((await page.$$('h1')).length, 1, path);
    await page.close();
  }
});

test('no table is wider than a printed page, whatever its notes say', async () => {
  for (const path of ['/entry/java/', '/entry/nginx/', '/explore/', '/']) {
    const page = await open(path, { width: 794, height: 1123 });
    await page.emulateMediaType('print');
    const right = await page.evaluate(() => {
      for (const cell of document.querySelectorAll('.facts td:last-child')) {
        const note = document.createElement('p');
        note.textContent = 'registry.example.org/some/very-long-name-of-an-image:1.2.3-alpine was served without it. '.repeat(2);
        cell.append(note);
      }
      return Math.max(...[...document.querySelectorAll('table')].map((table) => table.getBoundingClientRect().right));
    });
    assert.ok(right <= 794, `a table of ${path} ends at ${right} px`);
    await page.close();
  }
});

test('what is typed is found by name, alias and description, and the address holds it', async () => {
  const page = await open('/explore/');
  await page.keyboard.press('/');
  await page.keyboard.type('psql');
  await shows(page, 'PostgreSQL');
  assert.equal((await query(page)).q, 'psql');
  assert.match(await count(page), /1 /);
  await page.reload({ waitUntil: 'networkidle0' });
  await shows(page, 'PostgreSQL');
  assert.equal(await page.$eval('#q', (field) => field.value), 'psql');
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test('filters and sorting, and the way back', async () => {
  const page = await open('/explore/');
  const all = await names(page);
  await page.select('select[name=kind]', 'language');
  await shows(page, 'Python');
  const languages = await names(page);
  assert.ok(!languages.includes('NGINX'));
  await page.select('select[name=platform]', 'linux-riscv64');
  await page.select('select[name=verdict]', 'has');
  await settled(page, (before) => document.querySelectorAll('table.entries tbody tr').length < before, languages.length);
  const { kind, platform, verdict } = await query(page);
  assert.deepEqual([kind, platform, verdict], ['language', 'linux-riscv64', 'has']);
  const some = await names(page);
  await page.select('select[name=sort]', 'change');
  await settled(page, (first) => document.querySelector('table.entries tbody th a').textContent !== first, some[0]);
  assert.deepEqual((await names(page)).toSorted(), some.toSorted(), 'sorting leaves none out');
  for (let step = 0; step < 8 && Object.keys(await query(page)).length > 0; step += 1) {
    await page.goBack();
    await new Promise((done) => setTimeout(done, 150));
  }
  await settled(page, (first) => document.querySelector('table.entries tbody th a').textContent === first, all[0]);
  assert.deepEqual(await names(page), all);
  await page.close();
});

test('a no in the address is one of either kind, and a yes is one', async () => {
  const words = async (verdict) => {
    const page = await open(`/explore/?platform=linux-riscv64&verdict=${verdict}`);
    await settled(page, () => /(entry fits|entries fit)$/.test(document.querySelector('#count').textContent));
    const shown = await page.$$eval('table.entries tbody td.chosen', (cells) => [...new Set(cells.map((cell) => cell.textContent.replace(/[¹²³⁴]/g, '')))]);
    const chosen = await page.$eval('select[name=verdict]', (field) => field.value);
    const number = Number((await count(page)).match(/(\d+) entr/)[1]);
    assert.deepEqual(page.complaints, []);
    await page.close();
    return { shown: shown.toSorted(), chosen, number };
  };
  const [yes, no] = [await words('yes'), await words('no')];
  assert.deepEqual([yes.shown, yes.chosen], [['yes'], 'has']);
  assert.deepEqual([no.shown, no.chosen], [['lost', 'no'], 'no']);
  const [lacks, lost] = [await words('lacks'), await words('lost')];
  assert.deepEqual([lacks.shown, lost.shown], [['no'], ['lost']]);
  assert.equal(no.number, lacks.number + lost.number);
});

test('an entry that is nowhere is said to be nowhere', async () => {
  const page = await open('/explore/?q=no-such-thing-at-all');
  await settled(page, () => /^(0|No|None|Nothing)/.test(document.querySelector('#count').textContent));
  assert.deepEqual(await names(page), []);
  await page.close();
});

test('hostile addresses are text, and unknown values harm nothing', async () => {
  const page = await open(`/explore/?q=${encodeURIComponent('<img src=x onerror=alert(1)>')}&platform=nowhere&sort=up&page=-3`);
  assert.deepEqual(page.complaints, []);
  assert.equal((await page.$$('img[src=x]')).length, 0);
  await page.close();
});

test('without a script everything is in plain pages', async () => {
  const page = await open('/explore/', { script: false });
  const links = await page.$$eval('main a', (links) => links.map((link) => link.getAttribute('href')));
  for (const wanted of ['/kind/language/', '/category/database/', '/platform/linux-arm64/', '/explore/2/']) {
    assert.ok(links.includes(wanted), wanted);
  }
  await Promise.all([page.waitForNavigation(), page.click('a[href="/kind/distribution/"]')]);
  assert.ok((await names(page)).includes('Alpine Linux'));
  await page.close();
  // The box on the first page leads to Explore, which says what it can't do.
  const home = await open('/', { script: false });
  await home.type('#q', 'nginx');
  await Promise.all([home.waitForNavigation(), home.keyboard.press('Enter')]);
  assert.equal(new URL(home.url()).pathname, '/explore/');
  assert.match(await home.$eval('noscript', (note) => note.textContent), /JavaScript/);
  await home.close();
});

test('the keyboard reaches what it should, and sees where it is', async () => {
  const page = await open('/');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => location.hash), '#main');
  await page.keyboard.press('Tab');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, 'none');
  await page.close();
});

test('the Nu checker finds nothing', { timeout: 300_000 }, () => {
  const files = kinds.map((path) => pages + (path.endsWith('/') ? `${path}index.html` : path));
  execFileSync('java', ['-Xmx512m', '-Xss1m', '-jar', checker, '--no-langdetect', ...files], { stdio: ['ignore', 'inherit', 'pipe'], encoding: 'utf8' });
});
