// The service in a real browser, step by step: each test goes on from where the one before it left off. SITE is where the
// service is, WORKSON the program that reviewers and moderators use, AT_HOME the folder with the store, the content and the
// list, HOSTILE the texts that nobody means well with. With PICTURES every page is left there as pictures.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checker, launch, open as visit, violations } from './visitor.mjs';

const { SITE: site, WORKSON: workson, AT_HOME: home, PICTURES: pictures } = process.env;
const hostile = JSON.parse(process.env.HOSTILE);
const contact = { name: 'Grace Hopper', email: 'grace@mail.example' };
const form = '/calls/arm-builds/propose/';

let browser;
let papers;
before(async () => {
  browser = await launch();
  papers = mkdtempSync(join(tmpdir(), 'workson-pages-'));
  if (pictures) mkdirSync(pictures, { recursive: true });
});
after(async () => {
  await browser?.close();
  rmSync(papers, { recursive: true, force: true });
});

const open = (path, how) => visit(browser, site, path, how);

// What a reviewer or a moderator does on the command line.
const run = (...words) => execFileSync(workson, [...words, '--store', 's.db'], { cwd: home, env: { HOME: home, PATH: '/usr/bin:/bin' }, encoding: 'utf8' });
const review = (step, id, ...words) => run('proposals', step, String(id), '--by', 'ann', ...words);
const proposal = (id) => JSON.parse(run('proposals', 'show', String(id), '--json'));
const proposals = () => JSON.parse(run('proposals', 'list', '--json'));
const suggestions = () => JSON.parse(run('suggestions', 'list', '--json'));

const words = (page) => page.$eval('main', (main) => main.innerText);
const title = (page) => page.$eval('h1', (heading) => heading.innerText);
const fetched = async (path) => (await fetch(site + path)).text();

// Looks again and again, until it is as it should be.
async function until(what, look) {
  for (const start = Date.now(); Date.now() - start < 30_000;) {
    if (await look()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`${what}: that never came`);
}

// Goes on by a key or a click, to the page that it leads to.
async function leads(page, act) {
  const [response] = await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), act()]);
  return response;
}
const press = (page, key = 'Enter') => leads(page, () => page.keyboard.press(key));

// Reaches an element by the Tab key alone.
async function tab(page, selector) {
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
  }
  assert.fail(`the Tab key never comes to ${selector}`);
}

// Puts values into fields as a paste would.
const fill = (page, values) => page.evaluate((values) => {
  for (const [name, value] of Object.entries(values)) {
    const field = document.querySelector(`main [name="${name}"]`);
    if (field.type === 'checkbox') field.checked = value;
    else field.value = value;
  }
}, values);
const send = (page) => leads(page, () => page.click('main form.fields button:not(.plain)'));

// A page has nothing to complain of but what the service refused, which Chromium tells as well.
const quiet = (page) => page.complaints.filter((text) => !/responded with a status of 4\d\d/.test(text));

// Looks at a page as it stands: wide, dark, in a person's own colours, on a phone. What was sent is kept for the Nu checker.
async function inspect(page, name, response) {
  const html = response ? await response.text() : await fetched(new URL(page.url()).pathname + new URL(page.url()).search);
  writeFileSync(join(papers, `${name}.html`), html);
  assert.equal((await page.$$('h1')).length, 1, name);
  // The checker is a script, whatever the visitor has.
  await page.setJavaScriptEnabled(true);
  const session = await page.createCDPSession();
  for (const [mode, width, scheme, forced] of [
    ['wide', 1280, 'light', 'none'], ['dark', 1280, 'dark', 'none'], ['forced', 1280, 'dark', 'active'], ['phone', 360, 'light', 'none'],
  ]) {
    await page.setViewport({ width, height: 800 });
    await session.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: scheme }, { name: 'forced-colors', value: forced }, { name: 'prefers-reduced-motion', value: 'reduce' }],
    });
    assert.equal(await page.evaluate((value) => matchMedia(`(forced-colors: ${value})`).matches, forced), true);
    // All of it once; colours and sizes where they are others.
    const some = { runOnly: ['color-contrast', 'scrollable-region-focusable', 'target-size'] };
    assert.deepEqual(await violations(page, mode === 'wide' ? {} : some), [], `${name}, ${mode}`);
    const reach = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(reach <= width, `${name} is ${reach} px wide, ${mode}`);
    if (pictures) await page.screenshot({ path: join(pictures, `${name}-${mode}.png`), fullPage: true });
  }
  await page.setViewport({ width: 1280, height: 900 });
  await session.send('Emulation.setEmulatedMedia', { features: [] });
  await session.detach();
  await page.setJavaScriptEnabled(page.hasScript);
  assert.deepEqual(quiet(page), [], name);
}

