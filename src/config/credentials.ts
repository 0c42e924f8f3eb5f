import type { Profile } from './parse.ts';
import { keptSecretKey, MIN_SECRET_BYTES } from './secret-key.ts';
import type { Settings } from './variables.ts';

/** What proves who is calling. Faults are added to `faults`. */

export interface FlaskCookies {
  /** The key in use first, then its fallbacks. */
  readonly secrets: readonly string[];
  readonly cookieName: string;
  readonly maxAgeSeconds: number;
}

/** The secret, made where the embedded profile has none; nothing is made while there are other faults. */
export function readSecretKey(
  settings: Settings,
  { profile, dataDir }: { readonly profile: Profile; readonly dataDir: string },
  faults: string[],
): string {
  const secret = settings.SECRET_KEY;
  if (secret === undefined) {
    if (profile === 'embedded') return faults.length === 0 ? keptSecretKey(dataDir) : '';
    faults.push(
      `SECRET_KEY: is not set. Set a random value of at least ${MIN_SECRET_BYTES} bytes: openssl rand -base64 48.`,
    );
    return '';
  }
  for (const [name, value] of [
    ['SECRET_KEY', secret],
    ...settings.SECRET_KEY_FALLBACKS.map((fallback) => ['SECRET_KEY_FALLBACKS', fallback] as const),
  ] as const) {
    if (Buffer.byteLength(value) >= MIN_SECRET_BYTES) continue;
    faults.push(
      `${name}: has fewer than ${MIN_SECRET_BYTES} bytes. Set a longer one: openssl rand -base64 48.`,
    );
  }
  return secret;
}

/** Fallbacks alone are not enough: without the key in use, cookies are not taken. */
export function readFlask(settings: Settings): FlaskCookies | null {
  if (settings.FLASK_SECRET_KEY === undefined) return null;
  return {
    secrets: [settings.FLASK_SECRET_KEY, ...settings.FLASK_SECRET_KEY_FALLBACKS],
    cookieName: settings.FLASK_COOKIE_NAME,
    maxAgeSeconds: settings.FLASK_COOKIE_MAX_AGE,
  };
}

/** Keys come over TLS, or from this machine: whoever can change them on the way can sign tokens. */
export function readJwksUrl(settings: Settings, faults: string[]): string | null {
  const text = settings.JWT_JWKS_URL;
  if (text === undefined) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLocal = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal)) return url.href;
  faults.push('JWT_JWKS_URL: must be an https:// address of a JSON Web Key Set.');
  return null;
}
