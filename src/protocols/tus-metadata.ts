import { isUtf8 } from 'node:buffer';

/** Formats that browsers and tus clients name by media type in `filetype`. */
const FORMAT_OF_MEDIA_TYPE: Readonly<Record<string, string>> = {
  'video/mp4': 'mp4',
  'video/x-m4v': 'mp4',
  'video/quicktime': 'mov',
  'video/x-msvideo': 'avi',
  'video/avi': 'avi',
  'video/vnd.avi': 'avi',
  'video/x-matroska': 'mkv',
  'video/matroska': 'mkv',
  'video/webm': 'webm',
};

const KEY = /^[\x21-\x2b\x2d-\x7e]+$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * `Upload-Metadata`: pairs of a key and a value in base64, separated by commas; the value may be left out.
 * Null where it is malformed: a key that comes twice, base64 that is none, text that is no UTF-8.
 */
export function parseUploadMetadata(header: string): ReadonlyMap<string, string> | null {
  const pairs = new Map<string, string>();
  for (const part of header.split(',')) {
    const [key = '', value = '', ...more] = part.trim().split(' ');
    if (!KEY.test(key) || !BASE64.test(value) || more.length > 0 || pairs.has(key)) return null;
    const bytes = Buffer.from(value, 'base64');
    if (!isUtf8(bytes)) return null;
    pairs.set(key, bytes.toString());
  }
  return pairs;
}

/** The container that a `filetype` names; null where it names none, since then the bytes decide alone. */
export function formatOfFiletype(filetype: string | undefined): string | null {
  const mediaType = filetype?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return FORMAT_OF_MEDIA_TYPE[mediaType] ?? null;
}
