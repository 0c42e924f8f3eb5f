import { createHash } from 'node:crypto';
import { createReadStream, globSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Every file under the folder that belongs to the session: its name tells. */
export function filesOfSession(folder: string, sessionId: string): string[] {
  return globSync(`**/*${sessionId}*`, { cwd: folder }).map((file) => join(folder, file));
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
