import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import { openRequestBody } from '../../engine/body.ts';
import { type DialectName, dialectOf } from '../../protocols/dialect.ts';
import {
  type Dialect,
  type Exchange,
  type ProtocolDeps,
  refuse,
  type UploadMethod,
} from '../../protocols/exchange.ts';
import { createIetfDialect } from '../../protocols/ietf.ts';
import { generalLimit, PARTIAL_UPLOAD, tellComplete } from '../../protocols/ietf-headers.ts';
import { DEFAULT_LINGER, type LingerBounds, linger } from '../../protocols/linger.ts';
import { afterEarlierRequests } from '../../protocols/pipelining.ts';
import { createPlainDialect } from '../../protocols/put.ts';
import { createTusDialect } from '../../protocols/tus.ts';
import { refuseOtherDialects } from '../../protocols/tus-concat.ts';
import { mediaTypeOf, tellVersion } from '../../protocols/tus-headers.ts';
import type { AuthorizeUpload } from '../auth/upload-access.ts';
import { UPLOADS_PATH } from '../urls.ts';
import { describeCreation, describeMethod, type UploadParams } from './upload-resource-schemas.ts';

export interface UploadResourceDeps extends ProtocolDeps {
  readonly authorizeUpload: AuthorizeUpload;
  readonly linger?: LingerBounds;
}

/** Answers to these tell IETF clients whether the upload is over, refusals of all kinds included. */
const BRINGS_BYTES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

const METHODS: readonly UploadMethod[] = ['HEAD', 'GET', 'PUT', 'PATCH', 'POST', 'DELETE'];

/**
 * The upload resource, in all its dialects. It keeps Fastify away from the bodies: no parser, no media type
 * that is refused, and the bytes are gathered from the first hook on, before anything is awaited.
 */
export const uploadResourceRoutes: FastifyPluginAsync<UploadResourceDeps> = async (app, deps) => {
  const plain = createPlainDialect(deps);
  const tus = createTusDialect(deps);
  const ietf = createIetfDialect(deps);
  const dialects: Readonly<Record<DialectName, Dialect>> = {
    plain,
    tus: { ...plain, ...tus.methods },
    ietf: ietf.methods,
  };
  const exchanges = new WeakMap<FastifyRequest, Omit<Exchange, 'request' | 'reply'>>();

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));

  app.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    const contentType = raw.headers['content-type'];
    // Fastify would refuse malformed ones; what a body is called is no reason to refuse it here.
    delete raw.headers['content-type'];
    exchanges.set(request, { body: openRequestBody(raw, raw.headers), contentType });
    const dialect = dialectOf(raw.headers);
    if (dialect === 'tus') tellVersion(reply);
    if (dialect === 'ietf' && BRINGS_BYTES.has(request.method)) tellComplete(reply, false);
    afterEarlierRequests(reply, done);
  });
  app.addHook('onSend', (request, reply, payload) =>
    linger(reply, payload, exchanges.get(request)?.body, deps.linger ?? DEFAULT_LINGER),
  );

  function exchangeOf(request: FastifyRequest, reply: FastifyReply): Exchange {
    const rest = exchanges.get(request);
    if (!rest) throw new TypeError('the onRequest hook has not run');
    return { request, reply, ...rest };
  }

  /** PATCH and POST mean nothing in plain HTTP here: who sends them speaks one of the others, and forgot a header. */
  function spoken(exchange: Exchange): DialectName {
    const name = dialectOf(exchange.request.headers);
    const { method } = exchange.request;
    if (name !== 'plain' || (method !== 'PATCH' && method !== 'POST')) return name;
    return mediaTypeOf(exchange.contentType) === PARTIAL_UPLOAD ? 'ietf' : 'tus';
  }

  for (const method of METHODS) {
    app.route<{ Params: Static<typeof UploadParams> }>({
      method,
      url: `${UPLOADS_PATH}/:session_id`,
      exposeHeadRoute: false,
      config: { takesBytes: true },
      schema: describeMethod(method),
      async handler(request, reply) {
        const exchange = exchangeOf(request, reply);
        const name = spoken(exchange);
        const wrongVersion = name === 'tus' ? tus.refuseVersion(exchange) : null;
        if (wrongVersion) return wrongVersion;

        const outcome = await deps.authorizeUpload(request, request.params.session_id.toLowerCase());
        if (!outcome.ok) return refuse(exchange, outcome.refusal);
        const refusal = refuseOtherDialects(outcome.value, { method, dialect: name });
        if (refusal) return refuse(exchange, refusal);
        const handle = dialects[name][method];
        if (!handle) throw new TypeError(`${method} is registered but not handled`);
        return handle(exchange, outcome.value);
      },
    });
  }

  const creation = {
    config: { takesBytes: true, createsSession: true },
    schema: describeCreation(),
  } as const;
  app.post(UPLOADS_PATH, creation, async (request, reply) => {
    const exchange = exchangeOf(request, reply);
    if (spoken(exchange) === 'ietf') return ietf.create(exchange);
    return tus.refuseVersion(exchange) ?? tus.create(exchange);
  });

  for (const url of [UPLOADS_PATH, `${UPLOADS_PATH}/:session_id`]) {
    app.options(url, { config: { takesBytes: true }, schema: { hide: true } }, (request, reply) => {
      reply.header('upload-limit', generalLimit(deps.uploads.limits));
      return tus.options(exchangeOf(request, reply));
    });
  }
};
