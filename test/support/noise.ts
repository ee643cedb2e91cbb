import { createCipheriv } from 'node:crypto';

/** Bytes in which nothing repeats, different for each `seed`, the same in each run. */
export function noise(length: number, seed = 0): Buffer {
  const key = Buffer.alloc(32);
  key.writeUInt32BE(seed);
  return createCipheriv('chacha20', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
