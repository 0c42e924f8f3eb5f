import type { Workload } from '../harness/contract.ts';
import { embedded } from './embedded.ts';
import { initiate } from './initiate.ts';
import { liveSessions } from './live-sessions.ts';
import { memory } from './memory.ts';
import { s3 } from './s3.ts';
import { smallFiles } from './small-files.ts';
import { stream } from './stream.ts';
import { chunks, streams } from './streams.ts';
import { sweep } from './sweep.ts';
import { validate } from './validate.ts';

/** In the order of the table. */
export const workloads: readonly Workload[] = [
  initiate,
  validate,
  liveSessions,
  sweep,
  stream,
  streams,
  chunks,
  smallFiles,
  memory,
  s3,
  embedded,
];
