import { type Static, Type } from 'typebox';
import { observation } from './observation-variables.ts';
import { protection } from './protection-variables.ts';
import { redis } from './redis-variables.ts';
import { choice, flag, list, text, textOr, whole } from './variable-kinds.ts';

/**
 * Every environment variable that Sluice knows, once: its type, range, default and meaning. The parser, the
 * reference in docs/config.md and the type of the settings all come from here.
 *
 * `default` is the production profile's default; `embedded` is what the embedded profile uses instead.
 * Secrets (`secret: true`) never appear in a message.
 */

const MAX_BYTES = Number.MAX_SAFE_INTEGER;
const DAY_SECONDS = 86_400;
const YEAR_SECONDS = 366 * DAY_SECONDS;

const service = {
  HOST: textOr('0.0.0.0', 'Address to listen on.', { embedded: '127.0.0.1' }),
  PORT: whole(8080, [0, 65_535], 'TCP port to listen on; 0 takes any free one.'),
  PUBLIC_URL: text(
    'Address under which clients reach the service, such as `https://uploads.example.org`. All URLs in answers are made from it. Where it is unset they are made from what a trusted proxy says, else relative; in the embedded profile from the address it listens on.',
  ),
  TRUST_PROXY: textOr(
    'false',
    'Whose `X-Forwarded-*` headers are believed: `true`, `false`, a number of hops, or addresses and networks with commas between.',
  ),
  CORS_ORIGINS: list(
    [],
    'Origins whose pages may call the service, with commas between, such as `https://dash.example.org`; `*` for any.',
    { embedded: ['*'] },
  ),
  DATA_DIR: textOr('./data', 'Folder of the embedded profile: databases, uploads and the secret key.'),
  LOG_LEVEL: choice(
    'info',
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'Least severe log line that is written, as JSON on standard error.',
    { embedded: 'warn' },
  ),
  WORKERS: whole(
    1,
    [1, 64],
    'Processes that share the port, to use so many cores. More than one needs Redis for the sessions.',
  ),
  RECONCILE_INTERVAL: whole(
    300,
    [1, DAY_SECONDS],
    'Seconds between two comparisons of the accounts in the session store with the ledger. One process does it for all.',
  ),
};

const authentication = {
  SECRET_KEY: text(
    'Key for HS256 tokens and, derived from it, for upload tokens. At least 32 bytes. The embedded profile makes one and keeps it in `DATA_DIR/secret_key`.',
    { secret: true },
  ),
  JWT_ISSUER: text('Where set, the `iss` a token must have.'),
  JWT_AUDIENCE: text('Where set, the `aud` a token must have.'),
  SECRET_KEY_FALLBACKS: list(
    [],
    'Earlier values of `SECRET_KEY`, with commas between: HS256 tokens and upload tokens signed with them are still taken. For rotation.',
    { secret: true },
  ),
  SESSION_ID_KEY: text(
    'Key that spreads users over the shards of the session store. Set it to the old `SECRET_KEY` before you change that one: while sessions are alive it must stay the same. Without it `SECRET_KEY` is used.',
    { secret: true },
  ),
  JWT_JWKS_URL: text(
    'Key set for RS256, ES256 and EdDSA tokens. Nothing else is ever asked for keys, whatever a token says.',
  ),
  FLASK_SECRET_KEY: text(
    "Key of the dashboard's Flask session cookies. Where it is unset, cookies are not taken.",
    {
      secret: true,
    },
  ),
  FLASK_SECRET_KEY_FALLBACKS: list([], 'Earlier keys of Flask session cookies, with commas between.', {
    secret: true,
  }),
  FLASK_COOKIE_NAME: textOr('session', 'Name of the Flask session cookie.'),
  FLASK_COOKIE_MAX_AGE: whole(
    31 * DAY_SECONDS,
    [1, YEAR_SECONDS],
    "Seconds that a Flask session cookie is good for: Flask's `PERMANENT_SESSION_LIFETIME`.",
  ),
};

