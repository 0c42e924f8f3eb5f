import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { Errors } from 'typebox/value';
import { type JsonSchema, quotaFiles, valuesOf } from './schema-values.ts';
import { P, target } from './target.ts';

/**
 * Every route of the OpenAPI document, with what it asks for and with what it does not. Whatever comes, the
 * answer is one the document describes, it has the described form, and it is no 5xx.
 */

/** One history for all, so that a red run can be repeated; `SLUICE_SEED` tries another. */
const SEED = Number(process.env.SLUICE_SEED ?? 20_261_122);
const RUNS = Number(process.env.SLUICE_TEST_FUZZ_RUNS ?? 60);
/** Whose quota is fuzzed: that of the victim has to last. */
const SOMEBODY = '12345678-1234-5678-9012-123456789012';
const victim = target(() => ({
  UPLOAD_MAX_ACTIVE_SESSIONS: '10000',
  UPLOAD_DEFAULT_QUOTA: '9007199254740991',
}));
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
after(() => agent.destroy());

interface Operation {
  readonly name: string;
  readonly path: string;
  readonly method: string;
  readonly parameters: readonly { readonly in: string; readonly name: string; readonly schema: JsonSchema }[];
  /** What bodies it reads. */
  readonly mediaType: string | null;
  readonly body: fc.Arbitrary<string | null>;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>> }>
  >;
}

interface Document {
  readonly paths: Record<
    string,
    Record<
      string,
      Partial<Omit<Operation, 'body'>> & { requestBody?: { content: Record<string, { schema: JsonSchema }> } }
    >
  >;
  readonly components: { readonly schemas: Record<string, JsonSchema> };
}

interface Got {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Sends what `fetch` would not, such as bodies with GET and headers of its own. Null where the connection is cut. */
function send(
  operation: Operation,
  path: string,
  headers: Record<string, string>,
  body: string | null,
): Promise<Got | null> {
  return new Promise((resolve) => {
    const sent = request(
      new URL(path, victim.service.url),
      { method: operation.method, headers, agent },
      async (answer) => {
        const type = String(answer.headers['content-type'] ?? '').split(';')[0] ?? '';
        // A stream of events has no end to wait for.
        if (type === 'text/event-stream') answer.destroy();
        const said = await text(answer).catch(() => '');
        resolve({ status: answer.statusCode ?? 0, type, text: said });
      },
    );
    sent.on('error', () => resolve(null));
    sent.setTimeout(10_000, () => sent.destroy());
    sent.end(body ?? undefined, 'utf8');
  });
}

async function operations(): Promise<Operation[]> {
  const { body } = await victim.call('/openapi.json', { token: null });
  const { paths, components } = body as Document;
  const whole = (schema: JsonSchema): JsonSchema =>
    JSON.parse(JSON.stringify(schema), (_key, value) => {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(value?.$ref ?? '')?.[1];
      return name === undefined ? value : whole(components.schemas[name] ?? {});
    });
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const [mediaType = null] = Object.keys(operation.requestBody?.content ?? {});
      const described = operation.requestBody?.content[mediaType ?? '']?.schema ?? {};
      return {
        name: `${method.toUpperCase()} ${path}`,
        path,
        method: method.toUpperCase(),
        parameters: (operation.parameters ?? []).map((parameter) => ({
          ...parameter,
          schema: whole(parameter.schema),
        })),
        mediaType,
        body: bodiesOf(mediaType, whole(described)),
        responses: JSON.parse(JSON.stringify(operation.responses ?? {}), (key, value) =>
          key === 'schema' ? whole(value) : value,
        ),
      };
    }),
  );
}

function bodiesOf(mediaType: string | null, schema: JsonSchema): fc.Arbitrary<string | null> {
  if (mediaType === null) return fc.option(fc.string({ maxLength: 200 }));
  if (mediaType === 'text/csv') return quotaFiles;
  return valuesOf(schema).map((value) => JSON.stringify(value) ?? null);
}

