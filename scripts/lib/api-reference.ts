import { PERMISSIONS, type Permission } from '../../src/http/auth/caller.ts';
import { EXAMPLES } from './api-examples.ts';

/** Of an OpenAPI document what the reference tells. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly $ref?: string;
}
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}
interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: Schema;
  }[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly description: string }>>;
}
interface Document {
  readonly tags: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const WHO: Readonly<Record<string, string>> = { bearer: 'access token', uploadToken: 'upload token' };

/** docs/api.md: every operation of the OpenAPI document, with an example where there is one. */
export function describeApiReference(openapi: string): string {
  const { tags, paths }: Document = JSON.parse(openapi);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
  const names = [
    ...new Set([
      ...tags.map(({ name }) => name),
      ...operations.flatMap(({ operation }) => operation.tags ?? []),
    ]),
  ];
  const unused = new Set(EXAMPLES.keys());
  const sections = names.map((name) => {
    const mine = operations.filter(({ operation }) => operation.tags?.[0] === name);
    const parts = mine.map(({ method, path, operation }) => {
      unused.delete(`${method} ${path}`);
      return describeOperation(method, path, operation);
    });
    const about = tags.find((tag) => tag.name === name)?.description ?? '';
    return `## ${name[0]?.toUpperCase()}${name.slice(1)}\n\n${about ? `${about}\n\n` : ''}${parts.join('\n')}`;
  });
  if (unused.size > 0) throw new Error(`Examples of operations that are gone: ${[...unused].join(', ')}`);
  return `${INTRODUCTION}\n${describePermissions()}\n${sections.join('\n')}\n${describeErrors(operations.map(({ operation }) => operation))}`;
}

const INTRODUCTION = `# API

<!-- Made by "npm run generate" from openapi.json and scripts/lib/api-examples.ts: change the route schemas or the examples. -->

Every call; the same as [openapi.json](../openapi.json), which is for programs, and as the page at \`/docs\`, on which it can be tried.
JSON is snake_case, times are RFC 3339 in UTC, sizes are bytes. The dialects of the upload resource are told in
[protocol.md](protocol.md).

The examples can be pasted into a shell one after the other; a test does. They begin with these, in a clone of the project. The token
that \`npm start\` prints may not manage quotas, as some of them do; this one may:

\`\`\`sh
SLUICE=\${SLUICE:-http://127.0.0.1:8080}
TOKEN=$(npm run -s sluice -- token --user 00000000-0000-4000-8000-000000000001 \\
  --permissions create_sessions,manage_quota)
FILE=test/fixtures/sample.mp4
\`\`\`
`;

/** What each is good for, and whether a token has it that names none. */
const ALLOWS: Readonly<Record<Permission, readonly ['yes' | 'no', string]>> = {
  create_sessions: ['yes', 'To ask for sessions: initiate, and creation by tus and IETF clients.'],
  upload_files: [
    'yes',
    "Nothing that is not allowed without it: bytes are taken from who has `upload_url`, and from the session's owner.",
  ],
  validate_sessions: ['no', "To validate other users' sessions; for services that ask on their behalf."],
  manage_quota: ['no', 'To administer: everything below `/v1/admin`, and to sweep.'],
};

function describePermissions(): string {
  const rows = PERMISSIONS.map((name) => `| \`${name}\` | ${ALLOWS[name].join(' | ')} |`);
  return `## Permissions

Any signed-in user may read and cancel his own sessions and read his quota. What else he may do stands in his token: in the claim
\`permissions\`, a list, or where there is none in \`scope\`, words with blanks between; in a Flask session in \`permissions\`. What is
listed takes the place of the default. Whoever lacks one is answered 403 \`PERMISSION_DENIED\`, and \`details.required\` names it.

| permission | by default | allows |
|---|---|---|
${rows.join('\n')}
`;
}

