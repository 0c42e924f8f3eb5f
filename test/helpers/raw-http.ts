import { connect } from 'node:net';

/**
 * Sends bytes that no HTTP client would, and gives everything that comes back until the server closes.
 * Rejects where it does not within `deadlineMs`.
 */
export function sendRaw(url: string, text: string, deadlineMs = 30_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const chunks: Buffer[] = [];
    socket.setTimeout(deadlineMs, () => {
      socket.destroy();
      reject(new Error(`the server left the connection open; it said: ${Buffer.concat(chunks)}`));
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
    socket.write(text);
  });
}
