import { critical, expect, incidentRow, test } from './quell';

test('an incident shows its alerts, timeline and trace', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'), critical('CheckoutSlow', 'checkout'));
  await page.goto(`${quell.url}/incidents/INC-000001`);
  const article = page.getByRole('article', { name: 'Incident INC-000001' });
  await expect(article.getByText('2 of 2 firing')).toBeVisible();
  await expect(article.locator('.timeline')).toContainText('Opened:');
  await expect(article.locator('.verdicts').first()).toContainText('opened');
  await article.getByRole('button', { name: /CheckoutSlow/ }).click();
  await expect(article.getByText('summary', { exact: true })).toBeVisible();
  await expect(article.locator('.alert-open .verdicts')).toContainText('accepted');
  await article.getByRole('link', { name: 'Page of this alert' }).click();
  await expect(page).toHaveURL(/\/alerts\/[0-9a-f]{16}$/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('CheckoutSlow');
});

test('a person takes it through its life', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'));
  await page.goto(`${quell.url}/incidents/INC-000001`);
  await page.getByRole('button', { name: 'Set your name' }).last().click();
  await page.getByRole('dialog').getByRole('textbox').fill('kim');
  await page.getByRole('button', { name: 'Save' }).click();

  const head = page.locator('.incident-head');
  const timeline = page.locator('.timeline');
  await head.getByRole('button', { name: 'Acknowledge' }).click();
  await expect(timeline).toContainText('kim Status is now acknowledged');
  await head.getByRole('button', { name: 'Assign' }).click();
  await expect(page.getByRole('dialog').getByRole('textbox')).toHaveValue('kim');
  await page.getByRole('dialog').getByRole('button', { name: 'Assign', exact: true }).click();
  await expect(timeline).toContainText('Assigned to kim');
  await head.getByLabel('Severity').selectOption('3');
  await expect(timeline).toContainText('Severity is now SEV3');
  await page.keyboard.press('Escape');
  await page.getByLabel('Note').fill('The pool was full; <b>see</b> the graph.');
  await page.getByRole('button', { name: 'Add note' }).click();
  await expect(timeline).toContainText('The pool was full; <b>see</b> the graph.');
  await head.getByRole('button', { name: 'Change the title' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('Pool of orders exhausted');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Pool of orders exhausted');
  for (const [verb, status] of [
    ['Investigate', 'investigating'],
    ['Mitigate', 'mitigated'],
    ['Resolve', 'resolved'],
    ['Close', 'closed'],
    ['Reopen', 'open'],
  ] as const) {
    await head.getByRole('button', { name: verb }).click();
    await expect(head.locator('.status').first()).toHaveText(status);
  }
});

test('two incidents are merged', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'));
  await quell.fire(critical('SearchBroken', 'search'));
  await page.goto(`${quell.url}/incidents/INC-000002`);
  await page.getByRole('button', { name: 'Merge' }).click();
  await page.getByRole('dialog').getByRole('radio').first().check();
  await page.getByRole('button', { name: 'Merge into INC-000001' }).click();
  await expect(page.locator('.incident-head')).toContainText('merged into INC-000001');
  await page.getByRole('link', { name: 'INC-000001' }).first().click();
  await expect(page.getByText('2 of 2 firing')).toBeVisible();
});

test('selected alerts are split off', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'), critical('CheckoutSlow', 'checkout'));
  await page.goto(`${quell.url}/incidents/INC-000001`);
  await page.getByRole('checkbox', { name: /CheckoutSlow/ }).check();
  await page.getByRole('button', { name: 'Split 1 off' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Split' }).click();
  await expect(page).toHaveURL(/INC-000002$/);
  await expect(page.getByText('1 of 1 firing')).toBeVisible();
  await expect(page.locator('.timeline')).toContainText('Split from INC-000001');
});

test('who was slower is told what the incident is now', async ({ page, quell }) => {
  await quell.fire(critical('CheckoutDown', 'checkout'));
  // Without a stream the page does not learn of the change.
  await page.route('**/api/v1/stream**', (route) => route.abort());
  await page.goto(`${quell.url}/incidents/INC-000001`);
  await expect(page.getByRole('button', { name: 'Acknowledge' })).toBeVisible();
  const other = await quell.post('/api/v1/incidents/INC-000001/ack', { actor: 'robin' });
  expect(other.status).toBe(200);
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await expect(
    page.getByText('INC-000001 was changed by robin while you looked at it, so nothing was done.'),
  ).toBeVisible();
  await expect(page.locator('.incident-head')).toContainText('acknowledged');
  await page.goto(quell.url);
  await expect(incidentRow(page, 'INC-000001')).toContainText('acknowledged');
});

test('hostile text stays text, and hostile links are none', async ({ page, quell }) => {
  const title = '<img src=x onerror="document.title=`broken`">';
  await quell.fire({
    labels: { alertname: title, service: 'checkout', severity: 'critical' },
    annotations: {
      summary: title,
      runbook: 'javascript:document.title="broken"',
      dashboard: 'https://grafana.example/d/1',
    },
  });
  await page.goto(`${quell.url}/incidents/INC-000001`);
  await page.locator('.opener').first().click();
  await expect(page.getByText('javascript:document.title="broken"')).toBeVisible();
  expect(await page.locator('a[href^="javascript" i]').count()).toBe(0);
  expect(await page.locator('main img').count()).toBe(0);
  const outside = page.getByRole('link', { name: 'https://grafana.example/d/1' });
  await expect(outside).toHaveAttribute('rel', 'noopener noreferrer');
  expect(await page.title()).toContain('Quell');
});

test('an incident that does not exist is said so', async ({ page, quell }) => {
  await page.goto(`${quell.url}/incidents/INC-000099`);
  await expect(page.getByRole('alert')).toContainText('INC-000099');
});
