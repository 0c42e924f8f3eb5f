import { isIP } from 'node:net';
import { describeMistyped } from '../../config/mistyped.ts';
import type { Config } from '../../config.ts';
import { advise, type Finding, well } from './finding.ts';

/** Settings that are valid, but that an operator of a public service would want otherwise. */
export function examineSettings(config: Config): Finding[] {
  const findings = [
    ...mistypedFindings(config),
    addressFinding(config),
    corsFinding(config),
    encryptionFinding(config),
    ratesFinding(config),
    webhookFinding(config),
  ];
  return findings.filter((finding) => finding !== null);
}

function mistypedFindings({ mistyped }: Config): Finding[] {
  return mistyped.map((one) =>
    advise(
      'configuration',
      describeMistyped(one),
      'give it that name (docs/config.md); where it belongs to other software, leave it',
    ),
  );
}

function addressFinding({ profile, publicUrl, host }: Config): Finding | null {
  if (publicUrl === null) {
    if (profile === 'embedded' && isLoopback(host)) return null;
    return advise(
      'public address',
      'upload_url is made of the Host header that each request happens to carry',
      'set PUBLIC_URL to the address that clients use, such as https://uploads.example.org',
    );
  }
  const { protocol, hostname } = new URL(publicUrl);
  if (protocol === 'https:' || isLoopback(hostname)) return well('public address', publicUrl);
  return advise(
    'public address',
    `${publicUrl} is not encrypted: tokens and videos can be read on the way`,
    'put a proxy with TLS in front (deploy/ has configurations) and set PUBLIC_URL to its https address',
  );
}

function corsFinding({ profile, corsOrigins }: Config): Finding | null {
  if (corsOrigins !== '*' || profile === 'embedded') return null;
  return advise(
    'CORS',
    'pages of every site may speak to the service, with tokens they have been given',
    'set CORS_ORIGINS to the origins of your dashboards',
  );
}

function encryptionFinding({ sessions, protection }: Config): Finding | null {
  if (sessions.backend !== 'redis') return null;
  const keys = protection.encryptionKeys.length;
  if (keys > 0) return well('encryption', `filenames and contexts are encrypted in Redis, ${keys} keys`);
  return advise(
    'encryption',
    'filenames and contexts stand in Redis as they were sent',
    'set SESSION_ENCRYPTION_KEYS if others can read that Redis or its backups (docs/security.md)',
  );
}

function ratesFinding({ profile, protection: { rates } }: Config): Finding | null {
  const off = [
    ...(rates.initiate === 0 ? ['RATE_LIMIT_INITIATE'] : []),
    ...(rates.failedAuthentication === 0 ? ['RATE_LIMIT_FAILED_AUTH'] : []),
  ];
  if (profile === 'embedded' || off.length === 0) return null;
  return advise(
    'rate limits',
    `${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} off: one caller can keep all others waiting`,
    'leave them at their defaults (docs/config.md), unless something in front limits already',
  );
}

function webhookFinding({ webhook }: Config): Finding | null {
  if (webhook === null) return null;
  const { protocol, host, hostname } = new URL(webhook.url);
  if (protocol === 'https:' || isLoopback(hostname)) return well('webhook', `events go to ${host}`);
  return advise(
    'webhook',
    `events go to ${host} unencrypted, filenames among them`,
    'set WEBHOOK_URL to an https address',
  );
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}
