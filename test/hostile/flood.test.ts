import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { context, P, stateOf, target } from './target.ts';

/** One user who asks for sessions of one byte without end: a hundred thousand with `npm run test:hostile`. */

const TRIES = Number(process.env.SLUICE_TEST_FLOOD ?? 8000);
const CONNECTIONS = 8;
/** Requests sent before their answers are read. */
const IN_FLIGHT = 64;
const victim = target(() => ({ LOG_LEVEL: 'warn' }));

/** Sends the same request again and again on one connection, and counts the statuses of the answers. */
function hammer(request: string, tries: number, count: (status: string) => void): Promise<void> {
  const { port } = new URL(victim.service.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1').setEncoding('latin1').on('error', reject);
    let sent = 0;
    let answered = 0;
    let rest = '';
    const send = (n: number) => {
      const more = Math.min(n, tries - sent);
      sent += more;
      if (more > 0) socket.write(request.repeat(more));
    };
    socket.on('data', (text: string) => {
      rest += text;
      let fresh = 0;
      for (
        let at = rest.indexOf('HTTP/1.1 ');
        at !== -1 && at + 12 <= rest.length;
        at = rest.indexOf('HTTP/1.1 ')
      ) {
        count(rest.slice(at + 9, at + 12));
        rest = rest.slice(at + 12);
        fresh += 1;
      }
      rest = rest.slice(Math.max(0, rest.lastIndexOf('H')));
      answered += fresh;
      send(fresh);
      if (answered < tries) return;
      socket.destroy();
      resolve();
    });
    send(IN_FLIGHT);
  });
}

test(`${TRIES} tiny sessions by one user: a hundred are made, the rest is 429, and others are served`, async () => {
  const body = JSON.stringify({ dashboard_context: context, expected_file_size: 1 });
  const request = `POST ${P}/initiate HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${await victim.sign()}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const counts: Record<string, number> = {};
  const count = (status: string) => {
    counts[status] = (counts[status] ?? 0) + 1;
  };
  const flood = Promise.all(
    Array.from({ length: CONNECTIONS }, () => hammer(request, TRIES / CONNECTIONS, count)),
  );
  const other = await victim.sign({ user_id: '12345678-1234-5678-9012-123456789012' });
  const elapsedMs = startStopwatch();
  const served = await victim.call(`${P}/initiate`, {
    token: other,
    json: { dashboard_context: context, expected_file_size: 1 },
  });
  assert.equal(served.status, 201);
  assert.ok(elapsedMs() < 10_000);
  victim.keepSecret(new URL(served.body.upload_url).searchParams.get('token') ?? '');
  await flood;
  assert.deepEqual(counts, { '201': 100, '429': TRIES - 100 });
  assert.partialDeepStrictEqual(await stateOf(victim), {
    quota: { active_sessions: 100, quota_reserved: 100 },
  });
});
