import { fileURLToPath } from 'node:url';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { SERVICE_FLAGS } from '../../scripts/lib/service-flags.mjs';
import type { Running } from '../harness/contract.ts';
import { startServer } from '../harness/server-process.ts';

const PROGRAM = fileURLToPath(new URL('bytes-server.ts', import.meta.url));

/** What a Node process does with the bytes: see bytes-server.ts. */
export const BYTE_STEPS = {
  'node:http': 'discard',
  'node:http + file': 'write',
  'node:http + file + SHA-256': 'hash',
} as const;

export type ByteStep = keyof typeof BYTE_STEPS;

export async function startByteStep(step: ByteStep, folder: string): Promise<Running> {
  const port = await freePort();
  const command = [process.execPath, ...SERVICE_FLAGS, PROGRAM, String(port), folder, BYTE_STEPS[step]];
  return startServer(command, { port });
}
