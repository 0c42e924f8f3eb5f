/**
 * The last thing a log line passes. JSON escapes what is below U+0020; what is left can still disguise a line
 * on a terminal or in a viewer: DEL and the C1 controls (ECMA-48, which hold a second "escape"), marks and
 * overrides of writing direction, separators of lines and paragraphs, and characters without any width
 * (Unicode Technical Report 36, section 2.5). They are written as \uXXXX, which means the same in JSON.
 */
const DECEPTIVE =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** What looks like a secret, wherever it came from: a URL in a message of some library, say. */
const SECRETS: readonly (readonly [pattern: RegExp, shown: string])[] = [
  // A JSON Web Token, or a part of one with its signature.
  [/\beyJ[\w-]{6,}\.[\w-]+\.[\w-]*/g, '[token]'],
  [/\b((?:bearer|basic)(?: |%20)+)[\w.~+/=-]{8,}/gi, '$1[credentials]'],
  [/([?&](?:token|x-amz-[a-z-]+)=)[^&"\s\\]+/gi, '$1[secret]'],
  // user:password@ in the address of a database, a Redis, a proxy.
  [/(\w:\/\/[^/@\s"\\:]*:)[^@\s"\\]+@/g, '$1[secret]@'],
  [/\bwhsec_[A-Za-z0-9+/=]+/g, '[secret]'],
];

/** What none of the patterns can do without: most lines are done after one look for it. */
const SUSPICIOUS = /[^\n\x20-\x7e]|eyJ|:\/\/|[?&]|bearer|basic|whsec/i;

/** The same line, harmless to look at and without secrets. */
export function safeLine(line: string): string {
  if (!SUSPICIOUS.test(line)) return line;
  let safe = line.replace(DECEPTIVE, escapeCharacter);
  for (const [pattern, shown] of SECRETS) safe = safe.replace(pattern, shown);
  return safe;
}

function escapeCharacter(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
