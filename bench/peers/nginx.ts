import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../scripts/lib/servers/free-port.ts';
import { findProgram, lookUp } from '../../scripts/lib/servers/program.ts';
import { runCommand } from '../harness/cache.ts';
import type { Peer, Running } from '../harness/contract.ts';
import { startServer } from '../harness/server-process.ts';

const PROGRAM = { name: 'nginx', debianPackage: 'nginx-light', otherFolders: ['/usr/sbin'] };

/** `PUT` by its WebDAV module, one process: it knows neither users nor formats, and what it stores it never reads. */
export const nginx: Peer = {
  name: 'nginx',
  async prepare({ install }) {
    const program = install ? findProgram(PROGRAM) : lookUp(PROGRAM);
    if (program === null) throw new Error('it is not installed, and a quick run installs nothing');
    const said = runCommand('sh', ['-c', `"${program}" -V 2>&1`]);
    if (!said.includes('http_dav_module')) throw new Error('it is built without its WebDAV module');
    return /nginx\/(\S+)/.exec(said)?.[1] ?? 'unknown';
  },
};

export async function startNginx(folder: string): Promise<Running> {
  const port = await freePort();
  for (const name of ['files', 'tmp', 'logs']) mkdirSync(join(folder, name), { recursive: true });
  // It may give up root and become another user: that one has to get in.
  chmodSync(folder, 0o755);
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration(folder, port));
  return startServer([findProgram(PROGRAM), '-p', folder, '-c', file, '-e', join(folder, 'error.log')], {
    port,
  });
}

/** Its temporary files lie beside the finished ones, so that they are renamed and not copied. */
function configuration(folder: string, port: number): string {
  return `daemon off;
master_process off;
error_log ${folder}/error.log;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  client_body_temp_path ${folder}/tmp;
  proxy_temp_path ${folder}/tmp/proxy;
  fastcgi_temp_path ${folder}/tmp/fastcgi;
  uwsgi_temp_path ${folder}/tmp/uwsgi;
  scgi_temp_path ${folder}/tmp/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${folder}/files;
    location / { dav_methods PUT; }
  }
}
`;
}
