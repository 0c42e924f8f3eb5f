/**
 * What cannot be left out: `node:http`, JSON in, the same admission by the same client of the store, JSON out. No
 * validation, no framework; who asks only where a secret is given: then it stands in a verified access token, whose
 * header is remembered.
 *
 * Arguments: its port; the port of Redis, or the folder of an SQLite database; the secret of access tokens.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { createVerification } from '../../src/http/auth/verify-jwt.ts';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';
import { createAlone } from './alone.ts';
import { createAloneEmbedded } from './alone-embedded.ts';

const [port, store = '', secret] = process.argv.slice(2);
const alone = /^\d+$/.test(store) ? await aloneIn(Number(store)) : createAloneEmbedded(store);
const userOf = secret === undefined ? null : createUserOf(secret);

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
}).listen(Number(port), '127.0.0.1');

async function aloneIn(redisPort: number) {
  const redis = connectRedis({ host: '127.0.0.1', port: redisPort });
  await untilReady(redis, 5000);
  // Two that share a Redis keep out of each other's way.
  return createAlone(redis, secret === undefined ? 'bare' : 'bare-token');
}

async function answer(request: IncomingMessage): Promise<unknown> {
  const user = userOf && (await userOf(request));
  const asked: Record<string, unknown> = JSON.parse(await textOf(request));
  if (user !== null) asked.user_id = user;
  return request.url === '/validate' ? alone.validate(asked) : alone.initiate(asked);
}

function createUserOf(key: string): (request: IncomingMessage) => string | Promise<string> {
  const { verify } = createVerification({ secretKeys: [key], jwksUrl: null, issuer: null, audience: null });
  const known = new Map<string, string>();
  return ({ headers: { authorization = '' } }) => known.get(authorization) ?? examine(authorization);

  async function examine(authorization: string): Promise<string> {
    const { payload } = await verify(authorization.slice('Bearer '.length));
    const user = String(payload.user_id);
    known.set(authorization, user);
    return user;
  }
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
