/** These run in Node and in a page: no import of Node. */

/** The beginning of an MP4: a file-type box and a free box. */
const HEAD = Uint8Array.from(
  '000000186674797069736f6d0000020069736f6d6d703432000000086672656500000000'.match(/../g) ?? [],
  (hex) => Number.parseInt(hex, 16),
);

/** Bytes that pass for an MP4, then whatever the random numbers say. The service looks at the first bytes only. */
export function videoBytes(size: number, random: () => number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const words = new Uint32Array(bytes.buffer, 0, size >> 2);
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32;
  bytes.set(HEAD.subarray(0, size));
  return bytes;
}

export function videoFile(name: string, size: number, random: () => number): File {
  return new File([videoBytes(size, random)], name, { type: 'video/mp4' });
}

export async function sha256Of(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
