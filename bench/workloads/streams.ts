import type { Workload } from '../harness/contract.ts';
import { sendAtOnce, type Upload } from '../load/uploads.ts';
import { tusNode } from '../peers/tus-node.ts';
import { tusd } from '../peers/tusd.ts';
import { BYTE_LADDER, noteByteLadder } from './byte-ladder.ts';
import { measureSending, startByteServers, TUSD_FORCED } from './byte-servers.ts';

const MEBIBYTE = 1 << 20;
const NAMES = ['sluice', 'sluice, not forced', 'tusd', TUSD_FORCED, '@tus/server', ...BYTE_LADDER] as const;

export const streams: Workload = {
  id: 'streams',
  title: '16 files of 100 MiB at once, each in one PATCH, to the disk',
  peers: [tusd, tusNode],
  measures: {
    rate: { title: '16 streams of 100 MiB', unit: 'MB/s' },
    cpu: { title: '16 streams of 100 MiB: CPU', unit: 's/GiB' },
  },
  async run(bench) {
    const { running, serverOf } = await startByteServers(bench, NAMES);
    const size = bench.sized(100, 2) * MEBIBYTE;
    const rounds = await bench.alternate(running, async (_one, name) => {
      const sending = { size, count: 16, send: (upload: Upload) => sendAtOnce(upload, 16) };
      return await measureSending(serverOf(name), sending);
    });
    noteByteLadder(bench, rounds, ['tusd', '@tus/server']);
  },
};

export const chunks: Workload = {
  id: 'chunks',
  title: '500 MiB in PATCHes of 8 MiB, to the disk',
  peers: [tusd, tusNode],
  measures: {
    rate: { title: '500 MiB in chunks of 8 MiB', unit: 'MB/s' },
    cpu: { title: '500 MiB in chunks of 8 MiB: CPU', unit: 's/GiB' },
  },
  async run(bench) {
    const { running, serverOf } = await startByteServers(bench, NAMES);
    const size = bench.sized(500, 24) * MEBIBYTE;
    const chunk = 8 * MEBIBYTE;
    const rounds = await bench.alternate(running, async (_one, name) => {
      const sending = { size, chunk, count: 1, send: (upload: Upload) => sendAtOnce(upload, 1) };
      return await measureSending(serverOf(name), sending);
    });
    noteByteLadder(bench, rounds, ['tusd', '@tus/server']);
  },
};
