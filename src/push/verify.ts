/**
 * verify: compares the index of a target with what really lies there, and on request reads every file back. doubt and
 * repairFolders: what makes a cycle, or this run itself, put right what was found.
 */
import {
  Audit,
  type Changed,
  doubtsOf,
  type Expected,
  type Finding,
  sortFindings,
  unreadable,
  wrongContent,
} from '../core/audit.js';
import type { Entry } from '../core/entry.js';
import { folderMode } from '../core/folder-mode.js';
import type { RelPath } from '../core/relpath.js';
import type { TargetIndex } from '../core/target-index.js';
import { type Problem, TargetError } from '../errors.js';
import type { Target } from '../targets/target.js';
import { inParallel } from './in-parallel.js';
import type { IndexStore } from './index/store.js';
import { digestOf, readInParallel } from './survey.js';
import { problemOf } from './trouble.js';

const CHANGES_IN_FLIGHT = 256;

/** How closely to look: at names, sizes, times and modes, or at the content as well. */
export type Depth = 'listing' | 'content';

export interface VerifyOptions extends Expected {
  readonly depth: Depth;
  readonly signal?: AbortSignal | undefined;
  /** Told of each file whose content was read. */
  readonly onFile?: (entry: Entry) => void;
}

/**
 * The findings, sorted by path. `index` is as it is recorded, not as a look has settled it. What is pending is told, and not read:
 * nobody knows what it should be.
 */
export async function verify(target: Target, index: TargetIndex, options: VerifyOptions): Promise<Finding[]> {
  const audit = new Audit(index, options);
  const onClosed = (folder: RelPath, why: TargetError): void => audit.seeClosed(folder, why.message);
  for await (const each of target.list(undefined, onClosed)) audit.see(each);
  const findings = audit.findings();
  if (options.depth === 'listing') return findings;
  const doubts = doubtsOf(index, findings);
  const closed = new Set(findings.flatMap(({ kind, path }) => (kind === 'unreadable' ? [path] : [])));
  await readInParallel(target, index.entries, async (entry) => {
    options.signal?.throwIfAborted();
    if (closed.has(entry.path)) return;
    if (doubts.has(entry.path) && doubts.get(entry.path) === undefined) return; // another size is another content
    const finding = await compareContent(entry, target, options.signal);
    if (finding !== undefined) findings.push(finding);
    if (finding?.kind !== 'unreadable') options.onFile?.(entry);
  });
  return sortFindings(findings);
}

/** What is wrong with a file of the index itself that only a look at the target tells. */
export async function verifyIndex(store: IndexStore): Promise<Finding[]> {
  const faults = await store.faults();
  return faults.map(({ path, reason }) => {
    const message = `${reason}; whoever has no copy of the index cannot believe it`;
    return { kind: 'changed', path, message, what: 'index' };
  });
}

/**
 * Marks on the target as pending what differs, so that a cycle brings it again, and that it is not forgotten if the cycle fails.
 * A damaged index is written anew. The lease is held. One head is replaced: a crash leaves all of it, or nothing.
 */
export async function doubt(store: IndexStore, index: TargetIndex, findings: readonly Finding[]): Promise<void> {
  const doubts = doubtsOf(index, findings);
  const isDamaged = findings.some((finding) => isChanged(finding, 'index'));
  if (doubts.size === 0 && !isDamaged) return;
  if (isDamaged) store.startAnew();
  await store.begin(index, doubts);
  await store.reap();
}

/** Gives folders their mode again, and tells how many have it, and what stood against that. */
export async function repairFolders(
  target: Target,
  findings: readonly Finding[],
  mode: number,
): Promise<{ readonly folders: number; readonly problems: readonly Problem[] }> {
  const problems: Problem[] = [];
  const folders = findings.filter((finding) => isChanged(finding, 'folder mode'));
  await inParallel(folders, CHANGES_IN_FLIGHT, async ({ path }) => {
    try {
      // A link in its place would lead the change to what is behind it.
      const there = await target.stat(path);
      if (there?.kind === 'folder') await target.chmod(path, folderMode(mode, there.mode));
    } catch (error) {
      problems.push(problemOf(path, 'verify', error));
    }
  });
  return { folders: folders.length - problems.length, problems };
}

function isChanged(finding: Finding, what: Changed['what']): boolean {
  return finding.kind === 'changed' && finding.what === what;
}

async function compareContent(entry: Entry, target: Target, signal?: AbortSignal): Promise<Finding | undefined> {
  const { path, digest } = entry;
  try {
    return (await digestOf(target, path)) === digest ? undefined : wrongContent(entry, 'its content is another');
  } catch (error) {
    signal?.throwIfAborted();
    const isGone = error instanceof TargetError && error.kind === 'not-found';
    if (isGone) return { kind: 'missing', path, message: 'it has gone since it was listed' };
    return unreadable(path, problemOf(path, 'verify', error).message);
  }
}
