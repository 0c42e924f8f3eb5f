import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Health, HealthReport } from '../health.ts';

const Check = Type.Object({
  status: Type.Enum(['healthy', 'unhealthy']),
  backend: Type.String({ description: 'Product behind it.' }),
});

const HealthBody = Type.Object(
  {
    status: Type.Enum(['healthy', 'unhealthy']),
    redis_connected: Type.Boolean({ description: 'Redis is in use, and answers.' }),
    service_initialized: Type.Boolean(),
    configuration_valid: Type.Boolean(),
    version: Type.String(),
    checks: Type.Object({ session_store: Check, ledger: Check, storage: Check }),
  },
  { title: 'Health', description: 'What the service stands on, and whether it answers.' },
);

const alive = (description: string) => Type.Object({ status: Type.String() }, { description });

/** GET P/health: the health object of the contract, for anyone. */
export const healthRoute: FastifyPluginCallbackTypebox<{ readonly health: Health }> = (
  app,
  { health },
  done,
) => {
  app.get(
    '/health',
    {
      config: { untraced: true },
      schema: {
        operationId: 'readHealth',
        summary: 'Health of the service and what it depends on',
        tags: ['operations'],
        response: { 200: HealthBody, 503: HealthBody },
      },
    },
    async (_request, reply) => {
      const report: HealthReport = await health();
      return reply
        .code(report.status === 'healthy' ? 200 : 503)
        .header('cache-control', 'no-store')
        .send(report);
    },
  );
  done();
};

/** GET /livez and /readyz, for whoever starts, stops and balances processes. */
export const probeRoutes: FastifyPluginCallbackTypebox<{ readonly health: Health }> = (
  app,
  { health },
  done,
) => {
  app.get(
    '/livez',
    {
      config: { untraced: true },
      schema: {
        operationId: 'live',
        summary: 'The process answers',
        tags: ['operations'],
        response: { 200: alive('It does.') },
      },
    },
    async () => ({ status: 'alive' }),
  );
  app.get(
    '/readyz',
    {
      config: { untraced: true },
      schema: {
        operationId: 'ready',
        summary: 'The service can take requests',
        tags: ['operations'],
        response: { 200: alive('It can.'), 503: alive('It can not: something it stands on is away.') },
      },
    },
    async (_request, reply) => {
      const ready = (await health()).status === 'healthy';
      return reply
        .code(ready ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ status: ready ? 'ready' : 'degraded' });
    },
  );
  done();
};