const headerText = fc.string({
  unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code === 0x7f ? 0xa0 : code)),
  maxLength: 60,
});
/** Headers that mean something here, with values that do, and with others. */
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  'tus-resumable': ['1.0.0', '0.2.2'],
  'upload-offset': ['0', '1', '-1', '1e3', '+1', '0x1', '9007199254740993', '?1', '1.0'],
  'upload-length': ['0', '10', '1000', '-1', '99999999999999', 'x', '10;a'],
  'upload-defer-length': ['1', '0', '2'],
  'upload-metadata': [
    'filename YS5tcDQ=',
    'filename',
    'a b',
    ',,',
    'filename YQ==,filename Yg==',
    'source_section IA==',
  ],
  'upload-concat': ['partial', 'final;/v1/uploads/x', 'final;', 'final;https://evil.example/1 /2'],
  'upload-complete': ['?0', '?1', '1', '?2', '(?1)'],
  'upload-draft-interop-version': ['8', '6', '3', '99', 'x'],
  'upload-checksum': ['sha1 AAAA', 'sha256 x', 'md5 AAAA', 'crc32c AAAAAA==', 'sha1'],
  'content-type': [
    'application/offset+octet-stream',
    'application/partial-upload',
    'application/json',
    'text/html',
    ';',
    'a/b; charset="',
  ],
  'content-range': ['bytes 0-1/2', 'x'],
  'content-disposition': ['attachment; filename="a.mp4"', "attachment; filename*=UTF-8''%ff", 'x'],
  'repr-digest': ['sha-256=:AAAA:', 'sha-256=x', '???'],
  'content-digest': ['sha-256=:AAAA:', 'md5=:AAAA:'],
  'x-http-method-override': ['PATCH', 'DELETE', 'HEAD', 'GET', 'CONNECT', 'x'],
  'idempotency-key': ['k', 'k'.repeat(300), 'a b'],
  'last-event-id': ['1-1', 'x', '-'],
  'if-match': ['*'],
  accept: ['application/json', 'text/html', '*/*;q=0'],
  origin: ['https://dash.example', 'null'],
  cookie: ['session=x.y.z', 'session=', ';;;=', 'a=b; session=".."'],
  'x-forwarded-host': ['evil.example'],
};
const aHeader = fc.oneof(
  ...Object.entries(HEADERS).map(([name, values]) =>
    fc.tuple(
      fc.constant(name),
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...values) }, { weight: 1, arbitrary: headerText }),
    ),
  ),
);

async function attempt(operation: Operation, id: string, credentials: readonly string[]): Promise<void> {
  const uploads = operation.path.startsWith('/v1/uploads');
  const inputs = fc.record({
    credential: fc.constantFrom(...credentials),
    headers: fc.array(aHeader, { maxLength: uploads ? 7 : 2 }),
    parameters: fc.tuple(...operation.parameters.map(({ schema }) => valuesOf(schema))),
    keepId: fc.nat(4).map((n) => n > 0),
    body: operation.body,
  });
  await fc.assert(
    fc.asyncProperty(inputs, async ({ credential, headers, parameters, keepId, body }) => {
      let path = operation.path;
      const query = new URLSearchParams();
      const all: Record<string, string> = {
        ...(operation.mediaType === null ? {} : { 'content-type': operation.mediaType }),
        // Node's client frames bodies by itself only where it expects one.
        ...(body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...(credential === '' ? {} : { authorization: `Bearer ${credential}` }),
        ...Object.fromEntries(headers.filter(([name]) => uploads || name !== 'content-type')),
      };
      for (const [index, parameter] of operation.parameters.entries()) {
        const given = parameters[index];
        const value = typeof given === 'string' ? given : (JSON.stringify(given) ?? '');
        if (parameter.in === 'path')
          path = path.replace(
            `{${parameter.name}}`,
            keepId ? id : encodeURIComponent(value.toWellFormed()).slice(0, 300) || 'x',
          );
        else if (parameter.in === 'query' && value.length % 3 > 0) query.set(parameter.name, value);
        else if (parameter.in === 'header' && /^[\x20-\x7e]+$/.test(value)) all[parameter.name] = value;
      }
      const got = await send(operation, `${path}${query.size > 0 ? `?${query}` : ''}`, all, body);
      // A body that is refused early, or an upload whose sender gave up, may find its connection closed.
      if (got === null) return assert.ok(uploads || body !== null, 'the connection was cut');
      judge(operation, got);
    }),
    { numRuns: RUNS, seed: SEED },
  );
}

function judge({ name, method, responses }: Operation, { status, type, text: said }: Got): void {
  assert.ok(status < 500, `${name}: ${status} ${said}`);
  // What HTTP itself may answer, on any route.
  if ([405, 408, 431].includes(status)) return;
  const described = responses[String(status)];
  assert.ok(described, `${name} does not describe ${status}: ${said}`);
  if (method === 'HEAD' || status === 204 || said === '') return;
  const schema = described.content?.[type]?.schema;
  assert.ok(schema, `${name} ${status} is not described as ${type}`);
  const value: unknown = type.endsWith('json') ? JSON.parse(said) : said;
  assert.deepEqual(Errors(schema, value), [], `${name} ${status}: ${said}`);
}

test('whatever is sent to a route of the document, the answer is one that it describes', async (t) => {
  const owner = await victim.sign();
  const admin = await victim.sign({
    permissions: ['create_sessions', 'upload_files', 'validate_sessions', 'manage_quota'],
  });
  for (const operation of await operations()) {
    await t.test(operation.name, async () => {
      const { id } = await victim.session({ expected_file_size: 10 });
      const own = operation.path.includes('user_id') ? SOMEBODY : id;
      await attempt(operation, own, [owner, owner, admin, '', 'a.b.c']);
    });
  }
});

test('and after all that the service is well', async () => {
  assert.equal((await victim.call(`${P}/health`, { token: null })).body.status, 'healthy');
});
