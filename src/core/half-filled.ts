/**
 * half-filled: whether a STATIC_ROOT that something else fills looks as if that were still at work, so that what is missing
 * there is not gone.
 */
import { looksHashed } from './manifest/hashed-name.js';
import type { RelPath } from './relpath.js';
import type { Snapshot } from './snapshot.js';

/** collectstatic removes the manifest first and writes it last: whether it is missing beside files that only it leads to. */
export function lacksManifest({ entries }: Snapshot, missing: readonly RelPath[], manifest: string): boolean {
  return missing.some((path) => path === manifest) && entries.some(({ path }) => looksHashed(path));
}
