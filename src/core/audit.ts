/**
 * Audit: the index of a target against what really lies there, as it is listed.
 *
 * It keeps what it finds and which files of ours it saw, never the listing itself.
 */
import type { Entry } from './entry.js';
import type { Naming } from './folding.js';
import { ancestorsOf, comparePaths, foldedPath, isWithin, type RelPath } from './relpath.js';
import type { TargetIndex, Truths } from './target-index.js';

/** A digest that no content has: something lies there, and it is not what it should be. */
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
  /** A file of ours that is not there, or the index. */
  | { readonly kind: 'missing'; readonly path: RelPath; readonly message: string }
  | Changed
  /** Announced and never recorded as done: nobody knows what should be there. */
  | { readonly kind: 'unsettled'; readonly path: RelPath; readonly message: string }
  /** Nobody may look at it. */
  | { readonly kind: 'unreadable'; readonly path: RelPath; readonly message: string }
  /** Not put there by pushstatic: left alone. */
  | { readonly kind: 'foreign'; readonly path: RelPath; readonly message: string };

export interface Changed {
  readonly kind: 'changed';
  readonly path: RelPath;
  readonly message: string;
  /** `folder`: something else stands in the place of one that holds files of ours. `index`: a file of the index itself. */
  readonly what: 'file' | 'folder' | 'folder mode' | 'index';
  /** What a file may be that has the size and time of ours; undefined where it has not. */
  readonly found?: Entry;
}

const PERMISSIONS = 0o777;
const KINDS: Readonly<Record<Listed['kind'], string>> = {
  file: 'a file',
  folder: 'a folder',
  link: 'a symbolic link',
  other: 'a FIFO, a socket or a device',
};

/** What a target is expected to be like. */
export interface Expected {
  /** Of folders that hold files of ours. */
  readonly folderMode: number;
  /** Where names are `folded`, how one is spelled there does not matter. Default: exact. */
  readonly naming?: Naming | undefined;
}

/** By name, kind, size, time and mode. */
export class Audit {
  readonly #index: TargetIndex;
  readonly #folderMode: number;
  /** A path as ours is spelled. */
  readonly #spelled: (path: RelPath) => RelPath;
  readonly #seen = new Set<RelPath>();
  /** What lies at pending paths. */
  readonly #uncertain = new Map<RelPath, Listed>();
  /** The folders above pending paths. */
  readonly #folders: ReadonlySet<RelPath>;
  /** Places of folders of ours in which there is none. */
  readonly #lost = new Set<RelPath>();
  /** Folders that nobody may look into, and why. */
  readonly #closed = new Map<RelPath, string>();
  readonly #findings: Finding[] = [];

  constructor(index: TargetIndex, { folderMode, naming = 'exact' }: Expected) {
    this.#index = index;
    this.#folderMode = folderMode;
    this.#spelled = naming === 'folded' ? spellingOf(index) : (path) => path;
    this.#folders = new Set([...index.pending.keys()].flatMap(ancestorsOf));
  }

  /** Nobody may look into a folder, for that reason. */
  seeClosed(folder: RelPath, why: string): void {
    this.#closed.set(folder, why);
  }

