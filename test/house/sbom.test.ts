import assert from 'node:assert/strict';
import { test } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { createSbom, isWelcome } from '../../scripts/lib/sbom.ts';

test('everything the service is made of is in the bill of materials, and may be shipped', () => {
  const { document, components, unwelcome } = createSbom();
  assert.deepEqual(unwelcome, []);
  const names = new Set(components.map(({ name }) => name));
  for (const name of Object.keys(packageJson.dependencies)) assert.ok(names.has(name), name);
  assert.ok(!names.has('typescript'), 'what is only for development is left out');
  assert.partialDeepStrictEqual(document, {
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'sluice' } },
  });
});

test('a licence is welcome by itself, as one of several to choose from, or with others that are', () => {
  for (const licence of ['MIT', '(MIT OR GPL-2.0-only)', 'Apache-2.0 AND MIT'])
    assert.ok(isWelcome([licence]), licence);
  for (const licence of [
    'GPL-3.0-only',
    'MIT AND GPL-2.0-only',
    'SEE LICENSE IN x',
    '',
    '(MIT OR X) AND AGPL-3.0-only',
  ]) {
    assert.ok(!isWelcome([licence]), licence);
  }
  assert.ok(!isWelcome([]), 'one that is not told');
});
