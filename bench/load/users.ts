import { randomUUID } from 'node:crypto';
import type { Running } from '../harness/contract.ts';
import type { LoadRequest } from './wrk.ts';

/** What a dashboard sends with an upload. */
export const CONTEXT = {
  source_section: 'video_analysis',
  workflow_type: 'single_upload',
  user_preferences: { quality: 'high', notify: true },
  metadata: { project: 'field-study-12', camera: 'north', tags: ['a', 'b'] },
};

export const FILE_SIZE = 1000;

/** Users that a load is spread over; enough that none has very many sessions. */
export const USERS = 200;

export function newUsers(count: number): string[] {
  return Array.from({ length: count }, () => randomUUID());
}

/** Who asks, as the server wants to hear it. */
export function headersOf(running: Running, user: string): Record<string, string> {
  const json = { 'Content-Type': 'application/json' };
  return running.token ? { ...json, Authorization: `Bearer ${running.token({ user })}` } : json;
}

/** One request for each user. */
export function initiateRequests(running: Running, path: string, users: readonly string[]): LoadRequest[] {
  return users.map((user) => ({
    path,
    headers: headersOf(running, user),
    body: JSON.stringify({
      dashboard_context: CONTEXT,
      expected_file_size: FILE_SIZE,
      file_format: 'mp4',
      filename: 'holiday.mp4',
      // Without tokens the server has to be told; ours and FastAPI read it from the token.
      ...(running.token ? {} : { user_id: user }),
    }),
  }));
}

export const DASHBOARD = '/v1/dashboard/upload';

/** Where that server takes this request. */
export function pathOf(name: string, work: 'initiate' | 'validate'): string {
  return name.startsWith('sluice') ? `${DASHBOARD}/${work}` : `/${work}`;
}

/** Each request once, so that every account is there and the code is compiled before anything is measured. */
export async function sendEachOnce(url: string, requests: readonly LoadRequest[]): Promise<void> {
  const queue = requests.values();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      for (const { path, headers, body } of queue) {
        const response = await fetch(url + path, { method: 'POST', headers, body });
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`a request is answered by ${response.status}`);
      }
    }),
  );
}