function describeOperation(method: string, path: string, operation: Operation): string {
  const { summary, description, security, parameters = [], requestBody, responses } = operation;
  const who = security?.flatMap((one) => Object.keys(one).map((name) => WHO[name] ?? name)).join(' or ');
  const facts = [`\`${method} ${path}\``, ...(who ? [`with ${who}`] : ['for anyone'])];
  const lines = [`### ${summary ?? `${method} ${path}`}`, '', `${facts.join(', ')}.`];
  if (description) lines.push('', description);
  const given = parameters.filter((parameter) => parameter.in !== 'path');
  const fields = [
    ...given.map((one) =>
      row(
        one.name,
        one.in,
        one.required ?? false,
        meaningOf({ enum: one.schema?.enum ?? [], description: one.description ?? '' }),
      ),
    ),
    ...bodyRows(requestBody?.content?.['application/json']?.schema),
  ];
  if (fields.length > 0) lines.push('', '| in | name | | meaning |', '|---|---|---|---|', ...fields);
  const answers = Object.entries(responses).filter(([, answer]) => !isProblem(answer));
  lines.push('', ...answers.map(([status, { description }]) => `- ${status}: ${oneLine(description)}`));
  const refusals = Object.entries(responses).flatMap(([status, answer]) =>
    isProblem(answer) ? [status] : [],
  );
  if (refusals.length > 0) lines.push(`- else ${refusals.join(', ')}: see [errors](#errors)`);
  const example = EXAMPLES.get(`${method} ${path}`);
  if (example) {
    lines.push('', '```sh', example.command, '```');
    if (example.prints) lines.push('```text', example.prints, '```');
  }
  return `${lines.join('\n')}\n`;
}

/** A row for each member, and behind it for what is inside: `needed` there is needed where the outer one is given. */
function bodyRows(schema: Schema | undefined, inside = ''): string[] {
  return Object.entries(schema?.properties ?? {}).flatMap(([member, field]) => {
    const name = `${inside}${member}`;
    return [
      row(name, 'body', schema?.required?.includes(member) ?? false, meaningOf(field)),
      ...bodyRows(field, `${name}.`),
      ...bodyRows(field.items, `${name}[].`),
    ];
  });
}

/** What it is, and the values it may have that the description does not name. */
function meaningOf({ description = '', enum: values = [] }: Schema): string {
  const shown = values.filter((value) => value !== null).map((value) => `\`${value}\``);
  const unnamed = shown.some((value) => !description.includes(value)) ? shown.join(', ') : '';
  return [description, unnamed].filter(Boolean).join(' ');
}

function row(name: string, where: string, required: boolean, meaning = ''): string {
  return `| ${where} | \`${name}\` | ${required ? 'needed' : ''} | ${oneLine(meaning).replaceAll('|', '\\|')} |`;
}

function isProblem({ content = {} }: Content): boolean {
  return 'application/problem+json' in content;
}

/** What requests can be answered with that reach no operation. */
const ANYWHERE: readonly (readonly [status: string, meaning: string])[] = [
  ['404', 'NOT_FOUND: there is nothing at this address.'],
  ['405', 'INVALID_REQUEST: the method is not offered here; `Allow` names those that are.'],
  ['408', 'INVALID_REQUEST: headers or a JSON body came too slowly.'],
  ['431', 'INVALID_REQUEST: the headers are too large.'],
];

/** The same status means the same everywhere: told once, in the words of all operations. */
function describeErrors(operations: readonly Operation[]): string {
  const meanings = new Map<string, Set<string>>();
  const told = operations.flatMap(({ responses }) =>
    Object.entries(responses).flatMap(([status, answer]) =>
      isProblem(answer) ? [[status, oneLine(answer.description)] as const] : [],
    ),
  );
  for (const [status, meaning] of [...told, ...ANYWHERE]) {
    meanings.set(status, (meanings.get(status) ?? new Set()).add(meaning));
  }
  const rows = [...meanings]
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([status, words]) => `| ${status} | ${[...words].join('<br>').replaceAll('|', '\\|')} |`);
  return `## Errors

\`application/problem+json\` as of RFC 9457. Decide by \`error_code\`; \`error_message\` is a sentence for people that says what to do next,
\`details\` is for programs. 423, 429 and 503 have \`Retry-After\`.

| status | when |
|---|---|
${rows.join('\n')}
`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
