/**
 * verify: compares the index of a target with what really lies there, and on request reads every file back.
 */
import { audit, type Finding, truthsOfFindings, unreadable, wrongContent } from '../core/audit.js';
import type { Naming } from '../core/folding.js';
import type { RelPath } from '../core/relpath.js';
import type { Entry } from '../core/snapshot.js';
import type { TargetIndex } from '../core/target-index.js';
import type { RemoteFile, Target } from '../targets/target.js';
import { inParallel } from './in-parallel.js';
import type { IndexStore } from './index-store.js';
import { digestOf } from './survey.js';
import { problemOf } from './trouble.js';

const READS_IN_FLIGHT = 32;

/** How closely to look: at names, sizes and times, or at the content as well. */
export type Depth = 'listing' | 'content';

export interface VerifyOptions {
  readonly depth: Depth;
  /** How the target takes names. Default: exact. */
  readonly naming?: Naming | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onFile?: (entry: Entry) => void;
}

/** The findings, sorted by path. Paths that are pending are in no known state, and are not judged. */
export async function verify(target: Target, index: TargetIndex, options: VerifyOptions): Promise<Finding[]> {
  const listing: RemoteFile[] = [];
  const closed = new Map<RelPath, string>();
  for await (const each of target.list(undefined, (folder, why) => closed.set(folder, why.message))) listing.push(each);
  const findings = audit(index, listing, closed, options.naming);
  if (options.depth === 'listing') return findings;
  const differing = new Set(findings.map((finding) => finding.path));
  await inParallel(index.entries, READS_IN_FLIGHT, async (entry) => {
    options.signal?.throwIfAborted();
    if (differing.has(entry.path)) return;
    const finding = await compareContent(target, entry);
    if (finding !== undefined) findings.push(finding);
    options.onFile?.(entry);
  });
  return findings.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function compareContent(target: Target, entry: Entry): Promise<Finding | undefined> {
  try {
    const digest = await digestOf(target, entry.path);
    return digest === entry.digest ? undefined : wrongContent(entry, digest);
  } catch (error) {
    return unreadable(entry.path, problemOf(entry.path, 'verify', error).message);
  }
}

/** Writes into the index what was found, so that a cycle sends what is missing or changed. Foreign files are no part of it. */
export async function admit(store: IndexStore, index: TargetIndex, findings: readonly Finding[]): Promise<void> {
  const truths = truthsOfFindings(findings);
  if (truths.size === 0) return;
  await store.commit(index, new Map(), truths);
  await store.reap();
}
