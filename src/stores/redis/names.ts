/**
 * What stands for sessions and users inside Redis, in names of keys, members and fields: base64url instead of 36
 * characters, since each session is named four times and there may be a million of them.
 */

const SHARD_DIGITS = 3;
/** Where a UUID without its hyphens has its version (RFC 9562, section 4.2), and that of all sessions. */
const VERSION_AT = 12;
const VERSION = '4';
const UUID_DIGITS = 32;
/** Characters of a session's name. */
const LENGTH = 19;

/**
 * What the shard and the version leave open of a session's id: 28 hex digits in 19 characters. Ids of another
 * version, which only strangers ask for, keep all 29 digits.
 */
export const nameOfSession = rememberLast((sessionId) => {
  const hex = sessionId.replaceAll('-', '');
  const open = hex.slice(SHARD_DIGITS, VERSION_AT);
  const version = hex[VERSION_AT] === VERSION ? '' : `0${hex[VERSION_AT]}`;
  return Buffer.from(`${open}${hex.slice(VERSION_AT + 1)}${version}`, 'hex').toString('base64url');
});

export function sessionOfName(shard: string, name: string): string {
  if (name.length !== LENGTH) throw new TypeError('A name in Redis stands for no session.');
  const hex = shard + hexOf(name);
  return asUuid(hex.slice(0, VERSION_AT) + VERSION + hex.slice(VERSION_AT));
}

/** A user: 22 characters. */
export function nameOfUser(userId: string): string {
  return Buffer.from(userId.replaceAll('-', ''), 'hex').toString('base64url');
}

export function userOfName(name: string): string {
  return asUuid(hexOf(name));
}

function hexOf(name: string): string {
  return Buffer.from(name, 'base64url').toString('hex');
}

function asUuid(hex: string): string {
  if (hex.length !== UUID_DIGITS) throw new TypeError('A name in Redis stands for no id.');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A call of a script asks for the name of its session three times in a row. */
function rememberLast(make: (text: string) => string): (text: string) => string {
  let last: string | null = null;
  let made = '';
  return (text) => {
    if (text === last) return made;
    made = make(text);
    last = text;
    return made;
  };
}
