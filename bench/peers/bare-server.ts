/**
 * What cannot be left out: `node:http`, JSON in, the same admission script through the same Redis client, JSON
 * out. No authentication, validation or framework. Its sessions are of no use to anybody.
 *
 * Arguments: its port, the port of Redis.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { newSessionId, shardOfUser } from '../../src/core/session-id.ts';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';
import { keysWithPrefix } from '../../src/stores/redis/keys.ts';
import { loadScripts } from '../../src/stores/redis/scripts.ts';

const [port, redisPort] = process.argv.slice(2).map(Number);
const redis = connectRedis({ host: '127.0.0.1', port: redisPort ?? 0 });
await untilReady(redis, 5000);
const run = loadScripts(redis);
const keys = keysWithPrefix('bare');
const shards = new Map<string, string>();
const DAY_MS = 86_400_000;

createServer((request, response) => {
  answer(request)
    .then((body) => {
      const text = JSON.stringify(body);
      response.writeHead(request.url === '/initiate' ? 201 : 200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      });
      response.end(text);
    })
    .catch((fault: unknown) => {
      response.writeHead(500);
      response.end(String(fault));
    });
}).listen(port, '127.0.0.1');

async function answer(request: IncomingMessage): Promise<unknown> {
  const asked: Record<string, unknown> = JSON.parse(await textOf(request));
  return request.url === '/validate' ? validate(asked) : initiate(asked);
}

async function validate({ session_id: id }: Record<string, unknown>) {
  return { is_valid: true, session_status: await redis.hgetall(keys.state(String(id))) };
}

async function initiate(asked: Record<string, unknown>) {
  const user = String(asked.user_id);
  const shard = shardOf(user);
  const id = newSessionId(shard);
  const document = `[]\n${JSON.stringify(asked.dashboard_context)}`;
  const touched = [keys.document(id), keys.state(id), keys.account(shard, user)];
  touched.push(keys.reserving(shard, user), keys.leftovers(shard, user), keys.users(shard));
  const size = String(asked.expected_file_size);
  const limits = [size, String(2 ** 40), '10000', '3600000', String(DAY_MS), size, '', ''];
  for (;;) {
    const reply = await run('admit', touched, [id, user, document, ...limits]);
    if (!Array.isArray(reply)) throw new TypeError('admit returned no list');
    if (reply[0] === 'need_account') {
      const now = Date.now();
      const account = [String(2 ** 50), '0', String(now), String(now + 30 * DAY_MS), '1', '0'];
      await run('load', [keys.account(shard, user), keys.reserving(shard, user)], account);
      continue;
    }
    if (reply[0] !== 'admitted') throw new Error(`admit returned ${reply[0]}`);
    return { session_id: id, upload_url: `/v1/uploads/${id}`, session: reply[2], quota: reply[3] };
  }
}

function shardOf(user: string): string {
  const known = shards.get(user) ?? shardOfUser(Buffer.from('bare'), user);
  shards.set(user, known);
  return known;
}

function textOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (piece) => {
      text += piece;
    });
    request.on('end', () => resolve(text));
    request.on('error', reject);
  });
}
