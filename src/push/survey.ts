/**
 * survey: finds out what a target really holds, where its index does not say.
 *
 * After an interrupted run a look at the names, sizes and times of the pending paths is enough. Where there is no index
 * to believe, every file that may be the wanted one is read back and hashed: nothing is guessed.
 */
import { createHash } from 'node:crypto';
import type { RelPath } from '../core/relpath.js';
import { type Digest, type Entry, type Snapshot, sortEntries } from '../core/snapshot.js';
import { emptyIndex, type Observed, settlePending, type TargetIndex, withTruths } from '../core/target-index.js';
import type { RemoteFile, Target } from '../targets/target.js';
import { inParallel } from './in-parallel.js';
import type { Loaded } from './index-store.js';

const LOOKS_IN_FLIGHT = 512;
const READS_IN_FLIGHT = 32;

/** The index that `loaded` stands for, as certain as a look at the target can make it. `wanted` is what may be there. */
export async function survey(target: Target, loaded: Loaded, wanted: Snapshot, site: string): Promise<TargetIndex> {
  return loaded.kind === 'index' ? settle(target, loaded.index) : rebuild(target, wanted, site);
}

/** SHA-256 of a file on the target, as the bytes come. */
export async function digestOf(target: Target, path: RelPath): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const piece of target.read(path)) hash.update(piece);
  return hash.digest('hex');
}

async function settle(target: Target, index: TargetIndex): Promise<TargetIndex> {
  if (index.pending.size === 0) return index;
  const seen = new Map<RelPath, Observed>();
  await inParallel(index.pending.keys(), LOOKS_IN_FLIGHT, async (path) => {
    const there = await target.stat(path);
    // We only ever make files: a folder or a link is somebody else's, and a file of ours is not there.
    seen.set(path, there?.kind === 'file' ? there : undefined);
  });
  return withTruths(
    index,
    settlePending(index.pending.values(), (path) => seen.get(path)),
  );
}

async function rebuild(target: Target, wanted: Snapshot, site: string): Promise<TargetIndex> {
  const byPath = new Map(wanted.entries.map((entry) => [entry.path, entry]));
  const candidates: { readonly there: RemoteFile; readonly entry: Entry }[] = [];
  for await (const there of target.list(undefined)) {
    const entry = byPath.get(there.path);
    if (there.kind === 'file' && there.size === entry?.size) candidates.push({ there, entry });
  }
  const entries: Entry[] = [];
  await inParallel(candidates, READS_IN_FLIGHT, async ({ there, entry }) => {
    if ((await digestOf(target, there.path)) !== entry.digest) return;
    entries.push({ ...entry, mtime: there.mtime, mode: there.mode });
  });
  return { ...emptyIndex(site), entries: sortEntries(entries) };
}
