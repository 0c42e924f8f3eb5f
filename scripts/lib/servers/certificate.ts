import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from './program.ts';

const run = promisify(execFile);

/** PEM files. The certificate is its own authority: clients that are to trust it name `certFile`. */
export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate for this name, or for localhost and 127.0.0.1, valid for a day, in this folder. */
export async function makeCertificate(folder: string, name?: string): Promise<Certificate> {
  const program = findProgram({ name: 'openssl', debianPackage: 'openssl' });
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const names = name === undefined ? 'DNS:localhost,IP:127.0.0.1' : `DNS:${name}`;
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const subject = ['-subj', `/CN=${name ?? 'localhost'}`, '-addext', `subjectAltName=${names}`];
  await run(program, ['req', '-x509', ...kind, '-keyout', keyFile, '-out', certFile, ...subject]);
  return { certFile, keyFile };
}
