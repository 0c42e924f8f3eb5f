import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import { initiateBody, P, signToken, startApp, type TestApp } from '../helpers/app.ts';

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly Record<string, unknown>[];
  readonly parameters?: readonly { readonly name: string; readonly description?: string }[];
  readonly requestBody?: { readonly content?: Record<string, { schema: Members }> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Record<string, { schema: object }> }>
  >;
}

/** Of a body's schema what people read. */
interface Members {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Members>>;
  readonly items?: Members;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

async function readDocument(app: TestApp): Promise<Document> {
  const { status, body } = await app.call('/openapi.json', { token: null });
  assert.equal(status, 200);
  return body;
}

test('the OpenAPI document is whole: every address, a summary for each, no reference to nothing', async (t) => {
  const app = await startApp(t);
  const document = await readDocument(app);
  assert.equal(document.openapi, '3.1.0');
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  );
  assert.deepEqual(
    operations.map(({ name }) => name).sort(),
    [
      `delete ${P}/sessions/{session_id}`,
      'delete /v1/uploads/{session_id}',
      'get /livez',
      'get /metrics',
      'get /readyz',
      'get /v1/admin/sessions',
      'get /v1/admin/sessions/{session_id}',
      'get /v1/admin/usage',
      'get /v1/admin/users',
      'get /v1/admin/users/{user_id}/quota',
      `get ${P}/events`,
      `get ${P}/health`,
      `get ${P}/quota`,
      `get ${P}/sessions`,
      `get ${P}/sessions/{session_id}`,
      'get /v1/uploads/{session_id}',
      'get /v1/uploads/{session_id}/parts',
      'head /v1/uploads/{session_id}',
      'patch /v1/uploads/{session_id}',
      'post /v1/admin/quotas',
      'post /v1/admin/sessions/cancel',
      `post ${P}/cleanup`,
      `post ${P}/initiate`,
      `post ${P}/validate`,
      'post /v1/uploads',
      'post /v1/uploads/{session_id}',
      'post /v1/uploads/{session_id}/complete',
      'post /v1/uploads/{session_id}/parts',
      'put /v1/admin/users/{user_id}/quota',
      'put /v1/uploads/{session_id}',
    ].sort(),
  );

  const ids = operations.flatMap(({ operation }) => operation.operationId ?? []);
  assert.equal(new Set(ids).size, ids.length);
  for (const { name, operation } of operations) {
    assert.ok(operation.summary, name);
    assert.ok(Object.keys(operation.responses).length > 0, name);
    for (const scheme of (operation.security ?? []).flatMap((one) => Object.keys(one))) {
      assert.ok(scheme in document.components.securitySchemes, `${name}: ${scheme}`);
    }
  }
  const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? [];
  assert.ok(references.length > 0);
  for (const reference of references) {
    const name = /^"\$ref":"#\/components\/schemas\/(\w+)"$/.exec(reference)?.[1] ?? '';
    assert.ok(name in document.components.schemas, reference);
  }
});

test('every answer, parameter and member of a body says what it is', async (t) => {
  const { paths } = await readDocument(await startApp(t));
  const silent: string[] = [];
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, { parameters = [], requestBody, responses }] of Object.entries(methods)) {
      const name = `${method} ${path}`;
      for (const [status, { description }] of Object.entries(responses)) {
        if (['Default Response', 'The request failed.'].includes(description))
          silent.push(`${name} ${status}`);
      }
      for (const one of parameters) if (!one.description) silent.push(`${name} ${one.name}`);
      const body = requestBody?.content?.['application/json']?.schema;
      silent.push(...undescribed(body).map((member) => `${name} ${member}`));
    }
  }
  assert.deepEqual(silent, []);
});

test('of requests that several dialects know the OpenAPI document names them all', async (t) => {
  const { paths } = await readDocument(await startApp(t));
  for (const [method, path] of [
    ['post', '/v1/uploads'],
    ['post', '/v1/uploads/{session_id}'],
    ['patch', '/v1/uploads/{session_id}'],
  ] as const) {
    const { summary, description } = paths[path]?.[method] ?? {};
    const text = `${summary} ${description}`;
    for (const dialect of ['tus 1.0.0', 'IETF'])
      assert.ok(text.includes(dialect), `${method} ${path}: ${dialect}`);
  }
});

