import type { FastifyReply } from 'fastify';
import { interopVersion } from './ietf-headers.ts';

/** Interim answers `104 (Upload Resumption Supported)`, to one client that can read them. */
export interface Interim {
  /** Right after admission: where the upload is, and its limits. */
  admitted(location: string, limit: string): void;
  /** While bytes come in. Never with a Location. */
  progress(offset: number): void;
}

const SILENT: Interim = { admitted() {}, progress() {} };

/**
 * Only a client that names the version we speak may get a 104, and only where the operator says that no proxy
 * on the way takes it for the final answer.
 */
export function createInterim(reply: FastifyReply, enabled: boolean): Interim {
  const version = interopVersion(reply.request.headers);
  const { raw } = reply;
  // Node has it from 26.2 on.
  if (!enabled || version === null || typeof raw.writeInformation !== 'function') return SILENT;

  function send(headers: Record<string, string>): void {
    if (raw.headersSent || raw.destroyed) return;
    raw.writeInformation(104, { 'upload-draft-interop-version': String(version), ...headers });
  }
  return {
    admitted: (location, limit) => send({ location, 'upload-limit': limit }),
    progress: (offset) => send({ 'upload-offset': String(offset) }),
  };
}
