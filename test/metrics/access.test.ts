import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRICS } from '../../src/metrics/definitions.ts';
import { startApp } from '../helpers/app.ts';
import { readSeries } from './series.ts';

const TOKEN = 'a-token-for-the-scraper';

test('metrics are read from inside, and not through a proxy', async (t) => {
  const { url } = await startApp(t);
  const inside = await fetch(new URL('/metrics', url));
  assert.equal(inside.status, 200);
  assert.match(inside.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await inside.text();
  for (const name of Object.keys(METRICS)) assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'));
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds \d/m);

  for (const header of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
    const past = await fetch(new URL('/metrics', url), { headers: { [header]: '192.0.2.7' } });
    assert.equal(past.status, 401, header);
    assert.doesNotMatch(await past.text(), /upload_initiate_total/);
  }
});

test('with METRICS_TOKEN they are read by those who send it, from wherever, and by nobody else', async (t) => {
  const { url } = await startApp(t, { env: { METRICS_TOKEN: TOKEN } });
  const ask = (headers: Record<string, string>) => fetch(new URL('/metrics', url), { headers });
  assert.equal((await ask({})).status, 401);
  assert.equal((await ask({ authorization: 'Bearer another' })).status, 401);
  const sent = { authorization: `Bearer ${TOKEN}`, 'x-forwarded-for': '192.0.2.7' };
  assert.equal((await ask(sent)).status, 200);
});

test('METRICS=false counts nothing and serves nothing', async (t) => {
  const { call } = await startApp(t, { env: { METRICS: 'false' } });
  assert.equal((await call('/metrics')).status, 404);
});

test('requests to addresses that are not there do not make a series each', async (t) => {
  const { url } = await startApp(t);
  for (const path of ['/a', '/b', '/v1/uploads/c/d']) await (await fetch(new URL(path, url))).text();
  await (await fetch(new URL('/e', url), { method: 'PROPFIND' })).text();
  const requests = [...(await readSeries(url))].filter(([name]) =>
    /^http_server_request_duration_seconds_count.*route=""/.test(name),
  );
  assert.deepEqual(
    requests.map(([name]) => /method="(\w+)"/.exec(name)?.[1]),
    ['GET', 'other'],
  );
});
