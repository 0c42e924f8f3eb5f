/**
 * Gives the memory of written pieces back at once. The garbage collector would do it too, but only after some
 * 64 MB of them: it sees small objects, not the 64 KiB that each of them holds. Detaching frees a piece's memory,
 * which the next piece then gets, still warm in the cache. Pieces that share their memory are left alone.
 */
export function releaseMemory(pieces: readonly Uint8Array[]): void {
  for (const { buffer, byteLength } of pieces) {
    if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
  }
}
