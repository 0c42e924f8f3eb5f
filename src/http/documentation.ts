import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { SHARED_SCHEMAS } from './schemas.ts';
import { DOCS_POLICY } from './security-headers.ts';

/** OpenAPI 3.1 at /openapi.json, made from the route schemas, and a page to read and try it at /docs. */
export async function describeItself(app: FastifyInstance, version: string): Promise<void> {
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema);
  await app.register(swagger, {
    exposeHeadRoutes: true,
    refResolver: { buildLocalReference: (schema) => String(schema.$id) },
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sluice',
        version,
        description:
          'Upload sessions for dashboards: the quota is reserved at once, the file goes to one `upload_url`, in one go or resumably, and is counted exactly once. Errors are problems as of RFC 9457.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [
        { name: 'sessions', description: 'Create, read and cancel upload sessions.' },
        { name: 'uploads', description: 'The upload resource that `upload_url` points to.' },
        { name: 'quota', description: 'What may still be uploaded.' },
        { name: 'operations', description: 'For administrators and for whoever runs the service.' },
      ],
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'Access token: the user in `user_id` or `sub`, `exp` required.',
          },
          uploadToken: {
            type: 'apiKey',
            in: 'query',
            name: 'token',
            description: 'Upload token of one session, as it stands in `upload_url`.',
          },
        },
      },
    },
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // The validator is somebody else's server.
    staticCSP: DOCS_POLICY,
    uiConfig: { validatorUrl: null, deepLinking: true, persistAuthorization: false },
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}
