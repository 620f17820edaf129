import { critical, expect, expectNoSidewaysScroll, incidentRow, test } from './quell';

test('health shows the window of what just arrived', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'));
  await page.goto(quell.url);
  const strip = page.getByRole('navigation', { name: 'Health' });
  await expect(strip).toContainText('CRITICAL');
  await strip.getByRole('link').first().click();
  await expect(page).toHaveURL(/\/health\?/);
  const row = page.getByRole('region', { name: 'Windows' }).getByRole('row').nth(1);
  await expect(row).toContainText('CRITICAL');
  await expect(page).toHaveTitle(/Health · Quell$/);
  // The sources by themselves, too.
  await page.locator('.scope-card', { hasNotText: 'All sources' }).first().click();
  await expect(page).toHaveURL(/scope=./);
  await expect(row).toContainText('CRITICAL');
});

test('a lost server is told', async ({ page, quell }) => {
  await page.clock.install();
  await quell.fire(critical('CheckoutDown', 'checkout'));
  await page.goto(quell.url);
  await expect(incidentRow(page, 'INC-000001')).toBeVisible();
  await quell.stop();
  const told = page.getByText('No connection to the server since');
  await expect(told).toBeVisible();
  // Once, however many requests fail meanwhile, and in the colour of trouble.
  const failed = page.waitForEvent('requestfailed', (r) => r.url().includes('/api/v1/incidents'));
  await page.getByRole('button', { name: 'All', exact: true }).click();
  await failed;
  await expect(page.getByRole('alert')).toHaveCount(1);
  await expect(page.getByRole('alert')).toContainText('nothing can be changed');
  await expect(page.locator('.offline')).toHaveCSS('background-color', 'rgb(253, 236, 234)');
  // With its clock stopped the page does not try by itself: only the button can connect.
  await page.clock.pauseAt(Date.now() + 60_000);
  await expect(page.getByText(/^Next try in \d+s$/)).toBeVisible();
  await quell.start();
  await page.getByRole('button', { name: 'Connect now' }).last().click();
  await expect(told).toBeHidden();
  await page.clock.resume();
  // What could not be loaded is, without reload.
  await expect(incidentRow(page, 'INC-000001')).toBeVisible();
});

test('live events appear, can be paused, filtered and opened', async ({ page, quell }) => {
  await page.goto(`${quell.url}/events`);
  await expect(page.getByRole('heading', { name: 'No event yet' })).toBeVisible();
  await quell.fire(critical('CheckoutDown', 'checkout'));
  const table = page.getByRole('table', { name: 'Events' });
  await expect(table).toContainText('CheckoutDown');
  await page.getByRole('button', { name: 'Pause' }).click();
  await quell.fire(critical('SearchDown', 'search'));
  await expect(page.getByRole('button', { name: 'Resume (1 new)' })).toBeVisible();
  await expect(table).not.toContainText('SearchDown');
  await page.getByRole('button', { name: /Resume/ }).click();
  await expect(table).toContainText('SearchDown');
  await page.getByLabel('Search').fill('search');
  await expect(table).not.toContainText('CheckoutDown');
  await table.getByRole('button', { name: /SearchDown/ }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/^Frame \d+ as it arrived/).click();
  await expect(dialog.locator('pre').last()).toContainText('"alertname": "SearchDown"');
});

test('what cannot be decoded is shown with its place and can be retried', async ({
  page,
  quell,
}) => {
  const bad = { specversion: '1.0', id: '7', source: '/ci' };
  await quell.post('/ingest/cloudevents', bad, { 'Content-Type': 'application/cloudevents+json' });
  await page.goto(`${quell.url}/deadletters`);
  const letter = page.getByRole('link', { name: /cloudevents/ });
  await expect(letter).toContainText('type');
  await letter.click();
  await expect(page.getByText('as it arrived')).toBeVisible();
  await expect(page.locator('pre').last()).toContainText('"specversion"');
  await page.getByRole('button', { name: 'Process again' }).click();
  await expect(page.getByText('1 dead letter processed again: 0 with success')).toBeVisible();
});

