import type { FastifyBaseLogger } from 'fastify';
import packageJson from '../package.json' with { type: 'json' };
import type { TrustProxy } from './config/addresses.ts';
import type { Administration } from './core/administration.ts';
import type { Outcome } from './core/errors.ts';
import type { LiveFeed, Probe, RateLimits, SessionStore } from './core/ports.ts';
import type { Session } from './core/session.ts';
import type { Uploads } from './core/uploads.ts';
import { type DirectUploads, NO_DIRECT_UPLOADS } from './engine/direct-uploads.ts';
import type { UploadEngine } from './engine/engine.ts';
import { auditAnswers } from './http/audit-answers.ts';
import { createAuthenticate } from './http/auth/authenticate.ts';
import { createBearerJwt } from './http/auth/bearer-jwt.ts';
import { createFlaskCookieScheme } from './http/auth/flask-cookie.ts';
import type { FlaskSessions } from './http/auth/flask-session.ts';
import { createUploadAccess } from './http/auth/upload-access.ts';
import { createUploadTokens } from './http/auth/upload-token.ts';
import type { JwtOptions } from './http/auth/verify-jwt.ts';
import { allowOrigins } from './http/cors.ts';
import { describeItself } from './http/documentation.ts';
import { createHealth } from './http/health.ts';
import { observeRequests, type RequestObserver } from './http/observe-requests.ts';
import { createTrust } from './http/proxies.ts';
import { countFailures, isFailedAuthentication, isForeignUpload } from './http/rate-limits/count-failures.ts';
import { createRateLimiter, type RatesPerMinute } from './http/rate-limits/rate-limiter.ts';
import { adminBulkQuotaRoute } from './http/routes/admin-bulk-quotas.ts';
import { adminQuotaRoutes } from './http/routes/admin-quota.ts';
import { adminSessionRoutes } from './http/routes/admin-sessions.ts';
import { adminUserRoutes } from './http/routes/admin-users.ts';
import { directUploadRoutes } from './http/routes/direct-upload.ts';
import { eventRoutes } from './http/routes/events.ts';
import { healthRoute, probeRoutes } from './http/routes/health.ts';
import { initiateRoute } from './http/routes/initiate.ts';
import { type MetricsRouteDeps, metricsRoute } from './http/routes/metrics.ts';
import { pageRoutes } from './http/routes/page.ts';
import { quotaRoutes } from './http/routes/quota.ts';
import { sessionRoutes } from './http/routes/sessions.ts';
import { uploadResourceRoutes } from './http/routes/upload-resource.ts';
import { uppyS3Routes } from './http/routes/uppy-s3.ts';
import { validateRoute } from './http/routes/validate.ts';
import { sendSecurityHeaders } from './http/security-headers.ts';
import { type ConnectionLimits, createServer } from './http/server.ts';
import type { RequestTracer } from './http/trace-requests.ts';
import { createUrls } from './http/urls.ts';
import type { Audit } from './log/audit.ts';

const DASHBOARD = '/v1/dashboard/upload';

export interface AppDeps {
  readonly uploads: Uploads;
  readonly administration: Administration;
  readonly sessions: Pick<SessionStore, 'find'>;
  readonly engine: UploadEngine;
  /** Ends a session, whoever writes it stopped first. */
  readonly cancel: (session: Session) => Promise<Outcome<Session>>;
  /** Where files are kept in an object store that clients may send to themselves. */
  readonly directUploads?: DirectUploads | null;
  readonly feed: LiveFeed;
  readonly probes: Readonly<Record<Probe['name'], Probe>>;
  readonly log: FastifyBaseLogger;
  /** Where left out, nothing is written down. */
  readonly audit?: Audit;
  /** Makes each request part of a trace. */
  readonly requestTracer?: RequestTracer;
  /** Told of each request that is over. */
  readonly requestObserver?: RequestObserver;
  /** Where left out, there are no metrics to be read. */
  readonly metrics?: MetricsRouteDeps;
  /** Where left out, nobody is limited. */
  readonly limits?: {
    readonly store: RateLimits;
    readonly rates: RatesPerMinute;
    readonly connections: ConnectionLimits;
  };
  readonly settings: {
    readonly jwt: JwtOptions;
    /** The key that signs upload tokens first, then those that are still taken. */
    readonly uploadTokenKeys: readonly Uint8Array[];
    /** Null where Flask's session cookies are not taken. */
    readonly flask: { readonly sessions: FlaskSessions; readonly cookieName: string } | null;
    readonly publicUrl: string | null;
    /** Base of URLs where nothing else is known; null makes them relative. */
    readonly ownAddress: () => string | null;
    readonly trustProxy: TrustProxy;
    readonly corsOrigins: readonly string[] | '*';
    readonly uploadUrlTtlSeconds: number;
    readonly interimResponses: boolean;
  };
}

