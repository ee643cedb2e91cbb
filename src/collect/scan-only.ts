/**
 * scanOnly: the state of a STATIC_ROOT that something else fills (storage `none`).
 */
import { guardSources } from '../core/shrink.js';
import type { Snapshot } from '../core/snapshot.js';
import { SourceError } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import { DigestCache } from './digest-cache.js';
import { look } from './look.js';
import { recall, remember } from './memory.js';
import { type RunOptions, saveState } from './run-options.js';
import { scan } from './scan.js';

export interface ScanOnlyOptions extends RunOptions {
  /** A dry run forgets how many files it saw: what it did not do is nothing to compare the next run with. */
  readonly mode: 'write' | 'dry-run';
}

/**
 * Rejects with a SourceError when `root` is missing or no folder, and with a SafetyError when it is empty or has lost
 * most of its files since the last run.
 */
export async function scanOnly(root: string, options: ScanOnlyOptions): Promise<Snapshot> {
  requireFolder(root);
  const pacer = new Pacer(options);
  const memory = await recall(options.state);
  const cache = await DigestCache.load(options.state, 'root', pacer);
  const snapshot = await scan(root, { ...options, cache });
  const count = { key: `STATIC_ROOT\0${root}`, path: root, files: snapshot.entries.length };
  if (options.force === undefined) guardSources([count], memory.sources);
  await saveState(options, () => cache.save(pacer));
  if (options.mode === 'write') {
    const sources = new Map([...memory.sources, [count.key, count.files]]);
    await saveState(options, () => remember(options.state, { ...memory, sources }, memory));
  }
  return snapshot;
}

/** Throws a SourceError when `root` is missing or no folder. */
export function requireFolder(root: string): void {
  const stats = look(root);
  if (stats === undefined)
    throw new SourceError(`cannot read ${root}: no such folder; fill it first, or correct static.root`);
  if (!stats.isDirectory()) throw new SourceError(`cannot read ${root}: it is no folder; correct static.root`);
}
