import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { startStopwatch } from '../../helpers/stopwatch.ts';
import { assertRefused, BEGUN, FILE, PATCH, TUS } from '../context.ts';
import { type Row, rule } from '../row.ts';

const REST = FILE.subarray(BEGUN);
/** Gigabytes that a client says it is going to send. */
const HUGE = 5_000_000_000;

/** Clients that stall, crawl, flood, hurry and half-close. */
export const MISBEHAVING_ROWS: readonly Row[] = [
  {
    promise: 'a client that stalls is cut off, and its bytes are kept',
    section: rule('Slow and dead clients'),
    async run({ begun, line, reaches, finish }) {
      const upload = await begun();
      const one = line();
      await one.begin('PATCH', upload.target, {
        ...PATCH,
        'upload-offset': BEGUN,
        'content-length': REST.length,
      });
      await one.send(REST.subarray(0, 1234));
      await one.raw.closed;
      await reaches(upload, BEGUN + 1234);
      await finish(upload);
    },
  },
  {
    promise: 'a client that sends a byte at a time is cut off, and its bytes are kept',
    section: rule('Slow and dead clients'),
    async run({ begun, line, offset, finish }) {
      const upload = await begun();
      const one = line();
      await one.begin('PATCH', upload.target, {
        ...PATCH,
        'upload-offset': BEGUN,
        'content-length': REST.length,
      });
      let cut = false;
      void one.raw.closed.then(() => {
        cut = true;
      });
      let sent = 0;
      while (!cut) {
        await one.send(REST.subarray(sent, sent + 1));
        sent += 1;
        assert.ok(sent < 600, 'it is never cut off');
        await delay(50);
      }
      const kept = (await offset(upload)) - BEGUN;
      assert.ok(kept > 0 && kept <= sent, `${kept} of ${sent}`);
      await finish(upload);
    },
  },
  {
    promise: 'an early refusal is prompt and arrives though gigabytes are in flight, then the line closes',
    section: `${rule('Early answers arrive')}; RFC 9112, section 9.6`,
    async run({ begun, line, offset, finish }) {
      const upload = await begun();
      for (const [method, headers, status, code] of [
        ['PUT', {}, 413, 'FILE_TOO_LARGE'],
        ['PATCH', { ...PATCH, 'upload-offset': 5 }, 409, 'OFFSET_MISMATCH'],
        [
          'PATCH',
          { ...PATCH, 'upload-offset': BEGUN, 'transfer-encoding': 'chunked' },
          413,
          'FILE_TOO_LARGE',
        ],
      ] as const) {
        const one = line();
        const length = 'transfer-encoding' in headers ? {} : { 'content-length': HUGE };
        await one.begin(method, upload.target, { ...headers, ...length });
        const elapsedMs = startStopwatch();
        const block = Buffer.alloc(65_536, 1);
        let flooded = 0;
        const flood = (async () => {
          while (!one.raw.socket.destroyed && flooded < 50_000_000) {
            await one.send('content-length' in length ? block : chunkOf(block));
            flooded += block.length;
          }
        })();
        const answer = await one.answer();
        // An unequal length of a PUT is found first: it is 400 where it is within the maximum.
        assert.ok([status, 400].includes(answer.status), `${method}: ${answer.status}`);
        if (answer.status !== 400) assertRefused(answer, status, code);
        assert.ok(elapsedMs() < 3000, 'the answer is prompt');
        assert.equal(answer.headers.connection, 'close');
        await one.raw.closed;
        one.cut();
        await flood;
        assert.ok(flooded < 50_000_000, 'what is read after the answer is bounded');
      }
      const at = await offset(upload);
      assert.ok(at === BEGUN || at === FILE.length, 'not one byte beyond the length is stored');
      // A flood in chunks overwrote what was missing of the file, within its length.
      await (at === BEGUN ? finish(upload) : Promise.resolve());
    },
  },
  {
    promise:
      'Expect: 100-continue is answered once only the bytes are left to be checked, else refused at once',
    section: 'RFC 9110, section 10.1.1',
    async run({ begun, line, assertCompleted }) {
      const upload = await begun();
      const expecting = { ...PATCH, expect: '100-continue', 'content-length': REST.length };
      const wrong = line();
      await wrong.begin('PATCH', upload.target, { ...expecting, 'upload-offset': 5 });
      assertRefused(await wrong.answer(), 409, 'OFFSET_MISMATCH');
      assert.deepEqual(wrong.raw.interim, []);
      await wrong.raw.closed;

      const right = line();
      await right.begin('PATCH', upload.target, { ...expecting, 'upload-offset': BEGUN });
      const seen = await new Promise<Buffer>((resolve) => right.raw.socket.once('data', resolve));
      assert.match(seen.toString(), /^HTTP\/1\.1 100 /);
      await right.send(REST);
      assert.equal((await right.answer()).status, 204);
      right.cut();
      await assertCompleted(upload);
    },
  },
  {
    promise: 'a client that closes its side after the last byte still gets its answer',
    section: 'RFC 9112, section 9.6',
    async run({ begun, line, assertCompleted }) {
      const upload = await begun();
      const one = line();
      const headers = { ...PATCH, 'upload-offset': BEGUN, 'content-length': REST.length };
      await one.begin('PATCH', upload.target, headers);
      await one.send(REST);
      one.raw.hangUp();
      assert.equal((await one.answer()).status, 204);
      await assertCompleted(upload);
    },
  },
  {
    promise: 'requests sent one behind the other are answered in order, each after the one before it',
    section: 'RFC 9112, section 9.3.2',
    async run({ begun, line, assertCompleted }) {
      const upload = await begun();
      const one = line();
      const middle = 90_000;
      await one.begin('HEAD', upload.target, TUS);
      await one.begin('PATCH', upload.target, {
        ...PATCH,
        'upload-offset': BEGUN,
        'content-length': middle - BEGUN,
      });
      await one.send(FILE.subarray(BEGUN, middle));
      await one.begin('PATCH', upload.target, {
        ...PATCH,
        'upload-offset': middle,
        'content-length': FILE.length - middle,
      });
      await one.send(FILE.subarray(middle));
      await one.begin('HEAD', upload.target, TUS);
      const answers = [await one.answer(), await one.answer(), await one.answer(), await one.answer()];
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 204, 204, 200],
      );
      assert.equal(answers[3]?.headers['upload-offset'], String(FILE.length));
      one.cut();
      await assertCompleted(upload);
    },
  },
  {
    promise: 'after a refusal whose body was all there the connection goes on',
    section: 'RFC 9112, section 9.3',
    async run({ begun, line, finish }) {
      const upload = await begun();
      const one = line();
      const piece = REST.subarray(0, 1000);
      for (const [at, status] of [
        [5, 409],
        [BEGUN, 204],
      ] as const) {
        const headers = { ...PATCH, 'upload-offset': at, 'content-length': piece.length };
        await one.begin('PATCH', upload.target, headers, piece);
        assert.equal((await one.answer()).status, status);
      }
      one.cut();
      await finish(upload);
    },
  },
];

function chunkOf(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}
