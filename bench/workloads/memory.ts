import { OURS, type Workload } from '../harness/contract.ts';
import { forgetPeak, peakMegabytes } from '../harness/process-usage.ts';
import { sendAtOnce } from '../load/uploads.ts';
import { tusd } from '../peers/tusd.ts';
import { measureSending, startByteServers } from './byte-servers.ts';

const MEBIBYTE = 1 << 20;
const STREAMS = 64;
const MOST_ROUNDS = 3;

export const memory: Workload = {
  id: 'memory',
  title: '64 files at once, of 16 MiB and of 64 MiB each: the most memory that the process had',
  peers: [tusd],
  measures: {
    peak: { title: 'peak memory, 64 streams of 16 MiB', unit: 'MB' },
    larger: { title: 'peak memory, 64 streams of 64 MiB', unit: 'MB' },
    growth: { title: 'peak memory, files of 64 MiB ÷ of 16 MiB', unit: 'times' },
  },
  async run(bench) {
    const { running, serverOf } = await startByteServers(bench, [OURS, 'tusd']);
    for (let round = 0; round < Math.min(bench.rounds, MOST_ROUNDS); round += 1) {
      for (const [name, { pid }] of running) {
        const peakOf = async (size: number) => {
          forgetPeak(pid);
          const send = (upload: Parameters<typeof sendAtOnce>[0]) => sendAtOnce(upload, STREAMS);
          await measureSending(serverOf(name), { size, count: STREAMS, send });
          return peakMegabytes(pid);
        };
        const peak = await peakOf(bench.sized(16, 1) * MEBIBYTE);
        const larger = await peakOf(bench.sized(64, 2) * MEBIBYTE);
        bench.record(name, { peak, larger, growth: larger / peak });
      }
    }
  },
};
