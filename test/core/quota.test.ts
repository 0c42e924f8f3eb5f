import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DAY_MS, periodAt, quotaReport, remainingBytes } from '../../src/core/quota.ts';
import { renewedExpiry, statusAt } from '../../src/core/session.ts';

const account = { limitBytes: 1000, usedBytes: 400, reservedBytes: 100, activeSessions: 2, resetAt: 0 };

test('what remains is limit − used − reserved, and never negative', () => {
  assert.equal(remainingBytes(account), 500);
  assert.equal(remainingBytes({ ...account, limitBytes: 300 }), 0);
});

test('the quota object speaks in bytes and in GB of 1024³ with two decimals', () => {
  const report = quotaReport({ ...account, limitBytes: 10_737_418_240, usedBytes: 1_000_000 }, 100);
  assert.deepEqual(report, {
    quota_limit: 10_737_418_240,
    quota_used: 1_000_000,
    quota_reserved: 100,
    quota_remaining: 10_736_418_140,
    quota_limit_gb: 10,
    quota_used_gb: 0,
    quota_remaining_gb: 10,
    usage_percentage: 0.01,
    reset_date: '1970-01-01T00:00:00.000Z',
    active_sessions: 2,
    max_active_sessions: 100,
  });
});

test('periods follow one another without a gap and each moment is in exactly one', () => {
  const period = fc.integer({ min: 1, max: 366 }).map((days) => days * DAY_MS);
  const moment = fc.integer({ min: 0, max: 4e12 });
  fc.assert(
    fc.property(moment, period, moment, (first, periodMs, later) => {
      const now = first + later;
      const { start, end } = periodAt(first, periodMs, now);
      return start <= now && now < end && end - start === periodMs && (start - first) % periodMs === 0;
    }),
  );
});

test('an active session past its time reads as expired, unless its bytes are being verified', () => {
  const session = { status: 'active', expiresAt: 1000, sealed: false } as const;
  assert.equal(statusAt(session, 999), 'active');
  assert.equal(statusAt(session, 1000), 'expired');
  assert.equal(statusAt({ ...session, sealed: true }, 1000), 'active');
  assert.equal(statusAt({ ...session, status: 'completed' }, 5000), 'completed');
});

test('each stored byte renews the expiry, up to the longest life', () => {
  assert.equal(renewedExpiry(5_000, 0, 3_600, 86_400), 8_600);
  assert.equal(renewedExpiry(85_000, 0, 3_600, 86_400), 86_400);
});
