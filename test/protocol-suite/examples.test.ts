import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { findProgram } from '../../scripts/lib/servers/program.ts';
import { startBackend } from './backend.ts';
import { createContext } from './context.ts';
import { type Example, examplesOf, missingLine, paste } from './examples.ts';

const FILE = 'test/fixtures/sample.mp4';

test('the examples of docs/protocol.md do what it says when pasted', async (t) => {
  for (const name of ['curl', 'openssl']) findProgram({ name, debianPackage: name });
  const backend = await startBackend('SQLite and disk', { INTERIM_RESPONSES: 'true' });
  t.after(() => backend.stop());
  const context = createContext(backend);
  const { size } = statSync(new URL(`../../${FILE}`, import.meta.url));
  const env = {
    SLUICE: backend.service.url,
    TOKEN: context.user().authorization.slice('Bearer '.length),
    FILE,
    SIZE: String(size),
  };

  const [session, ...examples] = examplesOf('protocol.md');
  assert.ok(session && examples.length >= 8, 'there are examples');
  for (const example of [session, ...examples]) assert.ok(example.prints.length > 0, example.command);
  for (const together of bySection(examples)) {
    // Each section takes a new session.
    const all: readonly Example[] = [session, ...together];
    const printed = await paste(
      all.map(({ command }) => command),
      env,
    );
    for (const [n, { section, command, prints }] of all.entries()) {
      const missing = missingLine(printed[n] ?? '', prints);
      assert.equal(missing, null, `"${section}" does not print this line:\n${command}\n${printed[n]}`);
    }
  }
});

function bySection(examples: readonly Example[]): Example[][] {
  return [...Map.groupBy(examples, ({ section }) => section).values()];
}
