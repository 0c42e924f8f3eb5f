import type { Workload } from '../harness/contract.ts';
import { sendAtOnce } from '../load/uploads.ts';
import { nginx } from '../peers/nginx.ts';
import { tusNode } from '../peers/tus-node.ts';
import { tusd } from '../peers/tusd.ts';
import { measureSending, startByteServers } from './byte-servers.ts';

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
      ...(['sluice', 'sluice PUT', 'tusd', '@tus/server', 'nginx'] as const),
    ]);
    const size = bench.sized(500, 16) * MEBIBYTE;
    await bench.alternate(running, async (_one, name) =>
      measureSending(serverOf(name), { size, count: 1, send: (upload) => sendAtOnce(upload, 1) }),
    );
  },
};
