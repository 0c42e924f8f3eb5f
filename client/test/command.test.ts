import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArguments } from '../src/cli/arguments.ts';
import { barLine } from '../src/cli/display.ts';
import { bytesInWords, secondsInWords } from '../src/cli/words.ts';
import { seededRandom } from './helpers/random.ts';
import { startedService, storedDigest } from './helpers/service.ts';
import { videoBytes } from './helpers/videos.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const service = startedService({ UPLOAD_DEFAULT_QUOTA: '30000000' });
const random = seededRandom(5);

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-upload-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function video(name: string, size: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, videoBytes(size, random));
  return path;
}

function start(args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env.PATH, SLUICE_URL: service.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function ended(child: ChildProcess): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  child.stdout?.on('data', (text) => (said.stdout += text));
  child.stderr?.on('data', (text) => (said.stderr += text));
  const [code] = await once(child, 'close');
  return { code, ...said };
}

const run = (args: string[], env: Record<string, string> = {}) => ended(start(args, env));

test('files are uploaded and verified, and lines without escape codes say so where there is no terminal', async () => {
  const files = [await video('one.mp4', 400_000), await video('two.mp4', 300_000)];
  const { code, stderr } = await run([...files, '--section', 'field'], { SLUICE_TOKEN: service.token() });
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^one\.mp4: done$/m);
  assert.match(stderr, /^2 of 2 uploaded and verified, 684 KB\.$/m);
  assert.ok(!stderr.includes('\x1b'));
});

test('--json prints one object per line, with the session and no upload address', async () => {
  const file = await video('json.mp4', 400_000);
  const { code, stdout, stderr } = await run([file, '--json', '--sha256', '--token', service.token()]);
  assert.equal(code, 0, stdout);
  assert.equal(stderr, '');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.filter(({ type }) => type === 'state').map(({ state }) => state),
    ['hashing', 'waiting', 'uploading', 'verifying', 'done'],
  );
  assert.deepEqual(lines.at(-1), { type: 'summary', uploaded: 1, files: 1, exit_code: 0 });
  assert.ok(!stdout.includes('token='));
  const { session_id: sessionId } = lines.findLast(({ state }) => state === 'done');
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  assert.equal(await storedDigest(service.process, sessionId), digest);
});

test('Ctrl-C leaves a session, says how to go on, exits 130, and the same command goes on', async () => {
  const user = randomUUID();
  const env = { SLUICE_TOKEN: service.token(user) };
  const file = await video('stopped.mp4', 20_000_000);
  service.proxy.set({ kind: 'hold', bytes: 3_000_000 });
  const child = start([file], env);
  const result = ended(child);
  child.stderr?.on('data', (text) => {
    if (String(text).includes('uploading 25 %') || String(text).includes('uploading 0 %'))
      child.kill('SIGINT');
  });
  const { code, stderr } = await result;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /What was sent is kept:\n {2}stopped\.mp4: session [0-9a-f-]{36}, until /);
  assert.match(stderr, /Run the same command again/);

  service.proxy.set({ kind: 'none' });
  const again = await run([file, '--json'], env);
  assert.equal(again.code, 0, again.stdout);
  const done = again.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .findLast(({ state }) => state === 'done');
  assert.equal(done.resumed, true);
  assert.equal(done.session_id, stderr.match(/session ([0-9a-f-]{36})/)?.[1]);
});

test('each kind of failure has its exit code', async () => {
  const good = { SLUICE_TOKEN: service.token() };
  const file = await video('small.mp4', 1000);
  const text = join(folder, 'text.mp4');
  await writeFile(text, 'no video at all '.repeat(500));
  assert.equal((await run([text], good)).code, 1);
  assert.equal((await run([], good)).code, 2);
  assert.equal((await run([file, '--nonsense'], good)).code, 2);
  const missing = await run([join(folder, 'missing.mp4')], good);
  assert.deepEqual(
    [missing.code, missing.stderr],
    [2, `Cannot read ${join(folder, 'missing.mp4')}: there is no such file.\n`],
  );
  assert.equal((await run([file], { SLUICE_TOKEN: 'bad' })).code, 3);
  const large = await run([await video('large.mp4', 31_000_000)], good);
  assert.equal(large.code, 4);
  assert.match(large.stderr, /do not fit into your quota/);
});

test('a service that is not there is exit code 5', async () => {
  const file = await video('unheard.mp4', 1000);
  const nowhere = await run([file, '--url', 'http://127.0.0.1:1', '--json', '--token', 'x']);
  assert.equal(nowhere.code, 5, nowhere.stdout);
  const { code, message } = JSON.parse(nowhere.stdout);
  assert.equal(code, 'NETWORK_ERROR');
  assert.match(message, /http:\/\/127\.0\.0\.1:1\b/);
});

test('help names every option and exit code', async () => {
  const { code, stdout } = await run(['--help']);
  assert.equal(code, 0);
  for (const word of ['--url', '--token', '--section', '--workflow', '--sha256', '--json', '130']) {
    assert.ok(stdout.includes(word), word);
  }
  assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('addresses and numbers are checked before anything is read', () => {
  for (const wrong of [
    ['a', '--url', 'ftp://x'],
    ['a', '--url', 'x'],
    ['a', '--concurrency', '0'],
  ]) {
    assert.equal(parseArguments(wrong, {}).kind, 'wrong', wrong.join(' '));
  }
  const parsed = parseArguments(['a', '--url', 'https://b/c'], { SLUICE_URL: 'http://other' });
  assert.equal(parsed.kind === 'upload' && parsed.args.url, 'https://b/c');
});

test('a bar stays on its line and cannot move the cursor, whatever the file is called', () => {
  const line = barLine(
    {
      id: 'upload-1',
      filename: `\x1b[2J${'ü'.repeat(100)}`,
      state: 'uploading',
      session: null,
      bytesUploaded: 50,
      bytesTotal: 100,
      bytesPerSecond: 2_000_000,
      secondsLeft: 75,
      bytesHashed: 0,
      error: null,
      retry: null,
    },
    90,
  );
  assert.ok([...line].length < 90);
  assert.ok(!line.includes('\x1b'));
  assert.match(line, / 50 % {2}1\.91 MB\/s, 1 min 15 s left$/);
});

test('sizes and times read well', () => {
  const sizes = [0, 999, 1000, 10_240, 1_500_000_000].map(bytesInWords);
  assert.deepEqual(sizes, ['0 B', '999 B', '0.98 KB', '10.0 KB', '1.40 GB']);
  assert.deepEqual([0.2, 59, 125, 3780].map(secondsInWords), ['1 s', '59 s', '2 min 5 s', '1 h 3 min']);
});