test('a new dead letter appears without reload', async ({ page, quell }) => {
  await page.goto(`${quell.url}/deadletters`);
  await expect(page.getByRole('heading', { name: 'No dead letters' })).toBeVisible();
  await quell.post('/ingest/cloudevents', '{"specversion":', {
    'Content-Type': 'application/cloudevents+json',
  });
  await expect(page.getByRole('link', { name: /cloudevents/ })).toBeVisible();
});

test('the theme follows the system until it is chosen', async ({ page, quell }) => {
  const background = () =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(quell.url);
  const light = await background();
  await page.emulateMedia({ colorScheme: 'dark' });
  expect(await background()).not.toBe(light);
  await page
    .getByRole('button', { name: /^Theme: system/ })
    .last()
    .click();
  expect(await background()).toBe(light);
  await page.reload();
  expect(await background()).toBe(light);
});

for (const width of [360, 390, 768, 1280]) {
  test(`no page scrolls sideways at ${width} pixels`, async ({ page, quell }) => {
    await page.setViewportSize({ width, height: 844 });
    const long = 'a-very-long-name-without-any-space-'.repeat(6);
    await quell.fire(critical('CheckoutDown', 'checkout'), critical(long, long));
    await quell.post('/ingest/cloudevents', { specversion: '1.0', id: long, source: `/${long}` });
    await page.goto(quell.url);
    await expect(incidentRow(page, /INC-000001/)).toBeVisible();
    for (const path of [
      '/',
      '/incidents/INC-000001',
      '/incidents/INC-000002',
      '/health',
      '/findings',
      '/events',
      '/deadletters',
      '/sources',
    ]) {
      await page.goto(`${quell.url}${path}`);
      await expect(page.locator('#page')).not.toContainText('Loading…');
      await expectNoSidewaysScroll(page);
    }
    await page.goto(`${quell.url}/docs`);
    await expect(
      page.getByRole('heading', { name: 'incidents', exact: true }).first(),
    ).toBeVisible();
    await expectNoSidewaysScroll(page);
  });
}

