/**
 * checkCollected: compares STATIC_ROOT, as far as it is ours, with what the project's own collectstatic makes in an empty
 * folder. Every file is read, whatever is remembered of it, and nothing is changed.
 */
import { isDeepStrictEqual } from 'node:util';
import { collectedDifferences, type Difference } from '../core/collected-differences.js';
import type { Digest } from '../core/entry.js';
import { FileError } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import type { StateFolder } from '../fs/state.js';
import type { MakeStatic } from './collect-staged.js';
import { digestFile, readWhole } from './digest.js';
import { look } from './look.js';
import { recall } from './memory.js';
import { scanTree } from './scan.js';
import { type Staging, withStaging } from './staging.js';

export interface CheckedProject {
  /** STATIC_ROOT. */
  readonly root: string;
  readonly manifest: {
    /** Where it lies, if not in STATIC_ROOT. */
    readonly root?: string;
    /** Of what no manifest names any more. */
    readonly stale: 'keep' | 'remove';
    /** Whether its text follows from what it says: else the order in it is that of the disk. */
    readonly isSorted: boolean;
  };
}

export interface Checked {
  /** How many files collectstatic makes. */
  readonly files: number;
  /** Sorted by path; a manifest in a folder of its own by its whole path. */
  readonly differences: readonly Difference[];
}

export interface CheckOptions {
  readonly state: StateFolder;
  readonly signal?: AbortSignal | undefined;
}

/** Rejects as `make` does. */
export function checkCollected(
  project: CheckedProject,
  make: MakeStatic,
  { state, signal }: CheckOptions,
): Promise<Checked> {
  return withStaging(state, 'empty', async (staging) => {
    const { manifest, isElsewhere } = await make(staging);
    const pacer = new Pacer({ signal });
    const { files, made: hashed } = await recall(state);
    const made = await contentsOf(staging.files, pacer);
    const present = await contentsOf(project.root, pacer);
    const isKept = (path: string): boolean => project.manifest.stale === 'keep' && hashed.has(path);
    const found = collectedDifferences({ made, present, ours: files, isKept });
    const isAnother = ({ path, kind }: Difference): boolean =>
      kind !== 'different' ||
      path !== manifest ||
      !isSameJson(project, `${staging.files}/${path}`, `${project.root}/${path}`);
    const differences = found.filter(isAnother);
    const elsewhere =
      isElsewhere && manifest !== undefined ? await compareElsewhere(project, staging, manifest, pacer) : [];
    return { files: made.size, differences: [...differences, ...elsewhere] };
  });
}

/** What cannot be read has no content. */
async function contentsOf(folder: string, pacer: Pacer): Promise<Map<string, Digest>> {
  if (look(folder) === undefined) return new Map();
  const { files, problems } = await scanTree(folder, { step: 'scan', cache: new Map(), pacer });
  return new Map([
    ...files.map(({ entry: { path, digest } }) => [path as string, digest] as const),
    ...problems.map(({ path }) => [path, `unreadable in ${folder}`] as const),
  ]);
}

async function compareElsewhere(
  project: CheckedProject,
  staging: Staging,
  name: string,
  pacer: Pacer,
): Promise<Difference[]> {
  const [mine, theirs] = [`${staging.manifest}/${name}`, `${project.manifest.root ?? project.root}/${name}`];
  if (look(mine) === undefined) return [];
  if (look(theirs) === undefined) return [{ path: theirs, kind: 'missing' }];
  const [one, other] = [await digestFile(mine, pacer), await digestFile(theirs, pacer)];
  if (one.digest === other.digest || isSameJson(project, mine, theirs)) return [];
  return [{ path: theirs, kind: 'different' }];
}

function isSameJson({ manifest }: CheckedProject, one: string, other: string): boolean {
  if (manifest.isSorted) return false;
  try {
    return isDeepStrictEqual(JSON.parse(readWhole(one).toString()), JSON.parse(readWhole(other).toString()));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof FileError) return false;
    throw error;
  }
}
