/** readUpTo: a whole file of the control area. The limit is checked as it comes, whatever the server says of its size. */
import type { RelPath } from '../core/relpath.js';
import { TargetError } from '../errors.js';
import type { Target } from '../targets/target.js';

/** Somewhat more than `limit` bytes where there are more, which tells; undefined if there is no such file. */
export async function readUpTo(target: Target, path: RelPath, limit: number): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of target.read(path)) {
      pieces.push(Buffer.from(piece));
      bytes += piece.length;
      if (bytes > limit) break;
    }
  } catch (error) {
    if (error instanceof TargetError && error.kind === 'not-found') return undefined;
    throw error;
  }
  return Buffer.concat(pieces);
}
