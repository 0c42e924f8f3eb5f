import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecent } from '../../src/core/recent.ts';

const names = (count: number) => Array.from({ length: count }, (_, n) => `entry ${n}`);

test('as many entries as promised are there, whatever came before them', () => {
  const recent = createRecent<string>(10);
  for (const name of names(1000)) recent.set(name, name);
  for (const name of names(1000).slice(-10)) assert.equal(recent.get(name), name);
});

test('what is asked for again and again stays, while others come and go', () => {
  const recent = createRecent<number>(10);
  recent.set('favourite', 1);
  for (const name of names(1000)) {
    recent.set(name, 2);
    assert.equal(recent.get('favourite'), 1);
  }
});

test('what nobody asks for is forgotten', () => {
  const recent = createRecent<number>(10);
  recent.set('forgotten', 1);
  for (const name of names(20)) recent.set(name, 2);
  assert.equal(recent.get('forgotten'), undefined);
});
