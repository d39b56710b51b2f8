/**
 * Gives the memory of bytes that nobody reads any more back at once, instead of with some later garbage collection: a
 * stream of large chunks then needs a few of them and not a hundred MB. They are empty from now on, and so is every view
 * of them. Small buffers that share their memory with others are left alone.
 */
export function releaseMemory(bytes: Buffer): void {
  const { buffer } = bytes;
  const isOnlyOwner = bytes.byteOffset === 0 && bytes.length === buffer.byteLength;
  if (isOnlyOwner && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
