import { readFileSync } from 'node:fs';
import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as secure, type TLSSocket } from 'node:tls';

/**
 * How the server's certificate is judged, by libpq's names (postgresql.org/docs/current/libpq-ssl.html).
 * `ca`: the authority that `sslrootcert` names, in place of those that Node trusts.
 */
interface Security {
  /** Go on without, where the server has none. */
  readonly optional: boolean;
  readonly checksAuthority: boolean;
  readonly checksName: boolean;
  readonly ca: string | null;
}

/** An address as the library takes it, and what we do ourselves. */
export interface Place {
  readonly url: string;
  /** Null: without TLS. */
  readonly security: Security | null;
}

/**
 * The library's own TLS cannot be broken off: what it still writes to a socket that we cut ends the process. So the
 * parameters for it are taken out of the address, and what it gets is a socket that is encrypted already.
 */
export function readPlace(databaseUrl: string): Place {
  const mark = databaseUrl.indexOf('?');
  if (mark < 0) return { url: databaseUrl, security: null };
  const query = new URLSearchParams(databaseUrl.slice(mark + 1));
  const root = query.get('sslrootcert');
  const mode = query.get('sslmode') ?? query.get('ssl') ?? (root === null ? 'disable' : 'verify-full');
  for (const name of ['sslmode', 'ssl', 'sslrootcert']) query.delete(name);
  const rest = query.size > 0 ? `?${query}` : '';
  return { url: `${databaseUrl.slice(0, mark)}${rest}`, security: securityOf(mode, root) };
}

function securityOf(mode: string, root: string | null): Security | null {
  if (mode === 'disable' || mode === 'false') return null;
  const optional = mode === 'prefer' || mode === 'allow';
  // As libpq has it: "require" encrypts, and asks for no proof unless an authority is named.
  const trusting = optional || (mode === 'require' && root === null);
  return {
    optional,
    checksAuthority: !trusting,
    checksName: !trusting && mode !== 'verify-ca' && mode !== 'require',
    ca: root === null || root === 'system' ? null : readFileSync(root, 'utf8'),
  };
}

export function dial(host: string, port: number): Socket {
  return connect({ host, port, noDelay: true });
}

/** "SSLRequest" (postgresql.org/docs/current/protocol-message-formats.html). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Encrypt this connection to `host`. Gives the socket to go on with, which is `raw` where TLS is optional and the server
 * has none. Rejects with an error that has a code. Whoever destroys `raw` meanwhile ends it.
 */
export async function encrypt(raw: Socket, host: string, security: Security): Promise<Socket> {
  raw.write(SSL_REQUEST);
  const answer = await firstBytes(raw);
  // More than one byte before the handshake was put there by somebody in between (CVE-2021-23222).
  if (answer.length !== 1 || answer[0] !== 'S'.charCodeAt(0)) {
    if (security.optional && answer.toString() === 'N') return raw;
    throw Object.assign(new Error('the server does not speak TLS'), { code: 'ERR_NO_TLS' });
  }
  const options: ConnectionOptions = {
    socket: raw,
    // The name that the certificate is judged by; an address is none that could be asked for.
    host,
    ...(isIP(host) ? {} : { servername: host }),
    ...(security.ca === null ? {} : { ca: security.ca }),
    rejectUnauthorized: security.checksAuthority,
    ...(security.checksName ? {} : { checkServerIdentity: () => undefined }),
  };
  return untilSecure(secure(options), raw);
}

function firstBytes(raw: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      raw.off('data', onData).off('error', onError).off('close', onClose);
      // What comes later is for whoever reads next.
      raw.pause();
      act();
    };
    const onData = (bytes: Buffer) => settle(() => resolve(bytes));
    const onError = (error: Error) => settle(() => reject(error));
    const onClose = () => settle(() => reject(closed()));
    raw.on('data', onData).on('error', onError).on('close', onClose);
  });
}

function untilSecure(socket: TLSSocket, raw: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      socket.destroy();
      reject(error);
    };
    // Listened to for good: the library does not always, and nobody wants the process to end for it.
    socket.on('error', fail);
    raw.once('close', () => fail(closed()));
    socket.once('secureConnect', () => resolve(socket));
  });
}

function closed(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' });
}