/** The HTTP service: every plugin and every route, in the order in which they apply. Opens nothing. */
export async function buildApp(deps: AppDeps) {
  const { uploads, engine, settings, log, directUploads = null } = deps;
  const trustsProxy = createTrust(settings.trustProxy);
  const { requestTracer } = deps;
  const app = createServer({ log, trustsProxy, requestTracer, connections: deps.limits?.connections });
  if (deps.requestObserver) observeRequests(app, deps.requestObserver);
  if (deps.audit) auditAnswers(app, deps.audit);
  await allowOrigins(app, settings.corsOrigins);
  sendSecurityHeaders(app);
  await describeItself(app, packageJson.version);

  const rateLimiter = createRateLimiter({
    limits: deps.limits?.store ?? null,
    rates: deps.limits?.rates ?? NO_RATES,
    onFault: (fault) => log.warn({ err: fault }, 'nobody is limited while the counts are not reachable'),
  });
  const schemes = [
    createBearerJwt(settings.jwt),
    ...(settings.flask === null
      ? []
      : [createFlaskCookieScheme({ ...settings.flask, allowedOrigins: ownOrigins(settings) })]),
  ];
  const authenticate = countFailures(createAuthenticate(schemes), rateLimiter, isFailedAuthentication);
  const uploadTokens = createUploadTokens({
    keys: settings.uploadTokenKeys,
    maxLifetimeMs: uploads.limits.maxLifetimeMs,
  });
  const urls = createUrls({
    publicUrl: settings.publicUrl,
    ownAddress: settings.ownAddress,
    trustsProxy,
    uploadTokens,
  });
  const health = createHealth({
    probes: deps.probes,
    version: packageJson.version,
    onFault: (probe, reason) => log.warn({ err: reason, check: probe.name }, 'a dependency is not well'),
  });
  const authorizeUpload = countFailures(
    createUploadAccess({ sessions: deps.sessions, uploadTokens, authenticate }),
    rateLimiter,
    isForeignUpload,
  );
  const shared = { uploads, authenticate, rateLimiter, urls };

  await app.register(initiateRoute, {
    ...shared,
    prefix: DASHBOARD,
    uploadUrlTtlSeconds: settings.uploadUrlTtlSeconds,
    directUploads,
  });
  await app.register(validateRoute, { ...shared, prefix: DASHBOARD });
  await app.register(sessionRoutes, { ...shared, prefix: DASHBOARD, cancel: deps.cancel });
  await app.register(quotaRoutes, { ...shared, prefix: DASHBOARD });
  await app.register(eventRoutes, { ...shared, prefix: DASHBOARD, feed: deps.feed });
  await app.register(healthRoute, { health, prefix: DASHBOARD });
  await app.register(uploadResourceRoutes, {
    ...shared,
    engine,
    authorizeUpload,
    limitCreation: rateLimiter.forWork('initiate'),
    interimResponses: settings.interimResponses,
  });
  const direct = { urls, authorizeUpload, directUploads: directUploads ?? NO_DIRECT_UPLOADS };
  await app.register(directUploadRoutes, direct);
  await app.register(uppyS3Routes, { ...direct, cancel: deps.cancel });
  const admin = { ...shared, administration: deps.administration, prefix: '/v1/admin', audit: deps.audit };
  await app.register(adminQuotaRoutes, admin);
  await app.register(adminUserRoutes, admin);
  await app.register(adminBulkQuotaRoute, admin);
  await app.register(adminSessionRoutes, admin);
  await app.register(probeRoutes, { health });
  if (deps.metrics) await app.register(metricsRoute, deps.metrics);
  await app.register(pageRoutes, { limits: uploads.limits, publicUrl: settings.publicUrl });
  return app;
}

const NO_RATES: RatesPerMinute = { initiate: 0, validate: 0, address: 0, failedAuthentication: 0 };

/** Origins whose pages may use a dashboard's cookie. `*` names nobody. */
function ownOrigins({ corsOrigins, publicUrl }: AppDeps['settings']): ReadonlySet<string> {
  const origins = new Set(corsOrigins === '*' ? [] : corsOrigins);
  if (publicUrl !== null) origins.add(new URL(publicUrl).origin);
  return origins;
}
