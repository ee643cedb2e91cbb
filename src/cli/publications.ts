/**
 * publicationsOf: what a target holds at a few paths, by its index.
 */
import type { RelPath } from '../core/relpath.js';
import { IndexStore, type Loaded } from '../push/index/store.js';
import type { CycleOptions, TargetJob } from '../sync.js';
import { failureOf } from '../system-error.js';

export interface Publication {
  readonly name: string;
  readonly url: string;
  readonly state: 'published' | 'absent' | 'uncertain' | 'excluded' | 'unknown';
  readonly size?: number;
  readonly digest?: string;
  readonly mtime?: string;
  readonly reason?: string;
}

/** In the order of `paths`. A target that cannot be asked is `unknown`. */
export async function publicationsOf(
  job: TargetJob,
  paths: readonly RelPath[],
  options: CycleOptions,
): Promise<Publication[]> {
  const loaded = paths.some((path) => job.accepts(path)) ? await loadIndex(job, options) : undefined;
  return paths.map((path) => {
    const base = { name: job.name, url: `${job.url}/${path}` };
    if (!job.accepts(path) || loaded === undefined) return { ...base, state: 'excluded' };
    return { ...base, ...publicationIn(loaded, path) };
  });
}

type Asked = Loaded | { readonly kind: 'unreachable'; readonly reason: string };

async function loadIndex(job: TargetJob, options: CycleOptions): Promise<Asked> {
  try {
    const target = await job.open();
    try {
      return await new IndexStore(target, { ...options, cache: job.cache }).load();
    } finally {
      await target.close();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    return { kind: 'unreachable', reason: failureOf(error).message };
  }
}

function publicationIn(loaded: Asked, path: RelPath): Omit<Publication, 'name' | 'url'> {
  if (loaded.kind === 'unreachable') return { state: 'unknown', reason: loaded.reason };
  if (loaded.kind !== 'index') return { state: 'unknown', reason: 'the target has no index to ask' };
  if (loaded.index.pending.has(path)) return { state: 'uncertain' };
  const entry = loaded.index.entries.find(path);
  if (entry === undefined) return { state: 'absent' };
  const { size, digest, mtime } = entry;
  return { state: 'published', size, digest, mtime: timeOf(mtime) };
}

/** As text; what no calendar has, as the seconds that an index of somebody else's says. */
function timeOf(mtime: number): string {
  const time = new Date(mtime * 1000);
  return Number.isNaN(time.getTime()) ? `${mtime} s since 1970` : time.toISOString();
}