test.describe('with tokens', () => {
  const token = 'correct-horse-battery-staple';
  const ingestToken = 'only-for-what-sends-alerts';
  const readToken = 'only-for-what-hangs-on-a-wall';
  test.use({
    config: `server:
  tokens:
    - name: kim
      token: ${token}
    - name: prometheus
      token: ${ingestToken}
      role: ingest
    - name: screen
      token: ${readToken}
      role: read
`,
  });

  test('the page asks for a token and keeps it', async ({ page, quell }) => {
    await page.goto(quell.url);
    await page.getByLabel('Token').fill('wrong-horse-battery-staple');
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(page.getByText('The token was not accepted.')).toBeVisible();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(page.getByRole('heading', { name: 'Nothing has arrived yet' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Connection: Live' }).last()).toBeVisible();
    const response = await quell.post(
      '/alertmanager/api/v2/alerts',
      [{ labels: { alertname: 'CheckoutDown', severity: 'critical' } }],
      { Authorization: `Bearer ${ingestToken}` },
    );
    expect(response.status).toBe(200);
    await expect(incidentRow(page, 'INC-000001')).toBeVisible();
    await page.reload();
    await expect(incidentRow(page, 'INC-000001')).toBeVisible();
  });

  test('who may only read is not shown what changes', async ({ page, quell }) => {
    await quell.post(
      '/alertmanager/api/v2/alerts',
      [{ labels: { alertname: 'CheckoutDown', severity: 'critical' } }],
      { Authorization: `Bearer ${ingestToken}` },
    );
    await page.goto(`${quell.url}/incidents/INC-000001`);
    await page.getByLabel('Token').fill(readToken);
    await page.getByRole('button', { name: 'Continue' }).click();
    await expect(page.getByText('Your token may read, not change.')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Acknowledge' })).toBeHidden();
  });
});

test.describe('findings', () => {
  test.use({
    config: `detection:
  warmup: 100
  rules:
    - {metric: queue_depth, direction: up, severity: error}
`,
  });

  test('a finding is shown with its chart and can be judged', async ({ page, quell }) => {
    await page.goto(`${quell.url}/findings`);
    await expect(page.getByRole('heading', { name: 'Nothing unusual' })).toBeVisible();
    const now = Math.floor(Date.now() / 1000);
    const lines: string[] = [];
    for (let i = 0; i < 500; ++i) {
      for (const metric of ['queue_depth', 'load_1', 'load_2', 'load_3']) {
        // Noise that is the same every time.
        const value = 50 + ((i * 7919 + metric.length * 31 + i * i) % 97) / 25 + (i > 450 ? 60 : 0);
        lines.push(JSON.stringify({ host: 'db-1', metric, value, ts_event: now - 500 + i }));
      }
    }
    const type = { 'Content-Type': 'application/x-ndjson' };
    expect((await quell.post('/ingest/agent', lines.join('\n'), type)).status).toBe(202);
    const row = page.getByRole('link', { name: /FND-000001/ });
    await expect(row).toContainText('host:db-1');
    await row.click();
    await expect(page).toHaveTitle(/FND-000001 · Quell$/);
    await expect(page.getByRole('img', { name: /usual .* to .* from / }).first()).toBeVisible();
    await page.getByRole('button', { name: 'Noise' }).click();
    await expect(page.getByRole('button', { name: 'Noise' })).toHaveAttribute(
      'aria-pressed',
      'true',
    );
    await page.getByRole('link', { name: /^INC-/ }).click();
    await expect(page.getByRole('heading', { level: 1 })).toContainText('db-1');
  });
});

test.describe('detection rules', () => {
  const notToday = ['wed', 'thu', 'fri', 'sat', 'sun', 'mon', 'tue'][new Date().getUTCDay()];
  test.use({
    config: `detection:
  rules:
    - {name: too-deep, metric: queue_depth, detector: threshold, above: 100, severity: error}
    - {name: users-daily, metric: users, detector: seasonal}
    - {name: too-hot, metric: temperature, detector: threshold, above: 80, weekdays: ${notToday}}
    - {name: nobody, metric: not_there, detector: change_point}
`,
  });

  test('the findings page says what rules watch, learn and hold back', async ({ page, quell }) => {
    await page.goto(`${quell.url}/findings`);
    const rules = page.getByRole('region', { name: 'Rules' });
    const rule = (name: string) => rules.getByRole('listitem').filter({ hasText: name });
    await expect(rule('too-deep')).toContainText('has matched no series yet');
    const now = Math.floor(Date.now() / 1000);
    const lines: string[] = [];
    for (let i = 0; i < 50; ++i) {
      const ts_event = now - 100 + 2 * i;
      const late = i > 40;
      for (const [metric, value] of [
        ['queue_depth', late ? 150 : 50],
        ['users', 200 + (i % 7)],
        ['temperature', late ? 90 : 60],
      ]) {
        lines.push(JSON.stringify({ host: 'db-1', metric, value, ts_event }));
      }
    }
    const type = { 'Content-Type': 'application/x-ndjson' };
    expect((await quell.post('/ingest/agent', lines.join('\n'), type)).status).toBe(202);
    await expect(page.getByRole('link', { name: /FND-000001/ })).toContainText('queue_depth');
    await page.reload();
    await expect(rule('too-deep')).toContainText('1 series, 1 open');
    await expect(rule('users-daily')).toContainText('1 series, 1 learning');
    await expect(rule('too-hot')).toContainText('1 series, 1 held back');
    await expect(rule('too-hot')).toContainText('held back: ');
    await expect(rule('nobody')).toContainText('has matched no series yet');
    await page.getByRole('link', { name: /FND-000001/ }).click();
    await expect(page.getByText('limit 100', { exact: true })).toBeVisible();
    await expect(
      page.getByRole('img', { name: /^queue_depth: 150 \(limit 100\) from / }),
    ).toBeVisible();
    // The alert leads back to the finding.
    await page.getByRole('link', { name: 'Its alert' }).click();
    await page.getByRole('link', { name: 'FND-000001' }).click();
    await expect(page).toHaveTitle(/FND-000001 · Quell$/);
  });
});
