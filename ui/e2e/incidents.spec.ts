import { critical, expect, incidentRow, test } from './quell';

test('the empty list leads to the sources', async ({ page, quell }) => {
  await page.goto(quell.url);
  await expect(page.getByRole('heading', { name: 'Nothing has arrived yet' })).toBeVisible();
  await page.getByRole('link', { name: 'Connect a source' }).click();
  await expect(page.getByRole('heading', { name: 'Sources' })).toBeVisible();
  await page.getByRole('button', { name: /alertmanager\b.*\/ingest\/alertmanager/ }).click();
  await expect(page.getByText(`url: ${quell.url}/ingest/alertmanager`)).toBeVisible();
});

test('an alert becomes a row without reload, and its end is seen', async ({ page, quell }) => {
  await page.goto(quell.url);
  await expect(page.getByRole('heading', { name: 'Nothing has arrived yet' })).toBeVisible();
  await quell.fire(critical('CheckoutDown', 'checkout'));
  const row = incidentRow(page, 'INC-000001');
  await expect(row).toContainText('CheckoutDown');
  await expect(row).toContainText('SEV1');
  await expect(row).toContainText('service:checkout');
  await expect(row).toContainText('open');
  await expect(row.getByTitle('1 of 1 alert firing')).toBeVisible();
  await quell.fire({ ...critical('CheckoutDown', 'checkout'), resolved: true });
  await expect(row.getByTitle('0 of 1 alert firing')).toBeVisible();
});

test('the keyboard moves, opens, acknowledges and resolves', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'));
  await quell.fire(critical('SearchDown', 'search'));
  await page.goto(quell.url);
  await expect(incidentRow(page, /INC-00000/)).toHaveCount(2);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  const selected = page.locator('[role=row][aria-selected=true]');
  await expect(selected).toBeFocused();
  const id = /INC-\d+/.exec(await selected.innerText())?.[0] ?? '';
  await page.keyboard.press('a');
  await expect(incidentRow(page, id)).toContainText('acknowledged');
  await expect(page.getByText(`${id} acknowledged.`)).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(`${quell.url}/incidents/${id}`);
  await page.keyboard.press('u');
  await expect(page).toHaveURL(`${quell.url}/`);
  await page.keyboard.press('r');
  await expect(incidentRow(page, id)).toHaveCount(0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(incidentRow(page, id)).toContainText('open');
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard' })).toBeVisible();
});

test('the filter lives in the address', async ({ page, quell }) => {
  await quell.fire(
    critical('CheckoutDown', 'checkout', { env: 'prod' }),
    critical('SearchDown', 'search', { env: 'stage' }),
  );
  await page.goto(quell.url);
  await expect(incidentRow(page, /INC-00000/)).toHaveCount(2);
  await page.keyboard.press('/');
  await page.keyboard.type('searchdown');
  await expect(page).toHaveURL(/\?q=searchdown/);
  await expect(incidentRow(page, /INC-00000/)).toHaveCount(1);
  await page.goto(`${quell.url}/?filter=${encodeURIComponent('env="prod"')}`);
  await expect(incidentRow(page, /INC-00000/)).toHaveCount(1);
  await expect(incidentRow(page, 'CheckoutDown')).toBeVisible();
  await page.goto(`${quell.url}/?status=closed`);
  await expect(page.getByRole('heading', { name: 'No incident matches' })).toBeVisible();
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await expect(incidentRow(page, /INC-00000/)).toHaveCount(2);
});

test('a matcher that cannot be right is said so while typing', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'));
  await page.goto(quell.url);
  await page.getByLabel('Matchers').fill('service=~"che');
  await expect(page.getByText('the value of service has an open quote')).toBeVisible();
});

test('thousands of rows stay few in the document', async ({ page, quell }) => {
  const count = 3000;
  for (let i = 0; i < count; i += 500) {
    const alerts = Array.from({ length: 500 }, (_, k) => {
      const name = `unit-${(i + k).toString(26).replace(/\d/g, (d) => 'qrstuvwxyz'.charAt(Number(d)))}`;
      return critical(`Down${i + k}`, name);
    });
    await quell.fire(...alerts);
  }
  await page.goto(quell.url);
  const grid = page.getByRole('grid', { name: 'Incidents' });
  await expect
    .poll(async () => Number(await grid.getAttribute('aria-rowcount')), { timeout: 30_000 })
    .toBeGreaterThan(500);
  expect(await page.getByRole('row').count()).toBeLessThan(60);
  await page.keyboard.press('End');
  const rows = Number(await grid.getAttribute('aria-rowcount'));
  await expect(page.locator(`[aria-rowindex="${rows}"]`)).toBeVisible();
});

test('after a restart of the server the page catches up by itself', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'));
  await page.goto(quell.url);
  await expect(incidentRow(page, 'INC-000001')).toBeVisible();
  await quell.stop();
  const connection = page.getByRole('button', { name: /^Connection:/ }).last();
  await expect(connection).toHaveAccessibleName('Connection: lost, reconnecting');
  await quell.start();
  await quell.fire(critical('SearchDown', 'search'));
  await expect(incidentRow(page, 'SearchDown')).toBeVisible({ timeout: 20_000 });
  await expect(connection).toHaveAccessibleName('Connection: Live');
  await expect(incidentRow(page, 'INC-000001')).toBeVisible();
});
