import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy for a line that fails now and then, at seeded random points. */
export interface UnsteadyLine {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** What was done to connections so far. */
  readonly faults: Readonly<Record<FaultKind, number>>;
  close(): Promise<void>;
}

const KINDS = ['reset', 'closed', 'answer lost', 'stalled'] as const;
export type FaultKind = (typeof KINDS)[number];

export interface LineOptions {
  /** Port behind the line; asked for at each connection, since a service may start later. */
  readonly target: () => number;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** Bytes that pass, on average, before a connection fails. */
  readonly meanBytes: number;
  /** After so many faults the line is good, so that whoever starts from zero each time comes to an end as well. */
  readonly maxFaults: number;
  /** Faults that do not happen on this line. */
  readonly without?: readonly FaultKind[];
}

/** How long nothing passes on a line that stalls, before it is reset. */
const STALL_MS = 300;
const MAX_DELAY_MS = 20;
/** What a trial needs at least to prove something. */
export const SURE_FAULTS = 3;

export async function startUnsteadyLine(options: LineOptions): Promise<UnsteadyLine> {
  const { random, meanBytes, maxFaults, without = [] } = options;
  const possible = KINDS.filter((kind) => !without.includes(kind));
  const sockets = new Set<Socket>();
  const faults = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<FaultKind, number>;
  const total = () => KINDS.reduce((sum, kind) => sum + faults[kind], 0);

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const service = connect({ port: options.target(), host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [client, service]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    // A whole request passes before its answer is lost: not before the line has failed within some.
    const isYoung = total() < SURE_FAULTS;
    const kinds = isYoung ? possible.filter((kind) => kind !== 'answer lost') : possible;
    const kind = kinds[Math.floor(random() * kinds.length)] ?? 'reset';
    // At first it fails sooner, or luck would let an upload of few requests through.
    const bytes = Math.ceil(random() * (isYoung ? 1 : 2) * meanBytes);
    const good = Number.POSITIVE_INFINITY;
    const fail = () => {
      faults[kind] += 1;
      if (kind === 'closed') {
        client.destroy();
        service.end();
      } else if (kind === 'stalled') {
        setTimeout(() => reset(client, service), STALL_MS);
      } else {
        reset(client, service);
      }
    };
    const up = kind === 'answer lost' ? good : bytes;
    // Some of these come before the status line is over, some in the middle of the headers.
    const down = kind === 'answer lost' ? Math.ceil(random() * 400) : good;
    const willFail = () => total() < maxFaults;
    carry(client, service, { budget: up, willFail, fail, random });
    carry(service, client, { budget: down, willFail, fail, random });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    async close() {
      server.close();
      reset(...sockets);
      await once(server, 'close');
    },
  };
}

function reset(...sockets: Socket[]): void {
  for (const socket of sockets) socket.resetAndDestroy();
}

/** Carries bytes over, one piece in thirty late. What lies past the budget does not pass: `fail` instead. */
function carry(
  from: Socket,
  to: Socket,
  line: {
    readonly budget: number;
    readonly willFail: () => boolean;
    readonly fail: () => void;
    readonly random: () => number;
  },
): void {
  let left = line.budget;
  let failed = false;
  from.on('data', (bytes: Buffer) => {
    if (failed) return;
    left -= bytes.length;
    if (left < 0 && line.willFail()) {
      failed = true;
      const passed = bytes.subarray(0, left);
      if (passed.length > 0) to.write(passed, line.fail);
      else line.fail();
      return;
    }
    const room = to.write(bytes);
    const late = line.random() < 1 / 30;
    if (room && !late) return;
    from.pause();
    if (!room) to.once('drain', () => from.resume());
    else setTimeout(() => from.resume(), line.random() * MAX_DELAY_MS);
  });
  from.on('end', () => to.end());
  from.on('close', () => to.destroy());
}