// Sends a proposal, and gives its page and number.
async function propose(values) {
  const page = await open(form);
  await fill(page, {
    benefits: 'All who build it.', source: 'https://git.example/tiny', license: 'MIT', machines: 'One, with 4 cores.', platforms: true, agree: true, ...contact, ...values,
  });
  await send(page);
  assert.match(page.url(), /\/proposal\/[\w-]{43}\/\?received$/, await words(page));
  return { page, id: Math.max(...proposals().map(({ id }) => id)) };
}

let first;

test('a proposer finds the call and its form by the keyboard, and is told all that is missing beside it', async () => {
  const page = await open('/', { script: false });
  await tab(page, 'main a[href="/calls/"]');
  await press(page);
  assert.deepEqual(await page.$$eval('main h2', (headings) => headings.map((heading) => heading.textContent)), ['Open', 'Coming', 'Closed']);
  await inspect(page, 'calls');
  await tab(page, 'main a[href="/calls/arm-builds/"]');
  await press(page);
  await inspect(page, 'call-before');
  await tab(page, `main a[href="${form}"]`);
  await press(page);
  await inspect(page, 'propose');

  await tab(page, '#project');
  await page.keyboard.type('Tiny <server> & "co"');
  await tab(page, 'main button');
  const refused = await press(page);
  assert.equal(refused.status(), 422);
  assert.match(await page.title(), /^Not sent yet/);
  assert.equal(await page.$eval('#project', (field) => field.value), 'Tiny <server> & "co"');
  // Whoever can't see the page is where the problems are, and from each problem one key leads to its field.
  assert.equal(await page.evaluate(() => document.activeElement.className), 'problems');
  const wrong = ['benefits', 'source', 'license', 'platforms', 'machines', 'email', 'agree'];
  const listed = await page.$$eval('.problems a', (links) => links.map((link) => link.hash.slice(1)));
  assert.deepEqual(listed.toSorted(), wrong.toSorted());
  for (const name of wrong) {
    const [invalid, described] = await page.evaluate((name) => {
      const field = document.getElementById(name);
      const described = field.closest('fieldset') ?? field;
      const texts = described.getAttribute('aria-describedby').split(' ').map((id) => document.getElementById(id));
      const beside = described.closest('.field');
      return [field.getAttribute('aria-invalid') ?? field.type, texts.every((text) => beside.contains(text)) && texts.at(-1).className];
    }, name);
    assert.ok(['true', 'checkbox'].includes(invalid), name);
    assert.equal(described, 'problem', name);
  }
  await inspect(page, 'propose-wrong', refused);
  await tab(page, '.problems a[href="#benefits"]');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'benefits');

  await page.keyboard.type('Whoever serves pages from a board.');
  for (const [name, text] of [['source', 'https://git.example/tiny'], ['license', 'MIT'], ['links', 'https://tiny.example/']]) {
    await tab(page, `#${name}`);
    await page.keyboard.type(text);
  }
  await tab(page, '#platforms');
  await page.keyboard.press('Space');
  await tab(page, '#machines');
  await page.keyboard.type('One, with 4 cores.');
  await tab(page, '#usage');
  await page.keyboard.press('ArrowDown');
  for (const [name, text] of Object.entries(contact)) {
    await tab(page, `#${name}`);
    await page.keyboard.type(text);
  }
  await tab(page, '#agree');
  await page.keyboard.press('Space');
  await tab(page, 'main button');
  await press(page);
  assert.match(page.url(), /\/proposal\/[\w-]{43}\/\?received$/);
  assert.match(await words(page), /Your proposal was received/);
  assert.equal(await page.$eval('main .warn a', (link) => link.href), new URL('.', page.url()).href);
  assert.equal(await page.$eval('meta[name=robots]', (meta) => meta.content), 'noindex');
  await inspect(page, 'proposal-sent');
  const sent = proposal(1);
  assert.deepEqual([sent.project, sent.usage, sent.platforms, sent.contact], ['Tiny <server> & "co"', 'continuous', ['linux/arm64'], contact]);
  first = page;
});

