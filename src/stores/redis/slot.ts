/** Polynomial of CRC-16/XMODEM, by which a Redis Cluster spreads keys (Redis Cluster specification, "Key distribution model"). */
const POLYNOMIAL = 0x1021;
const SLOTS = 16_384;

/** The slot of a Cluster that has the keys with this hash tag, 0 … 16383. */
export function slotOf(hashTag: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
    }
    crc &= 0xffff;
  }
  return crc % SLOTS;
}
