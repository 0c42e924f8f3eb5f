import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scanJson } from '../../src/http/json-body.ts';

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('the scan finds the depth and each top-level member of any JSON object', () => {
  const objects = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 6 }));
  fc.assert(
    fc.property(objects, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const { depth, members } = scanJson(text);
      const parsed: Record<string, unknown> = JSON.parse(text);
      assert.equal(depth, depthOf(parsed));
      assert.deepEqual([...members.keys()].sort(), Object.keys(parsed).sort());
      for (const [name, member] of members) assert.deepEqual(JSON.parse(member), parsed[name]);
    }),
    { numRuns: 500 },
  );
});

test('of a name that comes twice the last one counts, however it is spelled', () => {
  const { members } = scanJson('{"a":1,"\\u0061": {"b" : [ "}\\\\\\"" ] } }');
  assert.equal(members.get('a'), '{"b" : [ "}\\\\\\"" ] }');
});

test('what is no object has no members', () => {
  for (const text of ['[]', '[{"a":1}]', '"a"', '7', 'null', '{}']) {
    assert.equal(scanJson(text).members.size, 0, text);
  }
});
