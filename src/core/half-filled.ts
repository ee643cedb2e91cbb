/**
 * half-filled: whether a STATIC_ROOT that something else fills looks as if that were still at work, so that what is missing
 * there is not gone.
 */
import { looksHashed } from './manifest/hashed-name.js';
import type { RelPath } from './relpath.js';

/** collectstatic removes the manifest first and writes it last: whether it is missing beside files that only it leads to. */
export function lacksManifest(left: Iterable<RelPath>, missing: readonly RelPath[], manifest: string): boolean {
  if (!missing.some((path) => path === manifest)) return false;
  for (const path of left) if (looksHashed(path)) return true;
  return false;
}
