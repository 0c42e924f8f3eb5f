import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { PERMISSIONS, type Permission } from '../../src/http/auth/caller.ts';
import { initiateBody, P, signToken, startApp } from '../helpers/app.ts';

const STRANGER = '00000000-0000-4000-8000-00000000000f';

test('what docs/api.md says of each permission is so: without it, with it, and with a token that names none', async (t) => {
  const app = await startApp(t);
  const video = readFileSync(new URL('../fixtures/sample.mp4', import.meta.url));
  const { body: session } = await app.call(`${P}/initiate`, {
    json: initiateBody({ expected_file_size: video.byteLength }),
  });
  const status = async (call: Permission, claims: object) => {
    const token = await signToken({ user_id: app.userId, ...claims });
    switch (call) {
      case 'create_sessions':
        return (await app.call(`${P}/initiate`, { json: initiateBody(), token })).status;
      case 'upload_files': {
        const put = { method: 'PUT', body: video, token };
        return (await app.call(`/v1/uploads/${session.session_id}`, put)).status;
      }
      case 'validate_sessions': {
        const json = { session_id: session.session_id, user_id: STRANGER };
        return (await app.call(`${P}/validate`, { json, token })).body.details?.required ? 403 : 200;
      }
      case 'manage_quota':
        return (await app.call(`/v1/admin/users/${STRANGER}/quota`, { token })).status;
    }
  };

  const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| (yes|no) \| (.*) \|$/gm)];
  assert.deepEqual(rows.map(([, name]) => name).sort(), PERMISSIONS.toSorted());
  for (const permission of PERMISSIONS) {
    const [, , byDefault, allows = ''] = rows.find(([, name]) => name === permission) ?? [];
    const others = PERMISSIONS.filter((one) => one !== permission);
    const isAskedFor = (await status(permission, { permissions: others })) === 403;
    assert.equal(isAskedFor, !allows.startsWith('Nothing'), permission);
    assert.ok((await status(permission, { permissions: [permission] })) < 300, permission);
    if (isAskedFor) assert.equal((await status(permission, {})) < 300, byDefault === 'yes', permission);
  }
});