test('each step that a reviewer takes is on the proposer’s page, and from the approval on on the call’s', async () => {
  const call = '/calls/arm-builds/';
  const own = new URL('.', first.url()).href;
  const follow = async (lede) => {
    await first.goto(own);
    assert.match(await first.$eval('main .lede', (line) => line.textContent), lede);
  };
  review('review', 1);
  await follow(/^in review:/);
  assert.ok(!(await fetched(call)).includes('Tiny'));
  review('approve', 1, '--entry', 'nginx', '--reason', 'It helps many.');
  await follow(/^approved:/);
  assert.match(await words(first), /It helps many\./);
  await until('the approved project', async () => (await fetched(call)).includes('Tiny'));
  review('provision', 1, '--review-on', '2999-01-30');
  await follow(/^provisioned:/);
  assert.match(await words(first), /2999-01-30/);
  review('activate', 1);
  await follow(/^active:/);
  await inspect(first, 'proposal-active');
  await until('the active project', async () => /<strong>active<\/strong>/.test(await fetched(call)));
  // A browser that was here a moment ago may show what it has, for a minute.
  const page = await open(call, { script: false });
  await page.reload();
  assert.equal(await page.$eval('.project h3', (heading) => heading.textContent), 'Tiny <server> & "co"');
  await inspect(page, 'call');
  await leads(page, () => page.click('.project a[href="/entry/nginx/"]'));
  assert.match(await title(page), /NGINX/);
  await page.close();

  review('complete', 1, '--reason', 'It has builds for arm64 since 4.2.');
  await follow(/^completed:/);
  assert.equal((await first.$$('button[value=withdraw]')).length, 0);
  await inspect(first, 'proposal-completed');
  await until('the outcome', async () => (await fetched(call)).includes('It has builds for arm64 since 4.2.'));
  for (const format of ['atom', 'rss', 'json']) {
    const feed = await fetched(`/feeds/decisions.${format}`);
    assert.match(feed, /completed/, format);
    assert.match(feed, /Tiny/, format);
  }
});

test('a declined proposal is told to its proposer alone', async () => {
  const { page, id } = await propose({ project: 'Hidden project' });
  review('review', id);
  review('decline', id, '--reason', 'There is no room this year.');
  await page.reload();
  assert.match(await page.$eval('main .lede', (line) => line.textContent), /^declined:/);
  assert.match(await words(page), /There is no room this year\./);
  await inspect(page, 'proposal-declined');
  await until('the notice', async () => (await fetched('/feeds/decisions.json')).includes('declined'));
  for (const path of ['/calls/', '/calls/arm-builds/', '/feeds/decisions.json', '/feeds/decisions.atom', '/feeds/decisions.rss']) {
    const text = await fetched(path);
    assert.ok(!text.includes('Hidden project') && !text.includes('no room this year'), path);
  }
  await page.close();
});

test('a proposer takes a proposal back', async () => {
  const { page, id } = await propose({ project: 'Not wanted any more' });
  await page.click('summary');
  await page.type('#reason', 'We have our own now.');
  await inspect(page, 'proposal-withdrawing');
  await leads(page, () => page.click('button[value=withdraw]', { count: 2 }));
  await until('the end', async () => (await words(page)).includes('Your proposal is withdrawn.'));
  assert.match(await words(page), /We have our own now\./);
  assert.deepEqual([proposal(id).state, proposal(id).events.length], ['withdrawn', 2]);
  await page.close();
});

test('a proposer has the contact erased', async () => {
  const { page, id } = await propose({ project: 'Quiet project' });
  assert.ok((await words(page)).includes(contact.email));
  await leads(page, () => page.click('button[value=erase]'));
  assert.match(await words(page), /Your name and address are erased\./);
  const text = await words(page);
  assert.ok(!text.includes(contact.email) && !text.includes(contact.name));
  assert.equal((await page.$$('button[value=erase]')).length, 0);
  await inspect(page, 'proposal-erased');
  assert.equal(proposal(id).contact, null);
  assert.ok(!run('proposals', 'show', String(id)).includes(contact.email));
  await page.close();
});

