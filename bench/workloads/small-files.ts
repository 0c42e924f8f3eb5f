import type { Workload } from '../harness/contract.ts';
import { sendOneAfterAnother } from '../load/uploads.ts';
import { tusd } from '../peers/tusd.ts';
import { measureSending, startByteServers } from './byte-servers.ts';

const SIZE = 64 << 10;
const WIDTH = 32;

export const smallFiles: Workload = {
  id: 'small-files',
  title: '10 000 files of 64 KiB over 32 connections: session, bytes, completion; of tusd creation and PATCH',
  peers: [tusd],
  measures: {
    uploads: { title: 'files of 64 KiB', unit: 'files/s' },
    each: { title: 'files of 64 KiB: CPU of one', unit: 'µs' },
  },
  async run(bench) {
    const { running, serverOf } = await startByteServers(bench, [
      ...(['sluice', 'sluice, not forced', 'tusd'] as const),
    ]);
    const count = bench.sized(10_000, 100);
    await bench.alternate(running, async (_one, name) => {
      const send = (upload: Parameters<typeof sendOneAfterAnother>[0]) =>
        sendOneAfterAnother(upload, count, WIDTH);
      const { rate = 0, cpu = 0 } = await measureSending(serverOf(name), { size: SIZE, count, send });
      return { uploads: (rate * 1e6) / SIZE, each: (cpu * 1e6 * SIZE) / 2 ** 30 };
    });
  },
};
