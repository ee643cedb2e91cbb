/**
 * collectStaged: makes STATIC_ROOT hold what somebody else's collectstatic makes, without its way there being seen: it works
 * in folders of ours, and what is different then is taken over, the manifest last.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RelPath } from '../core/relpath.js';
import { Pacer } from '../fs/pace.js';
import type { MadeFile } from './carry-out.js';
import { type Collected, type CollectOptions, collect } from './collect.js';
import { digestFile } from './digest.js';
import { keepCopies, type Origins } from './keep-copies.js';
import { look } from './look.js';
import type { SourceProject } from './sources.js';
import { type Staging, withStaging } from './staging.js';
import { modeOf } from './stamp.js';
import type { Permissions } from './static-root.js';

/** Plain data. All paths are absolute. */
export interface StagedProject {
  readonly root: string;
  readonly permissions: Permissions;
  /** What is collected from; undefined where only the command itself knows all of it. */
  readonly origins: Omit<SourceProject, 'root'> | undefined;
  /** Whether a copy that is there as it should be need not be made again. */
  readonly keepsCopies: boolean;
  /** Where the manifest lies, if not in STATIC_ROOT. */
  readonly manifestFolder: string | undefined;
}

/** What was made. */
export interface Made {
  /** The path of the manifest; undefined if there is none. */
  readonly manifest: RelPath | undefined;
  /** Whether it lies in the folder for manifests. */
  readonly isElsewhere: boolean;
}

/** Fills these folders, which are there, as collectstatic fills STATIC_ROOT. */
export type MakeStatic = (staging: Staging) => Promise<Made>;

/** Rejects as `make` and `collect` do. */
export async function collectStaged(
  project: StagedProject,
  make: MakeStatic,
  options: CollectOptions,
): Promise<Collected> {
  const { root, permissions, origins, keepsCopies } = project;
  const pacer = new Pacer(options);
  return withStaging(options.state, origins === undefined || !keepsCopies ? 'empty' : 'as-kept', async (staging) => {
    const met = origins && (await keepCopies(staging.files, { ...origins, root }, options, pacer));
    if (met?.isClean === false) await emptyFolder(staging.files);
    const made = await make(staging);
    const staged = { ...(await stagedOf(project, staging, made, met, pacer)), sources: origins?.sources ?? [] };
    const sources = [{ path: staging.files, prefix: '' }];
    const collected = await collect({ sources, ignore: [], root, permissions, staged }, options);
    return { ...collected, links: met?.links ?? [] };
  });
}

async function stagedOf(
  { manifestFolder }: StagedProject,
  staging: Staging,
  { manifest, isElsewhere }: Made,
  met: Origins | undefined,
  pacer: Pacer,
) {
  const counts = met?.counts ?? [];
  if (manifest === undefined) return { counts, manifest, elsewhere: undefined };
  if (!isElsewhere || manifestFolder === undefined) {
    return { counts, manifest: { name: manifest, stale: 'remove' as const }, elsewhere: undefined };
  }
  const elsewhere = await madeFileAt(staging.manifest, manifest, pacer);
  return { counts, manifest: { name: manifest, folder: manifestFolder, stale: 'remove' as const }, elsewhere };
}

async function madeFileAt(folder: string, path: RelPath, pacer: Pacer): Promise<MadeFile | undefined> {
  const file = join(folder, path);
  const stats = look(file);
  if (stats === undefined) return undefined;
  const { digest, size, mtime } = await digestFile(file, pacer);
  return { entry: { path, digest, size, mtime, mode: modeOf(stats) }, content: { file } };
}

async function emptyFolder(folder: string): Promise<void> {
  for (const name of await readdir(folder, { encoding: 'buffer' })) {
    await rm(Buffer.concat([Buffer.from(`${folder}/`), name]), { recursive: true, force: true });
  }
}
