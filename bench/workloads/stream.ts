import { createHash } from 'node:crypto';
import type { Workload } from '../harness/contract.ts';
import { sendAtOnce, type Upload } from '../load/uploads.ts';
import { nginx } from '../peers/nginx.ts';
import { tusNode } from '../peers/tus-node.ts';
import { tusd } from '../peers/tusd.ts';
import { BYTE_LADDER, noteByteLadder } from './byte-ladder.ts';
import { measureSending, startByteServers, TUSD_FORCED } from './byte-servers.ts';

const MEBIBYTE = 1 << 20;

export const stream: Workload = {
  id: 'stream',
  title: 'One file of 500 MiB in one request, to the disk (tus PATCH, or PUT)',
  peers: [tusd, tusNode, nginx],
  measures: {
    rate: { title: '500 MiB, one stream', unit: 'MB/s' },
    cpu: { title: '500 MiB, one stream: CPU', unit: 's/GiB' },
  },
  async run(bench) {
    const { running, serverOf } = await startByteServers(bench, [
      ...([
        'sluice',
        'sluice PUT',
        'sluice, not forced',
        'tusd',
        TUSD_FORCED,
        '@tus/server',
        'nginx',
      ] as const),
      ...BYTE_LADDER,
    ]);
    const size = bench.sized(500, 16) * MEBIBYTE;
    const rounds = await bench.alternate(running, async (_one, name) => {
      const sending = { size, count: 1, send: (upload: Upload) => sendAtOnce(upload, 1) };
      return await measureSending(serverOf(name), sending);
    });
    noteByteLadder(bench, rounds, ['tusd', '@tus/server', 'nginx']);
    for (let round = 0; round < bench.rounds; round += 1) bench.record('SHA-256 alone', { cpu: hashCost() });
    bench.note('ours hashes every file; what that alone takes of the processor stands among the figures.');
  },
};

/** CPU seconds to hash a GiB as the service does it, with nothing around. */
function hashCost(): number {
  const piece = Buffer.alloc(64 << 10, 'sluice');
  const pieces = 4096;
  const hash = createHash('sha256');
  const before = process.cpuUsage();
  for (let n = 0; n < pieces; n += 1) hash.update(piece);
  hash.digest();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) / 1e6) * (2 ** 30 / (pieces * piece.length));
}