test('answers are what the OpenAPI document says', async (t) => {
  const app = await startApp(t);
  const document = await readDocument(app);
  const admin = await signToken({ user_id: app.userId, permissions: ['manage_quota'] });
  const { body: made } = await app.call(`${P}/initiate`, { json: initiateBody() });
  const id = made.session_id;
  const userQuota = '/v1/admin/users/{user_id}/quota';

  const asked: readonly (readonly [method: string, path: string, request: object, actual?: string])[] = [
    ['post', `${P}/initiate`, { json: initiateBody() }],
    ['post', `${P}/initiate`, { json: {} }],
    ['post', `${P}/initiate`, { json: initiateBody(), token: null }],
    ['post', `${P}/initiate`, { json: initiateBody({ expected_file_size: 1e12 }) }],
    ['post', `${P}/initiate`, { json: initiateBody({ file_format: 'exe' }) }],
    ['post', `${P}/validate`, { json: { session_id: id, user_id: app.userId } }],
    ['get', `${P}/sessions`, {}],
    ['get', `${P}/sessions/{session_id}`, {}, `${P}/sessions/${id}`],
    ['get', '/v1/uploads/{session_id}', {}, `/v1/uploads/${id}`],
    ['get', `${P}/quota`, {}],
    ['get', `${P}/health`, {}],
    ['get', '/livez', {}],
    ['get', '/readyz', {}],
    ['post', `${P}/cleanup`, { method: 'POST', token: admin }],
    ['post', `${P}/cleanup`, { method: 'POST' }],
    ['get', userQuota, { token: admin }, `/v1/admin/users/${app.userId}/quota`],
    ['delete', `${P}/sessions/{session_id}`, { method: 'DELETE' }, `${P}/sessions/${id}`],
    ['get', `${P}/sessions/{session_id}`, {}, `${P}/sessions/${id}`],
  ];
  for (const [method, path, request, actual] of asked) {
    const answer = await app.call(actual ?? path, request);
    const name = `${method} ${path} ${answer.status}`;
    const described = document.paths[path]?.[method]?.responses[String(answer.status)];
    assert.ok(described, `${name} is not described`);
    if (answer.status === 204) continue;
    const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
    const schema = described.content?.[type]?.schema;
    assert.ok(schema, `${name} is not described as ${type}`);
    const whole = inlined(schema, document.components.schemas);
    assert.deepEqual(Errors(whole, answer.body), [], name);
    assert.deepEqual(Object.keys(answer.body).sort(), membersOf(whole, answer.body), name);
  }
});

test('the page at /docs loads nothing from anybody else', async (t) => {
  const app = await startApp(t);
  const page = await app.fetch('/docs', { token: null });
  assert.equal(page.status, 200);
  const html = await page.text();
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /https?:/);
  for (const [, address = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const url = new URL(address, page.url.endsWith('/') ? page.url : `${page.url}/`);
    assert.equal(url.origin, app.url, address);
    const part = await app.fetch(new URL(address, page.url).pathname, { token: null });
    assert.equal(part.status, 200, address);
    await part.arrayBuffer();
  }
});

/** Paths of the members that have no description. */
function undescribed(schema: Members | undefined): string[] {
  return Object.entries(schema?.properties ?? {}).flatMap(([name, member]) => [
    ...(member.description ? [] : [name]),
    ...undescribed(member.items ?? member).map((inner) => `${name}.${inner}`),
  ]);
}

/** The schema with every reference replaced by what it refers to. */
function inlined(schema: object, shared: Readonly<Record<string, object>>): TSchema {
  return JSON.parse(JSON.stringify(schema), (_key, value) => {
    const name = /^#\/components\/schemas\/(\w+)$/.exec(value?.$ref ?? '')?.[1];
    return name === undefined ? value : inlined(shared[name] ?? {}, shared);
  });
}

/** Nothing that is not described may be in an answer, so what is described is exactly what has to be there. */
function membersOf(schema: TSchema, body: object): string[] {
  return Object.keys(hasProperties(schema) ? schema.properties : body).sort();
}

function hasProperties(schema: TSchema): schema is TSchema & { readonly properties: object } {
  return 'properties' in schema;
}
