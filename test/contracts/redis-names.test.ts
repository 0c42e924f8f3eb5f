import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { finalUploadId, newSessionId } from '../../src/core/session-id.ts';
import { decodeDocument, encodeDocument } from '../../src/stores/redis/document.ts';
import { nameOfSession, nameOfUser, sessionOfName, userOfName } from '../../src/stores/redis/names.ts';
import { DRAFT } from './session-store/workshop.ts';

test('a session and a user are found again by their names', () => {
  const sessions = Array.from({ length: 200 }, () => newSessionId('a3f'));
  for (const id of [...sessions, finalUploadId(sessions)]) {
    const name = nameOfSession(id);
    assert.match(name, /^[\w-]{19}$/);
    assert.equal(sessionOfName('a3f', name), id);
  }
  const users = Array.from({ length: 200 }, () => randomUUID());
  for (const id of [...users, '12345678-1234-5678-9012-123456789012']) {
    assert.match(nameOfUser(id), /^[\w-]{22}$/);
    assert.equal(userOfName(nameOfUser(id)), id);
  }
});

test('an id that differs from a session only in its version does not have its name', () => {
  const id = newSessionId('a3f');
  const names = [...'0123456789abcdef'].map((digit) => nameOfSession(id.slice(0, 14) + digit + id.slice(15)));
  assert.equal(new Set(names).size, 16);
  assert.throws(() => sessionOfName('a3f', names[5] ?? ''), TypeError);
});

test('a document comes back as it was, whatever stands in it', () => {
  const none = { sha256: null, uploadMetadata: null, fileFormat: null, filename: null };
  const context = '{"source_section": "tab\\there",\n"x":"\u2028"}';
  for (const filename of ['a\tb\nc.mp4', '', '""', '\\"\\t', 'فيلم.mp4', null]) {
    for (const rest of [none, { ...none, uploadMetadata: '' }, { ...none, fileFormat: 'mp4' }]) {
      for (const maxFileSize of [1, 2 ** 40, Number.MAX_SAFE_INTEGER, null]) {
        const document = { ...rest, filename, maxFileSize, dashboardContext: context };
        assert.deepEqual(decodeDocument(encodeDocument(document)), document);
      }
    }
  }
  const partial = { ...DRAFT, maxFileSize: 5, uploadConcat: 'partial' };
  const { expectedFileSize, ...document } = partial;
  assert.deepEqual(decodeDocument(encodeDocument(document)), document);
  assert.equal(expectedFileSize, 1000);
});
