import { test } from 'node:test';
import { manyWriters } from './many-writers.ts';
import { twoServices } from './two-services.ts';

test(
  'many writers of one upload at two processes: acknowledged bytes stay, the file is right, counted once',
  {
    timeout: 240_000,
  },
  async (t) => manyWriters(t, await twoServices(t)),
);
