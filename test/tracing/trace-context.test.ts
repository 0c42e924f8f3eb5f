import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTraceparent, parseTraceparent, traceOfSession } from '../../src/tracing/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test('a traceparent is read as W3C Trace Context says, and written back as it was', () => {
  for (const flags of ['00', '01']) {
    const header = `00-${TRACE}-${SPAN}-${flags}`;
    const context = parseTraceparent(header);
    assert.deepEqual(
      { ...context },
      { traceId: TRACE, spanId: SPAN, traceFlags: Number(flags), isRemote: true },
    );
    assert.ok(context);
    assert.equal(formatTraceparent(context), header);
  }
  // Section 3.2.4: of versions to come what is known counts.
  assert.equal(parseTraceparent(`01-${TRACE}-${SPAN}-03-more`)?.traceFlags, 1);
});

test('a traceparent that is none is passed over', () => {
  const bad = [
    undefined,
    '',
    'x',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-0g`,
  ];
  for (const header of bad) assert.equal(parseTraceparent(header), null, String(header));
});

test("a session's trace follows from its id alone", () => {
  const { traceId, spanId } = traceOfSession('a3f1c2d4-0000-4abc-8def-0123456789ab');
  assert.equal(traceId, 'a3f1c2d400004abc8def0123456789ab');
  assert.match(spanId, /^[0-9a-f]{16}$/);
  assert.deepEqual(traceOfSession('a3f1c2d4-0000-4abc-8def-0123456789ab'), { traceId, spanId });
});