test('nobody else learns who proposed', async () => {
  const map = await fetched('/sitemap.xml');
  const paths = [...map.matchAll(/<loc>[^<]*?:\d+([^<]*)<\/loc>/g)].map(([, path]) => path);
  const some = ['/', '/calls/', '/calls/arm-builds/', '/entry/nginx/', '/changes/', '/status/', '/query/', '/suggest/', form];
  const documents = ['/feeds/decisions.json', '/feeds/decisions.atom', '/feeds/decisions.rss', '/api/v1/index.json', '/api/v1/openapi.json', '/metrics'];
  for (const path of new Set([...some, ...documents, ...paths.filter((path) => path.startsWith('/calls/'))])) {
    const text = await fetched(path);
    assert.ok(!text.includes(contact.email) && !text.includes(contact.name) && !text.includes('/proposal/'), path);
    assert.ok(!/\bann\b/.test(text), `${path} names the reviewer`);
  }
});

test('a visitor asks about images', async () => {
  const entry = await open('/entry/nginx/', { script: false });
  await tab(entry, 'main a[href^="/query/"]');
  await press(entry);
  assert.equal(await entry.$eval('#image', (field) => field.value), 'nginx');
  assert.match(await words(entry), /linux\/riscv64/);
  await inspect(entry, 'query-all');
  await tab(entry, '#platform');
  await entry.keyboard.type('arm64');
  await press(entry);
  assert.match(await entry.$eval('.answer .verdict', (verdict) => verdict.innerText), /linux\/arm64\s+yes/);
  assert.match(await words(entry), /In the catalogue: NGINX/);
  await inspect(entry, 'query-yes');
  const json = await (await fetch(await entry.$eval('a[href^="/api/v1/query"]', (link) => link.href))).json();
  assert.equal(json.supports[0].verdict, 'yes');

  const ask = async (image, platform, name) => {
    await entry.goto(`${site}/query/`);
    await fill(entry, { image, platform });
    const response = await send(entry);
    await inspect(entry, name, response);
    return response.status();
  };
  const verdict = () => entry.$eval('.answer .verdict .m', (mark) => mark.innerText);
  assert.equal(await ask('memcached', 'linux/arm64', 'query-no'), 200);
  assert.match(await verdict(), /^no/);
  assert.equal(await ask('artifact', 'linux/arm64', 'query-unknown'), 200);
  assert.match(await verdict(), /^unknown/);
  assert.equal(await ask('nowhere-at-all', 'linux/arm64', 'query-absent'), 200);
  assert.match(await verdict(), /^unknown/);
  assert.equal(await ask('registry.example/nginx', 'linux/arm64', 'query-registry'), 403);
  assert.match(await entry.$eval('#image_problem', (problem) => problem.innerText), /registry\.example/);
  assert.equal(await entry.$eval('#image', (field) => field.value), 'registry.example/nginx');
  assert.equal(await ask('!! no image !!', 'linux/arm64', 'query-nonsense'), 400);
  assert.equal(await entry.evaluate(() => document.activeElement.className), 'problems');
  assert.equal(await ask('nginx', 'linux/nothing/of/it', 'query-platform'), 400);
  assert.equal(await entry.$eval('#platform', (field) => field.getAttribute('aria-invalid')), 'true');
  await entry.close();
});

test('a visitor checks a stack', async () => {
  const page = await open('/stack/', { script: false });
  await inspect(page, 'stack');
  const check = async (text, name) => {
    await page.goto(`${site}/stack/`);
    await tab(page, '#text');
    await fill(page, { text });
    await tab(page, 'main button');
    const response = await press(page);
    await inspect(page, name, response);
    assert.equal(await page.$eval('#text', (field) => field.value), text);
    return [await page.$eval('#answer', (heading) => heading.innerText), await page.$$eval('.answer .verdict .m', (marks) => marks.map((mark) => mark.innerText.replace(/[²]/g, '')))];
  };
  assert.deepEqual(await check('nginx\npostgres # the database\n', 'stack-list'), ['2 images, read as a list of images', ['yes', 'yes']]);
  const dockerfile = 'ARG BASE=nginx\nFROM ${BASE} AS web\nFROM memcached\nCOPY --from=web /etc/nginx /etc/nginx\n';
  assert.deepEqual(await check(dockerfile, 'stack-dockerfile'), ['2 images, read as a Dockerfile', ['yes', 'no']]);
  const compose = 'services:\n  web:\n    image: nginx\n  cache:\n    image: memcached\n  thing:\n    image: ${THING}\n  other:\n    image: registry.example/team/some-very-long-name-of-an-image:1.2.3-alpine\n';
  assert.deepEqual(await check(compose, 'stack-compose'), ['3 images, read as a compose file', ['unknown', 'no']]);
  await page.close();
});

