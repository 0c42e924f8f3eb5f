import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { http } from '../../core/node-http.ts';

export interface S3Connection {
  /** Such as `https://s3.example.org`; null is AWS itself. */
  readonly endpoint: string | null;
  /** `https://host/bucket/key` instead of `https://bucket.host/key`: what most other servers want. */
  readonly forcePathStyle: boolean;
  readonly region: string;
  /** Null takes them where the AWS SDK finds them: the machine's role, a profile, … */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
  /** Connections at the same time. */
  readonly maxSockets?: number;
}

const CONNECT_TIMEOUT_MS = 1000;
/** The last resort; each call has a deadline of its own. */
const SOCKET_TIMEOUT_MS = 60_000;
/** Tries of one request that fails for a passing reason, all within the deadline of the call. */
const ATTEMPTS = 3;
const MAX_SOCKETS = 128;

/** Opens no connection by itself: the first call does. */
export function connectS3(connection: S3Connection): S3Client {
  const { endpoint, forcePathStyle, region, credentials, maxSockets = MAX_SOCKETS } = connection;
  const sockets = { keepAlive: true, maxSockets };
  return new S3Client({
    region,
    forcePathStyle,
    ...(endpoint !== null && { endpoint }),
    ...(credentials && { credentials }),
    maxAttempts: ATTEMPTS,
    retryMode: 'standard',
    // Newer checksums are refused by servers that do not know them; the payload is signed anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // A part is sent at once: waiting for "100 Continue" costs a round trip each, and a second where a proxy swallows it.
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      httpAgent: new http.Agent(sockets),
      httpsAgent: new HttpsAgent(sockets),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    }),
  });
}