const uploads = {
  UPLOAD_MAX_FILE_SIZE: whole(524_288_000, [1, MAX_BYTES], 'Largest file, in bytes.'),
  UPLOAD_SESSION_TTL: whole(3600, [1, YEAR_SECONDS], 'Seconds until a session expires that nobody feeds.'),
  UPLOAD_SESSION_MAX_LIFETIME: whole(
    DAY_SECONDS,
    [1, YEAR_SECONDS],
    'Seconds after its creation at which a session ends, however busy it is. Not less than `UPLOAD_SESSION_TTL`.',
  ),
  UPLOAD_URL_TTL: whole(
    3600,
    [1, YEAR_SECONDS],
    'Seconds that `upload_instructions.timeout` tells a client to take at most.',
  ),
  UPLOAD_MAX_ACTIVE_SESSIONS: whole(100, [1, 10_000], 'Live sessions that one user may have.'),
  UPLOAD_DEFAULT_QUOTA: whole(
    10_737_418_240,
    [0, MAX_BYTES],
    'Bytes that a new account may use in one period.',
  ),
  UPLOAD_QUOTA_RESET_DAYS: whole(
    30,
    [1, 3660],
    "Length of a quota period in days, from the account's first use.",
  ),
  UPLOAD_ALLOWED_FORMATS: list(
    ['mp4', 'avi', 'mov', 'mkv', 'webm'],
    'Containers that are taken, with commas between. `*` takes any file and turns recognition off.',
  ),
  INTERIM_RESPONSES: flag(
    false,
    'Send 104 answers to clients of the IETF draft. Off where a proxy in front takes an unknown 1xx for the final answer, as nginx does.',
  ),
  UPLOAD_IDLE_TIMEOUT: whole(
    60,
    [1, 3600],
    'Seconds without a byte after which an upload connection is cut.',
  ),
  UPLOAD_MIN_RATE: whole(
    1024,
    [0, 1_073_741_824],
    'Bytes per second, on average over `UPLOAD_IDLE_TIMEOUT`, below which an upload connection is cut.',
  ),
  UPLOAD_FSYNC: choice(
    'complete',
    ['always', 'complete', 'never'],
    'When bytes are forced to the disk: with every acknowledgement, when the file is complete, or when the system pleases.',
  ),
};

const storage = {
  USE_LOCAL_STORAGE: flag(false, 'Keep files on the local disk.', { embedded: true }),
  USE_S3: flag(
    true,
    'Keep files in an S3 bucket, unless `USE_LOCAL_STORAGE` is on. In the embedded profile it is on where a bucket is named.',
    { embedded: false },
  ),
  LOCAL_UPLOAD_FOLDER: textOr('uploads', 'Folder of the finished files.', { embedded: 'DATA_DIR/uploads' }),
  LOCAL_TEMP_FOLDER: textOr('temp_uploads', 'Folder of partial files, on the same file system.', {
    embedded: 'DATA_DIR/temp_uploads',
  }),
  S3_BUCKET_NAME: text('Bucket.'),
  S3_ENDPOINT: text(
    'Address of an S3-compatible server, such as `https://s3.example.org`; AWS where it is unset.',
  ),
  S3_PUBLIC_ENDPOINT: text(
    'Address under which clients reach that server, for direct mode; `S3_ENDPOINT` where it is unset.',
  ),
  S3_FORCE_PATH_STYLE: flag(
    false,
    'Put the bucket into the path instead of the host name, as most other servers than AWS want it.',
  ),
  S3_MEMORY_BUDGET: whole(
    67_108_864,
    [8_388_608, MAX_BYTES],
    'Bytes that all uploads to S3 together hold in memory, in one process. A part takes 8 MiB or more, and each upload fills one part while it sends others.',
  ),
  AWS_DEFAULT_REGION: textOr('us-east-1', 'Region of the bucket. Unused without `USE_S3`.'),
  AWS_ACCESS_KEY_ID: text(
    'Key id for the bucket. Where it is unset, keys come from where the AWS SDK finds them: the role of the machine, a profile. Unused without `USE_S3`.',
  ),
  AWS_SECRET_ACCESS_KEY: text('Key for the bucket. Unused without `USE_S3`.', { secret: true }),
};

const further = {
  DATABASE_URL: text(
    'PostgreSQL database of the ledger: `postgres://user:password@host:port/name`, with `?sslmode=verify-full` for TLS. In the embedded profile the ledger is in `DATA_DIR` where this is unset.',
    { secret: true },
  ),
  WEBHOOK_URL: text('Where events are POSTed, as Standard Webhooks 1.0.0 says: `https://…`.', {
    secret: true,
  }),
  WEBHOOK_SECRET: list(
    [],
    'Secret that signs them: `whsec_` and 24 to 64 bytes in base64. While a secret is changed, the new and the old one with a comma between: each event then carries a signature of both.',
    { secret: true },
  ),
  WEBHOOK_ALLOW_PRIVATE: flag(
    false,
    'Deliver events to addresses that are not of the public Internet: the own machine, private networks.',
  ),
};

/** How the reference groups the variables. */
export const VARIABLE_GROUPS: readonly { readonly title: string; readonly names: readonly string[] }[] = [
  { title: 'Service', names: Object.keys(service) },
  { title: 'Authentication', names: Object.keys(authentication) },
  { title: 'Protection', names: Object.keys(protection) },
  { title: 'Uploads and quota', names: Object.keys(uploads) },
  { title: 'Redis', names: Object.keys(redis) },
  { title: 'Storage', names: Object.keys(storage) },
  { title: 'Ledger, events and the rest', names: Object.keys(further) },
  { title: 'Observation', names: Object.keys(observation) },
];

export const ConfigVariables = Type.Object({
  ...service,
  ...authentication,
  ...protection,
  ...uploads,
  ...redis,
  ...storage,
  ...further,
  ...observation,
});

/** The variables' values, defaults filled in. */
export type Settings = Static<typeof ConfigVariables>;
export type VariableName = keyof Settings;
