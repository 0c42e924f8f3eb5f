import type { RunningHash } from './hash-blob.ts';

/**
 * SHA-256 (FIPS 180-4) over data that comes in pieces, which WebCrypto cannot do. For integrity only: it makes
 * no claim about side channels. Section numbers below are those of the standard.
 */
export function createSha256(): RunningHash {
  const state = new Int32Array(INITIAL);
  const schedule = new Int32Array(64);
  const block = new Uint8Array(64);
  let filled = 0;
  let total = 0;

  function update(bytes: Uint8Array): void {
    total += bytes.length;
    let at = 0;
    if (filled > 0) {
      at = Math.min(64 - filled, bytes.length);
      block.set(bytes.subarray(0, at), filled);
      filled += at;
      if (filled < 64) return;
      compress(state, schedule, block, 0);
      filled = 0;
    }
    for (; at + 64 <= bytes.length; at += 64) compress(state, schedule, bytes, at);
    block.set(bytes.subarray(at));
    filled = bytes.length - at;
  }

  return {
    update,
    hex() {
      // 5.1.1: a one bit, zeros, and the length in bits as a 64-bit big-endian number.
      const padding = new Uint8Array(filled < 56 ? 64 - filled : 128 - filled);
      padding[0] = 0x80;
      const tail = new DataView(padding.buffer, padding.length - 8);
      tail.setUint32(0, Math.floor(total / 2 ** 29));
      tail.setUint32(4, (total * 8) % 2 ** 32);
      update(padding);
      return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
    },
  };
}

const PRIMES = firstPrimes(64);
/** 5.3.3 and 4.2.2: the first 32 bits of the fractional parts of the primes' square and cube roots. */
const INITIAL = PRIMES.slice(0, 8).map((prime) => fraction(prime ** (1 / 2)));
const K = new Int32Array(PRIMES.map((prime) => fraction(Math.cbrt(prime))));

/** 6.2.2: one block of 64 bytes at `from`. Indices are within the arrays by construction. */
function compress(state: Int32Array, w: Int32Array, bytes: Uint8Array, from: number): void {
  for (let t = 0; t < 16; t++) {
    const i = from + t * 4;
    w[t] =
      (byte(bytes, i) << 24) | (byte(bytes, i + 1) << 16) | (byte(bytes, i + 2) << 8) | byte(bytes, i + 3);
  }
  for (let t = 16; t < 64; t++) {
    const x = word(w, t - 15);
    const y = word(w, t - 2);
    const small0 = rotr(x, 7) ^ rotr(x, 18) ^ (x >>> 3);
    const small1 = rotr(y, 17) ^ rotr(y, 19) ^ (y >>> 10);
    w[t] = (word(w, t - 16) + small0 + word(w, t - 7) + small1) | 0;
  }

  let a = word(state, 0);
  let b = word(state, 1);
  let c = word(state, 2);
  let d = word(state, 3);
  let e = word(state, 4);
  let f = word(state, 5);
  let g = word(state, 6);
  let h = word(state, 7);
  for (let t = 0; t < 64; t++) {
    const big1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const choose = (e & f) ^ (~e & g);
    const first = (h + big1 + choose + word(K, t) + word(w, t)) | 0;
    const big0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + big0 + majority) | 0;
  }
  const next = [a, b, c, d, e, f, g, h];
  for (let i = 0; i < 8; i++) state[i] = (word(state, i) + (next[i] as number)) | 0;
}

/** Two functions, so that each sees one kind of array only and stays fast. */
function word(words: Int32Array, index: number): number {
  return words[index] as number;
}

function byte(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

function rotr(x: number, bits: number): number {
  return (x >>> bits) | (x << (32 - bits));
}

function fraction(root: number): number {
  return Math.floor((root % 1) * 2 ** 32) | 0;
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return primes;
}
