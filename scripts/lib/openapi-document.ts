import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { loadConfig } from '../../src/config.ts';
import { startService } from '../../src/main.ts';

/** The OpenAPI document, asked of a service that runs for this alone. */
export async function describeApi(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-generate-'));
  try {
    const result = loadConfig({ DATA_DIR: dataDir, PORT: '0' }, 'embedded');
    if (!result.ok) throw new Error(result.faults.join('\n'));
    const service = await startService(result.config, pino({ level: 'silent' }));
    try {
      const response = await fetch(new URL('/openapi.json', service.url));
      return `${JSON.stringify(await response.json(), null, 2)}\n`;
    } finally {
      await service.close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
