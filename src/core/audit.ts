/**
 * audit: the index of a target against what really lies there.
 */
import type { Naming } from './folding.js';
import { ancestorsOf, foldedPath, type RelPath } from './relpath.js';
import type { Entry } from './snapshot.js';
import { pathsOf, type TargetIndex, type Truths } from './target-index.js';

/** A digest that no content has: something lies there, and nobody has read it. */
export const UNKNOWN_DIGEST = '0'.repeat(64);

/** What a listing tells of one path. */
export interface Listed {
  readonly path: RelPath;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly size: number;
  readonly mtime: number;
  readonly mode: number;
}

export type Finding =
  | { readonly kind: 'missing'; readonly path: RelPath; readonly message: string }
  /** `found` is what lies there, undefined where it is no file. */
  | { readonly kind: 'changed'; readonly path: RelPath; readonly message: string; readonly found: Entry | undefined }
  /** Nobody may look. */
  | { readonly kind: 'unreadable'; readonly path: RelPath; readonly message: string }
  /** Not put there by pushstatic: left alone. */
  | { readonly kind: 'foreign'; readonly path: RelPath; readonly message: string };

/**
 * By name, size and time. Sorted by path. `closed` are the folders that nobody may look into, and why. Where names are `folded`,
 * how one is spelled there does not matter.
 */
export function audit(
  index: TargetIndex,
  listing: Iterable<Listed>,
  closed: ReadonlyMap<RelPath, string> = new Map(),
  naming: Naming = 'exact',
): Finding[] {
  const ours = pathsOf(index);
  const spelled = naming === 'folded' ? spellingOf(ours) : (path: RelPath): RelPath => path;
  const listed = new Map<RelPath, Listed>();
  for (const each of listing) {
    if (each.kind === 'folder') continue;
    const path = spelled(each.path);
    listed.set(path, path === each.path ? each : { ...each, path });
  }
  const findings: Finding[] = [];
  for (const entry of index.entries) {
    const finding = closedAbove(entry.path, closed) ?? compare(entry, listed.get(entry.path));
    if (finding !== undefined) findings.push(finding);
  }
  for (const { path, kind } of listed.values()) {
    if (!ours.has(path))
      findings.push({ kind: 'foreign', path, message: `a ${kind} that pushstatic did not put there` });
  }
  return findings.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The finding for a file that cannot be read back. */
export function unreadable(path: RelPath, message: string): Finding {
  return { kind: 'unreadable', path, message };
}

/** The finding for a file whose content was read back and is another. */
export function wrongContent(entry: Entry, digest: string): Finding {
  return { kind: 'changed', path: entry.path, message: 'its content is another', found: { ...entry, digest } };
}

/** What is certain after an audit. The next cycle sends what differs from what is wanted. */
export function truthsOfFindings(findings: readonly Finding[]): Truths {
  const truths = new Map<RelPath, Entry | undefined>();
  for (const finding of findings) {
    if (finding.kind === 'missing') truths.set(finding.path, undefined);
    if (finding.kind === 'changed') truths.set(finding.path, finding.found);
  }
  return truths;
}

function closedAbove(path: RelPath, closed: ReadonlyMap<RelPath, string>): Finding | undefined {
  if (closed.size === 0) return undefined;
  const why = closed.get(ancestorsOf(path).find((folder) => closed.has(folder)) ?? path);
  return why === undefined ? undefined : unreadable(path, why);
}

/** A path as one of `ours` has it. */
function spellingOf(ours: ReadonlySet<RelPath>): (path: RelPath) => RelPath {
  const byFolded = new Map(Array.from(ours, (path) => [foldedPath(path), path]));
  return (path) => (ours.has(path) ? path : (byFolded.get(foldedPath(path)) ?? path));
}

function compare(entry: Entry, there: Listed | undefined): Finding | undefined {
  const { path } = entry;
  if (there === undefined) return { kind: 'missing', path, message: 'it is missing' };
  if (there.kind !== 'file') return { kind: 'changed', path, message: `it is a ${there.kind}`, found: undefined };
  const found = { ...entry, size: there.size, mtime: there.mtime, digest: UNKNOWN_DIGEST };
  if (there.size !== entry.size) {
    return { kind: 'changed', path, message: `it has ${there.size} bytes instead of ${entry.size}`, found };
  }
  if (there.mtime === entry.mtime) return undefined;
  return {
    kind: 'changed',
    path,
    message: `it was written at ${timeOf(there.mtime)} instead of ${timeOf(entry.mtime)}`,
    found,
  };
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '');
}