  see(listed: Listed): void {
    const path = this.#spelled(listed.path);
    const there = path === listed.path ? listed : { ...listed, path };
    const entry = this.#index.entries.find(path);
    if (entry !== undefined) {
      this.#seen.add(path);
      this.#note(compare(entry, there));
    } else if (this.#index.pending.has(path)) this.#uncertain.set(path, there);
    else if (this.#folders.has(path) || this.#index.entries.holdsBelow(path)) this.#note(this.#compareFolder(there));
    else if (there.kind !== 'folder') {
      this.#note({ kind: 'foreign', path, message: `${KINDS[there.kind]} that pushstatic did not put there` });
    }
  }

  /** Sorted by path. To be asked for once, when all that lies there was seen. */
  findings(): Finding[] {
    for (const { path } of this.#index.entries) {
      if (this.#seen.has(path) || this.#isLost(path)) continue;
      this.#note(this.#closedAbove(path) ?? { kind: 'missing', path, message: 'it is missing' });
    }
    for (const path of this.#index.pending.keys()) this.#note(unsettled(path, this.#uncertain.get(path)));
    return sortFindings(this.#findings);
  }

  #compareFolder({ path, kind, mode }: Listed): Finding | undefined {
    if (kind === 'folder') {
      if ((mode & PERMISSIONS) === (this.#folderMode & PERMISSIONS)) return undefined;
      const message = `the folder has mode ${octal(mode & PERMISSIONS)} instead of ${octal(this.#folderMode)}`;
      return { kind: 'changed', path, message, what: 'folder mode' };
    }
    this.#lost.add(path);
    const { entries, pending } = this.#index;
    const length = entries.below(path).length + [...pending.keys()].filter((each) => isWithin(each, path)).length;
    const message = `${KINDS[kind]} is in the place of this folder, and what it held is missing (${length} of our files)`;
    return { kind: 'changed', path, message, what: 'folder' };
  }

  #closedAbove(path: RelPath): Finding | undefined {
    if (this.#closed.size === 0) return undefined;
    const why = this.#closed.get(ancestorsOf(path).find((folder) => this.#closed.has(folder)) ?? path);
    return why === undefined ? undefined : unreadable(path, why);
  }

  #isLost(path: RelPath): boolean {
    return this.#lost.size > 0 && ancestorsOf(path).some((folder) => this.#lost.has(folder));
  }

  #note(finding: Finding | undefined): void {
    if (finding !== undefined) this.#findings.push(finding);
  }
}

/** The finding for a file that was read back, and has another content. */
export function wrongContent(entry: Entry, message: string): Finding {
  return { kind: 'changed', path: entry.path, message, what: 'file', found: { ...entry, digest: UNKNOWN_DIGEST } };
}

/** Nobody knows whether it is as it should be. */
export function unreadable(path: RelPath, message: string): Finding {
  return { kind: 'unreadable', path, message };
}

export function sortFindings(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => comparePaths(a.path, b.path));
}

/**
 * What to announce so that none of what was found is taken for certain: it stays pending until it is as it should be. A file that
 * has its size and time is told from ours by what it may be, any other one by these.
 */
export function doubtsOf({ entries }: TargetIndex, findings: readonly Finding[]): Truths {
  const doubts = new Map<RelPath, Entry | undefined>();
  for (const finding of findings) {
    if (finding.kind === 'missing') doubts.set(finding.path, undefined);
    if (finding.kind !== 'changed') continue;
    if (finding.what === 'file') doubts.set(finding.path, finding.found);
    if (finding.what === 'folder') for (const { path } of entries.below(finding.path)) doubts.set(path, undefined);
  }
  return doubts;
}

/** A path as one of those of `index` has it, where names are folded. */
function spellingOf({ entries, pending }: TargetIndex): (path: RelPath) => RelPath {
  const ours = new Set<RelPath>(pending.keys());
  for (const { path } of entries) ours.add(path);
  const byFolded = new Map(Array.from(ours, (path) => [foldedPath(path), path]));
  return (path) => (ours.has(path) ? path : (byFolded.get(foldedPath(path)) ?? path));
}

function compare(entry: Entry, there: Listed): Changed | undefined {
  const changed = { kind: 'changed', path: entry.path, what: 'file' } as const;
  if (there.kind !== 'file') return { ...changed, message: `${KINDS[there.kind]} is in its place` };
  if (there.size !== entry.size) return { ...changed, message: `it has ${there.size} bytes instead of ${entry.size}` };
  if (there.mtime !== entry.mtime) {
    return { ...changed, message: `it was written at ${timeOf(there.mtime)} instead of ${timeOf(entry.mtime)}` };
  }
  if (there.mode === entry.mode) return undefined;
  const message = `it has mode ${octal(there.mode)} instead of ${octal(entry.mode)}`;
  return { ...changed, message, found: { ...entry, mode: there.mode } };
}

function unsettled(path: RelPath, there: Listed | undefined): Finding {
  const what = there === undefined ? 'nothing lies there' : `${KINDS[there.kind]} lies there`;
  const message = `a change of it was begun and is not recorded as done; ${what} now, and the next sync settles it`;
  return { kind: 'unsettled', path, message };
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000', '');
}
