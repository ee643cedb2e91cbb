/**
 * hashAll: what hashed names add to all that is collected.
 */
import type { Memory } from '../../core/collected-codec.js';
import type { Digest } from '../../core/entry.js';
import { looksHashed } from '../../core/manifest/hashed-name.js';
import type { Traces } from '../../core/manifest/trace.js';
import type { RelPath } from '../../core/relpath.js';
import type { Pacer } from '../../fs/pace.js';
import { digestFile } from '../digest.js';
import type { HashedPart } from '../fill.js';
import type { Identified } from '../identify.js';
import type { ScannedTree } from '../scan.js';
import type { Listing } from '../sources.js';
import type { Winners } from '../winners.js';
import { foundOrder, type SourceOrder, sourceOrder } from './found-order.js';
import {
  hashSite,
  type ManifestProject,
  madeFile,
  requireManifest,
  type SiteFile,
  type SiteFiles,
  type SiteInput,
  siteFile,
  type WholeSite,
} from './post-process.js';

export interface HashAllInput {
  readonly wanted: Winners;
  readonly present: ScannedTree;
  readonly root: string;
  readonly listings: readonly Listing[];
  readonly memory: Pick<Memory, 'files' | 'made'>;
  readonly traces: Traces;
  readonly contents?: SiteInput['contents'];
}

export interface HashedAll extends HashedPart, WholeSite {
  /** Of the manifest in STATIC_ROOT. */
  readonly manifest: Digest | undefined;
  readonly warnings: readonly string[];
}

/** Rejects as `hashSite` does, and with a ManifestError if something that is no manifest lies where it is to be. */
export async function hashAll(manifest: ManifestProject, input: HashAllInput, pacer: Pacer): Promise<HashedAll> {
  const { root, memory, traces, contents } = input;
  const { name, folder, rules } = manifest;
  if (folder !== undefined || !memory.files.has(name)) requireManifest(`${folder ?? root}/${name}`);
  const orders = input.listings.map(sourceOrder);
  const site = await siteIn({ ...input, orders }, pacer);
  const hashing = hashSite({ ...site, traces }, manifest);
  const { processed, warnings } = hashing;
  const made = [...processed.made]
    .filter(([path]) => folder !== undefined || path !== name)
    .map(([path, each]) => madeFile(path, each, rules, contents));
  const isHere = folder === undefined;
  return {
    made: isHere ? [...made, hashing.manifest] : made,
    replaced: isHere && site.files.byPath.has(name) ? new Set([...processed.removed, name]) : processed.removed,
    elsewhere: isHere ? undefined : hashing.manifest,
    processed,
    manifest: isHere ? hashing.manifest.entry.digest : undefined,
    warnings,
    orders,
    files: site.files.inOrder(),
  };
}

export interface SiteFound extends Omit<HashAllInput, 'traces' | 'listings'> {
  readonly orders: readonly SourceOrder[];
}

/** The site that was found. */
export async function siteIn(input: SiteFound, pacer: Pacer): Promise<SiteInput> {
  const { root, memory, present, contents } = input;
  const foreign = (): RelPath[] => present.files.filter((file) => !isOurs(file, memory)).map(({ entry }) => entry.path);
  return { files: await siteFiles(input, pacer), contents, root, foreign };
}

/** What could not be read stays as it was last collected, and so do the names that lead to it. */
async function siteFiles({ orders, wanted, present, memory }: SiteFound, pacer: Pacer): Promise<SiteFiles> {
  const byPath = new Map(wanted.files.map((file) => [file.entry.path as string, siteFile(file)]));
  const inOrder: SiteFile[] = [];
  for (const path of foundOrder(orders)) {
    const file = byPath.get(path);
    if (file !== undefined) inOrder.push(file);
  }
  if (wanted.problems.length === 0) return { inOrder: () => inOrder, byPath };
  // Of whom a copy is, nobody knows any more where the memory is lost: one that has the name is taken for it.
  const isTaken = (copy: Identified): boolean =>
    memory.files.size === 0 ? !looksHashed(copy.entry.path) : isOurs(copy, memory);
  for (const copy of present.files) {
    const { path } = copy.entry;
    if (!wanted.isUnknown(path) || byPath.has(path) || memory.made.has(path) || !isTaken(copy)) continue;
    const { hash } = await digestFile(copy.found.file, pacer, undefined, 'content-hash');
    const file = siteFile({ ...copy, hash });
    byPath.set(path, file);
    inOrder.push(file);
  }
  return { inOrder: () => inOrder, byPath };
}

function isOurs({ entry }: Identified, { files }: Pick<Memory, 'files'>): boolean {
  return files.get(entry.path) === entry.digest;
}
