/**
 * scanOnly: the state of a STATIC_ROOT that something else fills (storage `none`).
 */
import { guardSources } from '../core/shrink.js';
import { SourceError } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import { DigestCache } from './digest-cache.js';
import { look } from './look.js';
import { MarkTaker } from './marks.js';
import { recall, remember } from './memory.js';
import { type RunOptions, saveState } from './run-options.js';
import { type Scanned, scan } from './scan.js';
import { leaveBaseline } from './since/baseline.js';
import { markRoots } from './since/root-marks.js';

export interface ScanOnlyOptions extends RunOptions {
  /** A dry run forgets how many files it saw: what it did not do is nothing to compare the next run with. */
  readonly mode: 'write' | 'dry-run';
  /** Who fills `root` otherwise. Default: others. */
  readonly filledBy?: 'us' | undefined;
}

/** And the baseline that was left. */
export interface ScannedRoot extends Scanned {
  readonly baseline: string | undefined;
}

/**
 * Rejects with a SourceError when `root` is missing or no folder, and with a SafetyError when it is empty or has lost
 * most of its files since the last run.
 */
export async function scanOnly(root: string, options: ScanOnlyOptions): Promise<ScannedRoot> {
  requireFolder(root);
  const pacer = new Pacer(options);
  const memory = await recall(options.state);
  const cache = await DigestCache.load(options.state, 'root', pacer);
  const marks = options.baseline === undefined ? undefined : new MarkTaker();
  const roots = markRoots([root]);
  const known = cache.size;
  options.onKnown?.(known);
  const snapshot = await scan(root, { ...options, cache, marks });
  const count = { key: rootKey(root), path: root, files: snapshot.files };
  // A daemon that looks at places counts what comes, and the cache does not know of it. Where STATIC_ROOT is collected, the cache knows
  // better than the count, which is of the last time that it was taken as it is.
  const knowsAll = options.filledBy === 'us' || known >= (memory.sources.get(count.key) ?? 0);
  if (options.force === undefined) guardSources([count], memory.sources, knowsAll ? () => snapshot.gone : undefined);
  await saveState(options, () => cache.save(pacer));
  let baseline: string | undefined;
  if (options.mode === 'write') {
    const sources = new Map([...memory.sources, [count.key, count.files]]);
    await saveState(options, () => remember(options.state, { ...memory, sources }, memory));
    const { baseline: madeFor, state } = options;
    if (marks !== undefined && madeFor !== undefined && snapshot.problems.length === 0) {
      const trees = [{ marks: marks.all(), ignore: [] }];
      await saveState(options, async () => {
        const seal = await DigestCache.sealOf(state, 'root');
        baseline = await leaveBaseline(state, madeFor, { files: count.files, trees, roots, seal });
      });
    }
  }
  return { ...snapshot, baseline };
}

/** Of STATIC_ROOT, as `Counted` has it. */
export function rootKey(root: string): string {
  return `STATIC_ROOT\0${root}`;
}

/** Throws a SourceError when `root` is missing or no folder. */
export function requireFolder(root: string): void {
  const stats = look(root);
  if (stats === undefined)
    throw new SourceError(`cannot read ${root}: no such folder; fill it first, or correct static.root`);
  if (!stats.isDirectory()) throw new SourceError(`cannot read ${root}: it is no folder; correct static.root`);
}
