/**
 * What cannot be left out: `node:http`, JSON in, the same admission script through the same Redis client, JSON
 * out. No authentication, validation or framework.
 *
 * Arguments: its port, the port of Redis.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { connectRedis, untilReady } from '../../src/stores/redis/connect.ts';
import { createAlone } from './alone.ts';

const [port, redisPort] = process.argv.slice(2).map(Number);
const redis = connectRedis({ host: '127.0.0.1', port: redisPort ?? 0 });
await untilReady(redis, 5000);
const alone = createAlone(redis, 'bare');

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
  return request.url === '/validate' ? alone.validate(asked) : alone.initiate(asked);
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
