import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { readQuotaFile } from '../../administration/quota-file.ts';
import { lineReport, summaryOf } from '../../administration/quota-report.ts';
import type { LimitChangeReport } from '../../core/bulk-quotas.ts';
import { auditQuotaFile } from '../../log/audit-administration.ts';
import { callerGuard, callerOf } from '../auth/authenticate.ts';
import { invalidRequestRefusal } from '../invalid-request.ts';
import { sendRefusal } from '../problem.ts';
import { problems } from '../schemas.ts';
import type { AdminRouteDeps } from './admin-deps.ts';

/** Bounds of one request: it is answered when all of it is done. Larger files are for the command line. */
const MAX_BYTES = 1 << 20;
const MAX_LINES = 10_000;

const Bytes = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);
const Count = Type.Integer({ minimum: 0 });

const Report = Type.Object(
  {
    dry_run: Type.Boolean(),
    changed: Count,
    unchanged: Count,
    failed: Count,
    not_tried: Count,
    lines: Type.Array(
      Type.Object({
        line: Type.Integer({ minimum: 1 }),
        user_id: Type.String(),
        result: Type.Enum(['changed', 'unchanged', 'failed', 'not_tried'], {
          description:
            'In a dry run: what it would be. What has failed, and what was not tried, may be sent again.',
        }),
        quota_limit: Bytes,
        previous_limit: Bytes,
        known_user: Type.Boolean({ description: 'Has been here before; else it may be a slip of the pen.' }),
        error: Type.Optional(Type.String()),
      }),
      { description: 'Limits are bytes; null follows the configured default.' },
    ),
  },
  { title: 'QuotaReport', description: 'What became of each line.' },
);

/** POST /v1/admin/quotas. */
export const adminBulkQuotaRoute: FastifyPluginCallbackTypebox<AdminRouteDeps> = (
  app,
  { administration: { quotas }, authenticate, audit },
  done,
) => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>(
    'text/csv',
    { parseAs: 'string', bodyLimit: MAX_BYTES },
    (_, text, parsed) => parsed(null, text),
  );

  app.post(
    '/quotas',
    {
      config: { bodyType: 'text/csv' },
      onRequest: callerGuard(authenticate, { permission: 'manage_quota' }),
      schema: {
        operationId: 'setQuotas',
        summary: 'Set the limits of many users from CSV',
        description: `A line \`user_id,quota_limit\`, then one for each user, at most ${MAX_LINES}. A limit is a number of bytes, a size such as \`50GiB\`, or \`default\`. The whole file is checked before anything is changed; then each line is done or not, never half. Sending it again changes nothing more.`,
        tags: ['operations'],
        security: [{ bearer: [] }],
        querystring: Type.Object({
          dry_run: Type.Optional(
            Type.Enum(['true', 'false'], {
              default: 'false',
              description: 'Only report what would be changed.',
            }),
          ),
        }),
        body: {
          content: {
            'text/csv': {
              schema: Type.Unsafe<string>({
                type: 'string',
                examples: ['user_id,quota_limit\n12345678-1234-5678-9012-123456789012,50GiB\n'],
              }),
            },
          },
        },
        response: { 200: Report, ...problems(400, 401, 403, 415, 503) },
      },
    },
    async (request, reply) => {
      const file = readQuotaFile(typeof request.body === 'string' ? request.body : '', MAX_LINES);
      if (!file.ok) {
        const faults = file.faults.map(({ line, message }) => ({ path: `line/${line}`, message }));
        return sendRefusal(reply, invalidRequestRefusal(faults));
      }
      const dryRun = request.query.dry_run === 'true';
      const lines: LimitChangeReport[] = [];
      for await (const batch of quotas.apply(file.changes, { dryRun })) lines.push(...batch);
      if (audit && !dryRun) {
        const by = audit.subject(callerOf(request).userId);
        auditQuotaFile(audit, { by, reports: lines }, request.log);
      }
      return { dry_run: dryRun, ...summaryOf(lines), lines: lines.map(lineReport) };
    },
  );
  done();
};