test('a visitor says what is missing or wrong, and a moderator makes a draft of it', async () => {
  const page = await open('/entry/nginx/', { script: false });
  await tab(page, 'main a[href^="/suggest/"]');
  await press(page);
  assert.equal(await page.$eval('main form input:not([type=hidden]), main form textarea', (field) => field.name), 'comment', 'the first question is what is wrong');
  await inspect(page, 'suggest-entry');
  await tab(page, 'main button');
  const refused = await press(page);
  assert.equal(refused.status(), 422);
  assert.match(await page.$eval('#comment_problem', (problem) => problem.innerText), /Say what is missing or wrong/);
  assert.match(await page.$eval('main .lede', (line) => line.innerText), /NGINX/);
  await inspect(page, 'suggest-wrong', refused);
  await tab(page, '#comment');
  await page.keyboard.type('Its licence has another name.');
  await tab(page, '#license');
  await page.keyboard.type('BSD-3-Clause');
  await tab(page, 'main button');
  await press(page);
  assert.match(await words(page), /as number 1\./);
  await inspect(page, 'suggest-received');
  await leads(page, () => page.click('main a[href="/entry/nginx/"]'));

  await leads(page, () => page.click('footer a[href="/suggest/"]'));
  await inspect(page, 'suggest');
  await fill(page, { name: 'Tiny HTTPd', comment: 'It runs on my board.', image: 'ghcr.io/tiny/httpd', home: 'nowhere' });
  await send(page);
  assert.equal(await page.$eval('#home', (field) => field.value), 'nowhere');
  assert.match(await page.$eval('#home_problem', (problem) => problem.innerText), /https:/);
  await fill(page, { home: 'https://tiny.example/' });
  await send(page);
  assert.match(await words(page), /as number 2\./);
  await page.close();

  run('suggestions', 'accept', '1', '--content', 'content', '--by', 'ann');
  run('suggestions', 'accept', '2', '--content', 'content', '--by', 'ann');
  assert.match(readFileSync(join(home, 'content/entries/nginx.yaml'), 'utf8'), /^license: BSD-3-Clause$/m);
  assert.match(readFileSync(join(home, 'content/entries/tiny-httpd.yaml'), 'utf8'), /^home: https:\/\/tiny\.example\/$/m);
  // A draft has to be finished before a site can be made of it.
  rmSync(join(home, 'content/entries/tiny-httpd.yaml'));
});

test('what an inventory saw is shown without a restart', async () => {
  await until('the inventory', async () => (await fetched('/status/')).includes('All 4 images were asked about'));
  await until('its facts', async () => /published/.test(await fetched('/entry/nginx/')));
  const page = await open('/status/', { script: false });
  assert.match(await words(page), /watched\.txt/);
  assert.ok(!(await words(page)).includes(home), 'where the list is concerns nobody');
  await inspect(page, 'status');
  await page.goto(`${site}/entry/nginx/`);
  await page.reload();
  const row = await page.$$eval('table.facts tbody tr', (rows) => rows.map((row) => row.innerText).find((text) => text.startsWith('linux/riscv64')));
  assert.match(row, /yes.*published/s);
  await inspect(page, 'entry');
  await page.close();
});

test('hostile texts are text, wherever they are typed', async () => {
  const odd = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
  const start = Math.max(...suggestions().map(({ id }) => id));
  const before = proposals().length;
  let [accepted, refused] = [0, 0];
  for (const text of hostile) {
    const plain = async (page, name) => {
      assert.deepEqual(quiet(page), [], `${name} of ${JSON.stringify(text)}`);
      assert.equal((await page.$$('main script, main img, main [onerror], main a[href^="javascript"]')).length, 0, name);
    };
    const page = await open('/suggest/');
    await fill(page, Object.fromEntries(['entry', 'name', 'comment', 'image', 'home', 'source', 'license', 'description'].map((name) => [name, text])));
    assert.equal((await send(page)).status(), 422);
    await plain(page, 'the suggestion');
    await fill(page, { entry: '', home: '', source: '', name: `About ${text}` });
    const sent = await send(page);
    await plain(page, 'the suggestion, again');
    assert.equal(sent.status(), odd.test(text) ? 422 : 200, JSON.stringify(text));

    await page.goto(site + form);
    const values = Object.fromEntries(['project', 'benefits', 'source', 'license', 'links', 'machines', 'ci', 'name', 'email'].map((name) => [name, text]));
    await fill(page, { ...values, platforms: true, agree: true });
    assert.equal((await send(page)).status(), 422);
    await plain(page, 'the proposal');
    // What can't be shown is not in the fields any more: it is typed again.
    await fill(page, { ...values, source: 'https://git.example/x', links: '', email: contact.email });
    const proposed = await send(page);
    await plain(page, 'the proposal, again');
    if (odd.test(text)) {
      assert.equal(proposed.status(), 422, JSON.stringify(text));
      refused += 1;
    } else {
      assert.ok((await words(page)).includes(text), 'it is shown as it was typed');
      accepted += 1;
    }
    await page.goto(`${site}/query/?${new URLSearchParams({ image: text, platform: text })}`);
    await plain(page, 'the question');
    await page.goto(`${site}/stack/`);
    await fill(page, { text: `services: {a: {image: ${JSON.stringify(text)}}}\n${text}`, platform: text });
    await send(page);
    await plain(page, 'the stack');
    await page.close();
  }
  assert.ok(accepted >= 4 && refused >= 3, `${accepted} ${refused}`);
  const waiting = suggestions().filter(({ id }) => id > start);
  assert.deepEqual([waiting.length, proposals().length - before], [accepted, accepted]);
  for (const { id } of waiting) assert.doesNotMatch(run('suggestions', 'show', String(id)), odd);
  for (const { id } of proposals()) assert.doesNotMatch(run('proposals', 'show', String(id)), odd);
});

