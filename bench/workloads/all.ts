import type { Workload } from '../harness/contract.ts';
import { initiate } from './initiate.ts';
import { validate } from './validate.ts';

/** In the order of the table. */
export const workloads: readonly Workload[] = [initiate, validate];
