import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { createClient } from '../e2e/client.ts';
import { serviceFor } from '../e2e/service.ts';
import { until } from '../e2e/until.ts';
import { videoOf } from '../e2e/videos.ts';
import { startReceiver } from '../events/receiver.ts';
import { faultRow, SEED } from './fault-row.ts';
import { judgeLedger, realStores } from './real-stores.ts';

const SIZE = 40_000;
const HOUR_MS = 3_600_000;

test('a webhook receiver that answers 500, redirects, hangs and is gone for an hour gets every event once', async (t) => {
  const row = { fault: 'webhook receiver answers 500, redirects, hangs, is gone for an hour', checked: 'D' };
  await faultRow(t, row, async (figures) => {
    const receiver = await startReceiver();
    t.after(() => receiver.close());
    const stores = await realStores(t);
    const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
    const webhook = { WEBHOOK_URL: receiver.url, WEBHOOK_SECRET: secret, WEBHOOK_ALLOW_PRIVATE: 'true' };
    const service = await serviceFor(t, { dataDir: stores.dataDir, env: { ...stores.env, ...webhook } });
    const client = createClient(service, randomUUID());
    const completed: string[] = [];
    const takenIds: string[] = [];
    const upload = async () => {
      const { id, url } = await client.session(SIZE);
      assert.equal((await fetch(url, { method: 'PUT', body: videoOf(SIZE, SEED) })).status, 201);
      completed.push(id);
    };
    const count = async (condition: string) => {
      const [found] = await stores.database.query(`select count(*) as n from outbox where ${condition}`);
      return Number(found?.n);
    };
    /** All that wait have been tried once more than before, in vain. */
    const failedAgain = (times: number) =>
      until('the deliveries have failed', async () => {
        return (await count(`delivered_at is null and attempts < ${times}`)) === 0;
      });

    receiver.answerWith((response, { headers }) => {
      const turn = [...new Set(receiver.received.map((one) => one.headers['webhook-id']))].indexOf(
        headers['webhook-id'] ?? '',
      );
      if (turn % 3 === 0) response.writeHead(500).end();
      else if (turn % 3 === 1) response.writeHead(302, { location: `${receiver.url}&again` }).end();
      // The third hears nothing at all.
    });
    for (let n = 0; n < 6; n += 1) await upload();
    await failedAgain(1);
    await until('hanging deliveries are given up', async () => (await count('last_error is null')) === 0);
    figures['lag while it fails'] = `${await count('delivered_at is null')} events`;

    await receiver.leave();
    await upload();
    await stores.database.query('update outbox set last_error = null');
    await stores.database.advance(HOUR_MS);
    // Until all have failed since then: a delivery that is under way when the clock moves would outlive its lease.
    await until('all were tried while it was gone', async () => (await count('last_error is null')) === 0);
    assert.equal(await count('delivered_at is not null'), 0);

    receiver.answerWith((response, { headers }) => {
      takenIds.push(headers['webhook-id'] ?? '');
      response.writeHead(204).end();
    });
    await receiver.comeBack();
    await stores.database.advance(HOUR_MS);
    await until('all are delivered', async () => (await count('delivered_at is null')) === 0);
    const { lost, eventFaults } = await judgeLedger(stores.database, completed);
    Object.assign(figures, {
      events: completed.length,
      attempts: receiver.received.length,
      'never delivered': completed.length - new Set(takenIds).size,
      duplicates: takenIds.length - new Set(takenIds).size,
      'redirects followed': receiver.received.filter(({ path }) => path.includes('again')).length,
      lost,
      'event faults': eventFaults,
    });
    for (const zero of ['never delivered', 'duplicates', 'redirects followed', 'lost', 'event faults']) {
      assert.equal(figures[zero], 0, zero);
    }
  });
});
