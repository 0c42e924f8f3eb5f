import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { findProgram } from '../../scripts/lib/servers/program.ts';
import { startServiceProcess } from '../../scripts/lib/service-process.ts';
import { ERROR_CODES } from '../../src/core/errors.ts';
import { missingLine } from '../protocol-suite/examples.ts';
import { type Block, blocksOf, documents } from './blocks.ts';
import { runBlocks } from './run-blocks.ts';

/** Documents whose examples need more than a service and a token: the tests that run them. */
const RUN_ELSEWHERE: Readonly<Record<string, string>> = {
  'docs/protocol.md': 'test/protocol-suite/examples.test.ts',
  'docs/administration.md': 'test/cli/administration-document.test.ts',
  'docs/object-storage.md': 'test/protocol-suite/rows/direct.ts',
};

const root = new URL('../../', import.meta.url);
const isCode = ({ kind }: Block) => ['sh', 'js', 'ts'].includes(kind);
/** To be filled in by its reader, or said to be for people alone. */
const isForPeople = ({ notPasted, text }: Block) => notPasted !== null || text.includes('…');

test('every example that can be pasted does what its document says', async (t) => {
  findProgram({ name: 'curl', debianPackage: 'curl' });
  const service = await startServiceProcess();
  t.after(() => service.stop());
  for (const document of documents()) {
    if (document in RUN_ELSEWHERE) continue;
    const examples = blocksOf(document).filter((block) => isCode(block) && !isForPeople(block));
    if (examples.length === 0) continue;
    // As `npm start` prints it; what needs more makes its own.
    const token = service.token({ user: randomUUID(), permissions: ['upload_files', 'create_sessions'] });
    const env = {
      ...{ SLUICE: service.url, TOKEN: token, FILE: 'test/fixtures/sample.mp4' },
      // For the commands that are run on the service's machine.
      ...{ SECRET_KEY: service.secret, DATA_DIR: service.dataDir },
    };
    const printed = await runBlocks(examples, env);
    for (const [n, { line, prints }] of examples.entries()) {
      const missing = missingLine(printed[n] ?? '', prints);
      assert.equal(missing, null, `${document}:${line} does not print this line, but:\n${printed[n]}`);
    }
  }
});

test('what is not pasted says why, and names nothing that is not there', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  for (const document of documents()) {
    for (const { kind, line, text, notPasted } of blocksOf(document)) {
      assert.ok(notPasted !== '', `${document}:${line} says why it is not pasted`);
      if (kind !== 'sh') continue;
      const where = `${document}:${line}`;
      for (const [, script = ''] of text.matchAll(/^npm run (\S+)/gm))
        assert.ok(script in scripts, `${where}: ${script}`);
      for (const [, command = ''] of text.matchAll(/^npm (start|test)\b/gm))
        assert.ok(command in scripts, where);
      for (const [path] of text.matchAll(/(?<![\w/.$])(?:deploy|docs|scripts|src|test)\/[\w./-]+/g)) {
        // Made by the example itself.
        if (path === 'deploy/.env') continue;
        assert.ok(existsSync(new URL(path, root)), `${where}: ${path}`);
      }
    }
  }
});

test('documents whose examples another test runs are read by that test', () => {
  for (const [document, by] of Object.entries(RUN_ELSEWHERE)) {
    assert.ok(documents().includes(document), document);
    assert.ok(existsSync(new URL(by, root)), by);
  }
});

test('docs/api.md names every error code, and what is needed inside of a body', () => {
  const text = readFileSync(new URL('docs/api.md', root), 'utf8');
  const [reference = '', errors = ''] = text.split('\n## Errors\n');
  assert.deepEqual(
    ERROR_CODES.filter((code) => !errors.includes(code)),
    [],
  );
  for (const status of [404, 405, 410]) assert.match(errors, new RegExp(`^\\| ${status} \\| [A-Z_]+:`, 'm'));
  for (const member of ['source_section', 'workflow_type']) {
    assert.ok(reference.includes(`\n| body | \`dashboard_context.${member}\` | needed |`), member);
  }
  assert.match(reference, /workflow_type.*`training_upload`/);
});

test('every link between documents leads somewhere, and docs/README.md names them all', () => {
  const index = readFileSync(new URL('docs/README.md', root), 'utf8');
  for (const document of documents()) {
    const base = new URL(document, root);
    const prose = readFileSync(base, 'utf8').replace(/^ *```.*?^ *```/gms, '');
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? base : new URL(path, base);
      assert.ok(existsSync(file), `${document} → ${target}`);
      if (anchor) assert.ok(anchorsOf(file).has(anchor), `${document} → ${target}`);
    }
    const [, name] = /^docs\/([^/]+\.md)$/.exec(document) ?? [];
    if (name && name !== 'README.md') assert.ok(index.includes(`](${name})`), `docs/README.md names ${name}`);
  }
});

/** As GitHub makes them of headings. */
function anchorsOf(file: URL): Set<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  const slug = (text: string) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
  return new Set([...headings].map(([, heading = '']) => slug(heading)));
}
