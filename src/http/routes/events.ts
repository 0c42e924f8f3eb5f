import { Readable } from 'node:stream';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { LiveEvent, LiveFeed } from '../../core/ports.ts';
import { type QuotaReport, quotaReport } from '../../core/quota.ts';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { sendRefusal } from '../problem.ts';
import { problems } from '../schemas.ts';
import type { RouteDeps } from './route-deps.ts';

/** Streams one user may have open at one instance: a page and its reloads, on a few devices. */
const MAX_STREAMS = 10;
/** Shorter than the minute after which proxies take a silent connection for a dead one. */
const HEARTBEAT_MS = 15_000;
/** A stream ends after this, so that whoever holds it has to show good credentials again. */
const MAX_AGE_MS = 600_000;
/** A reader that is this far behind is cut off; it comes back and gets what it missed. */
const MAX_BEHIND_BYTES = 262_144;
/** Ids that the feed gives; what is none cannot be continued from. */
const EVENT_ID = /^\d{1,15}-\d{1,15}$/;
/** What readers wait before they come back, in milliseconds. */
const RETRY_MS = 1000;

interface Deps extends RouteDeps {
  readonly feed: LiveFeed;
}

/** GET P/events: server-sent events (https://html.spec.whatwg.org/#server-sent-events). */
export const eventRoutes: FastifyPluginCallbackTypebox<Deps> = (
  app,
  { uploads, authenticate, feed },
  done,
) => {
  const open = new Map<string, Set<Readable>>();

  // Nothing else would ever end them.
  app.addHook('preClose', async () => {
    for (const streams of open.values()) for (const stream of streams) stream.push(null);
  });

  async function currentQuota(userId: string): Promise<QuotaReport> {
    return quotaReport(await uploads.quota(userId), uploads.limits.maxActiveSessions);
  }

  function register(userId: string, stream: Readable): () => void {
    const streams = open.get(userId) ?? new Set();
    open.set(userId, streams.add(stream));
    return () => {
      streams.delete(stream);
      if (streams.size === 0) open.delete(userId);
    };
  }

  app.get(
    '/events',
    {
      onRequest: callerGuard(authenticate),
      schema: {
        operationId: 'streamEvents',
        summary: 'What happens to your sessions, while it happens',
        description:
          'Server-sent events: `progress`, `completed`, `failed`, `expired`, `cancelled` with `{session_id, upload_offset, upload_length, status, error_code?}`, and `quota` with the quota object. `Last-Event-ID` brings back what was missed in the last minute.',
        tags: ['sessions'],
        security: [{ bearer: [] }],
        headers: Type.Object({
          'last-event-id': Type.Optional(
            Type.String({ maxLength: 64, description: 'Id of the last event that was read.' }),
          ),
        }),
        response: {
          200: {
            description: 'The stream. It ends after ten minutes: come back with the id of its last event.',
            content: { 'text/event-stream': { schema: Type.Unsafe<Readable>({ type: 'string' }) } },
          },
          ...problems(400, 401, 429, 503),
        },
      },
    },
    async (request, reply) => {
      const { userId } = callerOf(request);
      if ((open.get(userId)?.size ?? 0) >= MAX_STREAMS) {
        return sendRefusal(reply, {
          code: 'RATE_LIMITED',
          message: `You have ${MAX_STREAMS} event streams open, the most allowed. Close one of them first.`,
          details: { policy: 'event-streams', limit: MAX_STREAMS },
          retryAfterSeconds: RETRY_MS / 1000,
        });
      }
      const asked = request.headers['last-event-id'];
      const afterId = typeof asked === 'string' && EVENT_ID.test(asked) ? asked : null;

      // It takes its place before anything is awaited, or all who ask at once would find one.
      const stream = new Readable({ read() {} });
      const leave = register(userId, stream);
      const heartbeat = setInterval(() => stream.push(': still here\n\n'), HEARTBEAT_MS);
      const end = setTimeout(() => stream.push(null), MAX_AGE_MS);
      let stop = () => {};
      stream.once('close', () => {
        clearInterval(heartbeat);
        clearTimeout(end);
        leave();
        stop();
      });
      stream.on('error', () => {});
      try {
        const tell = createTeller(stream, () => currentQuota(userId));
        const quota = await currentQuota(userId);
        stream.push(`retry: ${RETRY_MS}\n\n`);
        tell.quota(quota);
        stop = await feed.subscribe(userId, afterId, tell.event);
      } catch (error) {
        stream.destroy();
        throw error;
      }
      if (stream.destroyed) stop();
      return reply
        .header('content-type', 'text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(stream);
    },
  );
  done();
};

/** Writes events to a stream, and the quota after each event that may have changed it. */
function createTeller(stream: Readable, currentQuota: () => Promise<QuotaReport>) {
  let asking = false;
  let again = false;

  function write(name: string, id: string | null, data: object): void {
    if (stream.readableLength > MAX_BEHIND_BYTES) stream.destroy();
    if (stream.destroyed || stream.readableEnded) return;
    stream.push(`event: ${name}\n${id === null ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
  }

  const quota = (report: QuotaReport) => write('quota', null, report);

  async function askForQuota(): Promise<void> {
    again = asking;
    if (asking) return;
    asking = true;
    try {
      do {
        again = false;
        quota(await currentQuota());
      } while (again);
    } catch {
      // The next event asks again.
    } finally {
      asking = false;
    }
  }

  return {
    quota,
    event(id: string, { type, ...data }: LiveEvent) {
      write(type, id, data);
      if (type !== 'progress' || data.upload_offset === 0) void askForQuota();
    },
  };
}
