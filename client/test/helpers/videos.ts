import { createHash } from 'node:crypto';

/**
 * Bytes that pass for an MP4: a file-type box, a free box, then whatever the random numbers say. The service looks
 * at the first bytes only.
 */
export function videoBytes(size: number, random: () => number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const words = new Uint32Array(bytes.buffer, 0, size >> 2);
  for (let i = 0; i < words.length; i++) words[i] = random() * 2 ** 32;
  const head = Buffer.from('000000186674797069736f6d0000020069736f6d6d703432000000086672656500000000', 'hex');
  bytes.set(head.subarray(0, size));
  return bytes;
}

export function videoFile(name: string, size: number, random: () => number): File {
  return new File([videoBytes(size, random)], name, { type: 'video/mp4' });
}

export async function sha256Of(file: Blob): Promise<string> {
  return createHash('sha256')
    .update(new Uint8Array(await file.arrayBuffer()))
    .digest('hex');
}
