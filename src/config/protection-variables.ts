import { flag, list, text, whole } from './variable-kinds.ts';

/**
 * What keeps one caller from taking the service from the others, and what is kept from being read by those
 * who keep it. The embedded profile has no limits of rate and connections: it serves one machine, whose own
 * tests and tools would be the ones to run into them.
 */

const PER_MINUTE = [0, 1_000_000_000] as const;

export const protection = {
  RATE_LIMIT_INITIATE: whole(
    6000,
    PER_MINUTE,
    'Sessions that one user may ask for in a minute, by initiate and by tus and IETF creation; 0 for no limit. So many at once are fine, a dashboard that sends a folder needs one for each file. A hundred a second is about one percent of what a single Redis admits.',
    { embedded: 0 },
  ),
  RATE_LIMIT_VALIDATE: whole(
    60_000,
    PER_MINUTE,
    'Validations that one user may ask for in a minute; 0 for no limit. Ten times those of initiate: an analysis service asks for all users in its own name.',
    { embedded: 0 },
  ),
  RATE_LIMIT_ADDRESS: whole(
    0,
    PER_MINUTE,
    "Requests of each of the two kinds that one address (of IPv6: one /64) may send in a minute; 0 for no limit. Off because a dashboard's server speaks for all its users from one address. Behind a proxy `TRUST_PROXY` must name it, or all clients count as one.",
  ),
  RATE_LIMIT_FAILED_AUTH: whole(
    600,
    PER_MINUTE,
    'Tries with bad credentials that one address may make in a minute before they are 429; 0 for no limit. Good credentials are taken from that address all the time. It bounds guessing and what a stranger can write into the log.',
    { embedded: 0 },
  ),
  MAX_CONNECTIONS_PER_ADDRESS: whole(
    10_000,
    [0, 1_000_000],
    'Connections that one address may hold open in one process; more are closed at once; 0 for no limit. Addresses that `TRUST_PROXY` names hold as many as they like. A browser opens six: this is for floods, not for offices behind one address.',
    { embedded: 0 },
  ),
  MAX_HEADER_SIZE: whole(
    16_384,
    [4096, 131_072],
    'Bytes of request line and headers together; more is 431. Access tokens and cookies of browsers stay below 8 KiB each.',
  ),
  HEADERS_TIMEOUT: whole(
    15,
    [1, 300],
    'Seconds in which the headers of a request must have come, else 408. A connection that sends nothing at all is closed after as many.',
  ),
  BODY_TIMEOUT: whole(
    15,
    [1, 300],
    'Seconds in which a JSON body must have come, else 408. Uploads are bounded by `UPLOAD_IDLE_TIMEOUT` and `UPLOAD_MIN_RATE` instead.',
  ),
  SESSION_ENCRYPTION_KEYS: list(
    [],
    "Keys that encrypt the dashboard's context, filename and metadata of sessions in Redis, as `id:key` with commas between; the key is 32 bytes in base64 (`openssl rand -base64 32`), the id 1 to 32 letters, digits, `-` or `_`. The first one encrypts, all decrypt. To rotate put a new one in front, and drop the old one when `UPLOAD_SESSION_MAX_LIFETIME` and one hour have passed.",
    { secret: true },
  ),
  CLAMD_HOST: text(
    'Where set, every complete file is sent to this clamd before it counts; one in which malware is found fails with `INFECTED`, and its bytes are deleted.',
  ),
  CLAMD_PORT: whole(3310, [1, 65_535], 'Its port.'),
  CLAMD_TIMEOUT: whole(
    60,
    [1, 3600],
    'Seconds that clamd may take to accept more bytes, and to answer after the last one.',
  ),
  CLAMD_FAIL_OPEN: flag(
    false,
    'Take files that could not be scanned, because clamd is away or the file is larger than its `StreamMaxLength`. Off, they are 503 and may be completed later.',
  ),
};
