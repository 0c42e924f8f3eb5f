import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import type { FastifyRequest } from 'fastify';
import { createBearerJwt } from '../../src/http/auth/bearer-jwt.ts';
import { createFlaskCookieScheme } from '../../src/http/auth/flask-cookie.ts';
import { createFlaskSessions } from '../../src/http/auth/flask-session.ts';
import { createUploadTokens } from '../../src/http/auth/upload-token.ts';
import { scanJson } from '../../src/http/json-body.ts';
import { networkOf } from '../../src/http/rate-limits/network.ts';
import { createRequestIds } from '../../src/http/request-ids.ts';
import { fileNameOf } from '../../src/protocols/content-disposition.ts';
import * as ietf from '../../src/protocols/ietf-headers.ts';
import { checksumOf } from '../../src/protocols/tus-checksum.ts';
import { parseUploadConcat } from '../../src/protocols/tus-concat.ts';
import { mediaTypeOf, parseByteCount, parseCreationLength } from '../../src/protocols/tus-headers.ts';
import { formatOfFiletype, parseUploadMetadata } from '../../src/protocols/tus-metadata.ts';
import { startStopwatch } from '../helpers/stopwatch.ts';
import { anyJson } from './schema-values.ts';

/** Whatever stands in a header or a cookie: the parsers give a value or none, at once, and never throw. */

const flask = createFlaskSessions({ secrets: ['secret'], maxAgeSeconds: 1e9 });
const bearer = createBearerJwt({ secretKeys: ['x'.repeat(32)], jwksUrl: null, issuer: null, audience: null });
const cookie = createFlaskCookieScheme({ sessions: flask, cookieName: 'session', allowedOrigins: new Set() });
const tokens = createUploadTokens({ keys: [randomBytes(32)], maxLifetimeMs: 1000 });
const owner = { sessionId: 'a', userId: 'b', createdAt: 0 };
const requestId = createRequestIds();

const message = (headers: Record<string, string>) =>
  Object.assign(new IncomingMessage(new Socket()), { headers });
const request = (headers: Record<string, string>) =>
  ({ headers, method: 'POST', raw: message(headers) }) as unknown as FastifyRequest;
const isNumberOrNull = (value: unknown) =>
  value === null || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0);

/** Each parser and what may come out of it. */
const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  'tus: number of bytes': (text) => assert.ok(isNumberOrNull(parseByteCount(text))),
  'tus: length at creation': (text) => {
    for (const headers of [
      { 'upload-length': text },
      { 'upload-defer-length': text },
      { 'upload-length': text, 'upload-defer-length': '1' },
    ]) {
      const told = parseCreationLength(headers);
      assert.ok(told === null || isNumberOrNull(told.length));
    }
  },
  'tus: metadata': (text) => parseUploadMetadata(text),
  'tus: concatenation': (text) => parseUploadConcat(text),
  'tus: checksum': (text) => checksumOf(message({ 'upload-checksum': text })),
  'media type': (text) => formatOfFiletype(mediaTypeOf(text) ?? undefined),
  'IETF: fields': (text) => {
    const headers = {
      'upload-complete': text,
      'upload-offset': text,
      'upload-length': text,
      'upload-incomplete': text,
      'upload-draft-interop-version': text,
    };
    assert.ok([true, false, null].includes(ietf.parseComplete(headers)));
    assert.ok(isNumberOrNull(ietf.parseOffset(headers)) && isNumberOrNull(ietf.parseLength(headers)));
    ietf.interopVersion(headers);
    assert.ok([32, undefined].includes(ietf.parseSha256(text)?.length));
  },
  'content disposition': (text) => {
    const name = fileNameOf(text);
    assert.ok(name === null || typeof name === 'string');
  },
  'bearer token': async (text) => assert.notEqual((await bearer(request({ authorization: text })))?.ok, true),
  'bearer token after its scheme': async (text) =>
    assert.equal((await bearer(request({ authorization: `Bearer ${text}` })))?.ok, false),
  cookie: async (text) => assert.notEqual((await cookie(request({ cookie: text })))?.ok, true),
  'Flask session': (text) => assert.equal(flask.read(text, Date.now()), null),
  'upload token': (text) => assert.equal(tokens.verify(text, owner, 1), false),
  'request id': (text) => assert.match(requestId(message({ 'x-request-id': text })), /^[\w.:-]{1,128}$/),
  address: (text) => assert.equal(typeof networkOf(text), 'string'),
};

const pieces = fc.constantFrom(
  ...[
    '=',
    ';',
    ',',
    '"',
    '\\',
    '.',
    ':',
    '(',
    ')',
    '?0',
    '?1',
    '-',
    '+',
    ' ',
    '\t',
    '%',
    '%00',
    "''",
    '*',
    '/',
    '==',
  ],
  ...[
    'Bearer ',
    'session=',
    'filename',
    'filename*=',
    'UTF-8',
    'partial',
    'final;',
    '/v1/uploads/',
    'sha1 ',
    'sha-256=',
    'eyJ',
    '\u00ff',
    '9007199254740993',
    '1e9',
    '0x',
  ],
);
const headerLike = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .array(fc.oneof(pieces, fc.base64String({ maxLength: 24 }), fc.string({ maxLength: 6 })), {
        maxLength: 24,
      })
      .map((parts) => parts.join('')),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  // Long runs, where a careless expression takes its time.
  {
    weight: 1,
    arbitrary: fc
      .tuple(pieces, fc.integer({ min: 1, max: 8000 }))
      .map(([piece, times]) => piece.repeat(times).slice(0, 16_000)),
  },
);

const LONG_MS = 500;

/** A text that takes its time takes it each time; a machine that stands still for a moment does not. */
async function isQuick(work: () => unknown): Promise<boolean> {
  for (let tries = 0; tries < 3; tries += 1) {
    const elapsedMs = startStopwatch();
    await work();
    if (elapsedMs() < LONG_MS) return true;
  }
  return false;
}

for (const [name, parse] of Object.entries(PARSERS)) {
  test(`${name}: any text gives a value or none, within milliseconds`, async () => {
    await fc.assert(
      fc.asyncProperty(headerLike, async (text) => {
        assert.ok(await isQuick(() => parse(text)), `${text.length} characters take ${LONG_MS} ms`);
      }),
      { numRuns: 1500 },
    );
  });
}

test('members of JSON are found as JSON.parse finds them, whatever stands in them', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), anyJson),
      fc.constantFrom(undefined, 1, '\t'),
      (object, indent) => {
        const text = JSON.stringify(object, null, indent);
        const { members } = scanJson(text);
        assert.deepEqual([...members.keys()].sort(), Object.keys(object).sort());
        for (const [name, member] of members)
          assert.deepEqual(JSON.parse(member), JSON.parse(JSON.stringify(object[name])));
      },
    ),
    { numRuns: 1000 },
  );
});
