import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ORIGIN } from './answers.ts';
import { type BackendName, startBackend } from './backend.ts';
import { APPEND, createContext, IETF, PATCH, TUS, type Upload } from './context.ts';
import { createdUpload } from './rows/creation.ts';

const NOTHING = Buffer.alloc(0);
const TEXT = Buffer.from('no video at all');

for (const name of ['SQLite and disk', 'Redis and S3'] satisfies BackendName[]) {
  test(`${name}: where any file is allowed, every dialect takes text and empty files`, async (t) => {
    const backend = await startBackend(name, { CORS_ORIGINS: ORIGIN, UPLOAD_ALLOWED_FORMATS: '*' });
    t.after(() => backend.stop());
    const context = createContext(backend);
    const { send, user, session } = context;

    const onSession = (method: string, headers: Record<string, string | number>, status: number) => {
      return async (file: Buffer): Promise<Upload> => {
        const upload = await session({ expected_file_size: file.length || undefined });
        const answer = await send(method, upload.target, headers, file);
        assert.equal(answer.status, status, answer.text);
        return upload;
      };
    };
    const ways: Record<string, (file: Buffer) => Promise<Upload>> = {
      PUT: onSession('PUT', {}, 201),
      'a PUT in chunks': onSession('PUT', { 'transfer-encoding': 'chunked' }, 201),
      'an IETF PUT': onSession('PUT', { ...IETF, 'upload-complete': '?1' }, 201),
      'an IETF append': onSession('PATCH', { ...APPEND, 'upload-offset': 0, 'upload-complete': '?1' }, 201),
      async 'an IETF creation'(file) {
        const owner = user();
        const headers = { ...IETF, authorization: owner.authorization, 'upload-complete': '?1' };
        return createdUpload(await send('POST', '/v1/uploads', headers, file), owner);
      },
      async 'a tus creation'(file) {
        const owner = user();
        const headers = { ...TUS, authorization: owner.authorization, 'upload-length': file.length };
        const type = file.length > 0 && { 'content-type': PATCH['content-type'] };
        return createdUpload(await send('POST', '/v1/uploads', { ...headers, ...type }, file), owner);
      },
    };
    for (const [way, uploadIt] of Object.entries(ways)) {
      for (const file of [TEXT, NOTHING]) {
        const upload = await uploadIt(file);
        await context.assertCompleted(upload, file).catch((cause: unknown) => {
          throw new Error(`${way} of ${file.length} bytes`, { cause });
        });
        const head = await send('HEAD', upload.target, TUS);
        assert.deepEqual(
          [head.headers['upload-offset'], head.headers['upload-length']],
          [String(file.length), String(file.length)],
          way,
        );
      }
    }
  });
}