test('a form is sent once, whatever is clicked', async () => {
  const before = proposals().length;
  const page = await open(form);
  const values = {
    project: 'Clicked twice', benefits: 'All.', source: 'https://git.example/tiny', license: 'MIT', machines: 'One.', platforms: true, agree: true, ...contact,
  };
  await fill(page, values);
  await leads(page, () => page.click('main button', { count: 2 }));
  await until('its page', () => page.url().includes('/proposal/'));
  assert.equal(await title(page), 'Clicked twice');
  assert.equal(proposals().length, before + 1);
  // Back and forth, and loaded anew: nothing is sent again.
  await page.goBack();
  assert.equal(new URL(page.url()).pathname, form);
  await page.goForward();
  await page.reload();
  assert.equal(await title(page), 'Clicked twice');
  assert.equal(proposals().length, before + 1);
  // Whoever goes back and sends the very same form comes to the page that there is.
  const own = new URL('.', page.url()).href;
  await page.goBack();
  await fill(page, values);
  await send(page);
  assert.equal(new URL('.', page.url()).href, own);
  assert.equal(proposals().length, before + 1);
  // From a page that the service refused, the way back asks before it sends anything.
  await page.goto(site + form);
  await fill(page, { project: 'Not whole' });
  assert.equal((await send(page)).status(), 422);
  await page.goto(`${site}/calls/`);
  await page.goBack().catch((error) => assert.match(String(error), /ERR_CACHE_MISS/));
  assert.equal(proposals().length, before + 1);
  await page.close();
});

test('whoever comes to the first page finds what can be done here, and what can’t be done is said', async () => {
  const page = await open('/', { script: false });
  const links = await page.$$eval('main a', (links) => links.map((link) => [link.textContent, link.getAttribute('href')]));
  for (const link of [['Ask about any image', '/query/'], ['Check a stack', '/stack/'], ['Something is missing or wrong?', '/suggest/'], ['Calls for proposals', '/calls/']]) {
    assert.ok(links.some((known) => known.join() === link.join()), link.join());
  }
  await inspect(page, 'home');
  for (const [path, name] of [['/query/', 'query'], ['/calls/past-builds/', 'call-past'], ['/calls/coming-builds/', 'call-coming'], ['/calls/past-builds/propose/', 'propose-past'], ['/about/', 'about']]) {
    await page.goto(site + path);
    await inspect(page, name);
  }
  for (const [slug, note] of [['past-builds', /It takes no more proposals/], ['coming-builds', /from the first day on/]]) {
    await page.goto(`${site}/calls/${slug}/`);
    assert.equal((await page.$$('main a.button')).length, 0, slug);
    assert.match(await words(page), note);
  }
  const gone = await page.goto(`${site}/proposal/${'a'.repeat(43)}/`);
  assert.equal(gone.status(), 404);
  await inspect(page, 'refusal', gone);
  await page.close();
});

test('the Nu checker finds nothing on what was sent', { timeout: 120_000 }, () => {
  execFileSync('java', ['-Xmx512m', '-Xss1m', '-jar', checker, '--no-langdetect', papers], { stdio: ['ignore', 'inherit', 'pipe'], encoding: 'utf8' });
});
