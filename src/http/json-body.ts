import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type BodyFault, invalidRequest } from './invalid-request.ts';

/** Largest JSON body, in bytes: room for the largest context many times over. */
export const MAX_JSON_BYTES = 1_048_576;

/** Arrays and objects inside one another. Far beyond any real context, and safe for whoever walks it. */
const MAX_JSON_DEPTH = 100;

declare module 'fastify' {
  interface FastifyRequest {
    /** Members of the JSON body as they were written. */
    bodyMembers: ReadonlyMap<string, string> | null;
  }
}

/**
 * Reads JSON bodies, and nothing else (other content types are 415). A body that is not UTF-8, too deep, or
 * tries to poison prototypes is refused. The members of the top-level object are kept as they were written, for
 * what has to be given back exactly as sent.
 */
export function acceptJsonBodies(app: FastifyInstance): void {
  const parseSafely = app.getDefaultJsonParser('error', 'error');
  app.decorateRequest('bodyMembers', null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer', bodyLimit: MAX_JSON_BYTES },
    (request, bytes, done) => {
      // Clients that set the content type on every request send it with no body, too.
      if (bytes.length === 0) return done(null, undefined);
      if (!isUtf8(bytes)) return done(refuse({ path: '', message: 'must be UTF-8' }));
      const text = bytes.toString();
      parseSafely(request, text, (error, value) => {
        if (error) return done(refuse({ path: '', message: isJson(text) ? POISONOUS : 'is not valid JSON' }));
        const scan = scanJson(text);
        if (scan.depth > MAX_JSON_DEPTH) {
          return done(refuse({ path: '', message: `must not be nested deeper than ${MAX_JSON_DEPTH}` }));
        }
        request.bodyMembers = scan.members;
        done(null, value);
      });
    },
  );
}

const POISONOUS = 'must be JSON without __proto__ or constructor.prototype members';

/** Fastify's parser does not tell which of the two was wrong. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The member of the body's top-level object as it was written, or undefined where it has none. */
export function memberAsSent(request: FastifyRequest, name: string): string | undefined {
  return request.bodyMembers?.get(name);
}

function refuse(fault: BodyFault): Error {
  return invalidRequest([fault]);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Depth of a JSON text, and the text of each member of its top-level object. Of a name that comes twice the
 * last one counts, as for `JSON.parse`.
 * @param text must be valid JSON: nothing is checked here.
 */
export function scanJson(text: string): {
  readonly depth: number;
  readonly members: ReadonlyMap<string, string>;
} {
  const found = new Map<string, string>();
  let depth = 0;
  let deepest = 0;
  let keyText = '';
  let valueStart = -1;

  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = closingQuote(text, at);
        if (depth === 1 && valueStart === -1) keyText = text.slice(at, end + 1);
        at = end;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        if (depth > deepest) deepest = depth;
        break;
      case COLON:
        if (depth === 1) valueStart = at + 1;
        break;
      case COMMA:
        if (depth === 1) keep(at);
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (depth === 1) keep(at);
        depth -= 1;
    }
  }
  return { depth: deepest, members: found };

  function keep(end: number): void {
    if (valueStart === -1) return;
    const key = keyText.includes('\\') ? String(JSON.parse(keyText)) : keyText.slice(1, -1);
    found.set(key, text.slice(valueStart, end).trim());
    valueStart = -1;
  }
}

function closingQuote(text: string, opening: number): number {
  for (let end = text.indexOf('"', opening + 1); ; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
}
