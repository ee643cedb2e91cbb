/**
 * carryOut: does to STATIC_ROOT what a plan says, and tells what was achieved.
 */
import type { CollectPlan } from '../core/collect-plan.js';
import type { RelPath } from '../core/relpath.js';
import type { Entry } from '../core/snapshot.js';
import type { Problem } from '../errors.js';
import type { Pacer } from '../fs/pace.js';
import { type Digests, type Identified, renewed } from './identify.js';
import type { StaticRoot } from './static-root.js';
import { problemOf } from './trouble.js';

export type Plan = CollectPlan<Identified, Identified>;

/** What was achieved of a plan. */
export interface Done {
  /** What lies there now, in the order of the plan. */
  readonly put: ReadonlyMap<RelPath, Entry>;
  readonly removed: readonly RelPath[];
  /** What could not be put. */
  readonly failed: readonly RelPath[];
  readonly problems: readonly Problem[];
}

export interface CarryOutOptions {
  /** The one of STATIC_ROOT. */
  readonly cache: Digests;
  readonly pacer: Pacer;
  readonly onPut: (entry: Entry) => void;
}

/** Removes first, because a folder may have to go for a file. */
export async function carryOut(plan: Plan, root: StaticRoot, options: CarryOutOptions): Promise<Done> {
  const { cache, pacer, onPut } = options;
  const problems: Problem[] = [];
  const removed: RelPath[] = [];
  for (const { found } of plan.remove) {
    try {
      if (!root.remove(found)) continue; // somebody has changed it since it was scanned: theirs now
      removed.push(found.path);
      cache.delete(found.path);
    } catch (error) {
      problems.push(problemOf(found.path, 'collect', error));
    }
    if (pacer.isDue) await pacer.breathe();
  }
  const put = new Map<RelPath, Entry>();
  const failed: RelPath[] = [];
  for (const { found } of plan.copy) {
    try {
      const entry = await root.put(found.file, found.path);
      // Its stamp is worth nothing yet: the file is younger than a tick of the clock.
      const known = renewed(cache.get(entry.path), { stamp: '', digest: entry.digest, mtime: entry.mtime });
      cache.set(entry.path, known);
      const lasting = { ...entry, mtime: known.mtime };
      put.set(entry.path, lasting);
      onPut(lasting);
    } catch (error) {
      failed.push(found.path);
      problems.push(problemOf(found.path, 'collect', error));
    }
    if (pacer.isDue) await pacer.breathe();
  }
  return { put, removed, failed, problems };
}

/** What carrying out the plan would achieve if nothing went wrong. */
export function foresee({ copy, remove }: Plan): Done {
  return {
    put: new Map(copy.map(({ entry }) => [entry.path, entry])),
    removed: remove.map(({ entry }) => entry.path),
    failed: [],
    problems: [],
  };
}
