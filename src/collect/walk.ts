/**
 * walk: every file below a folder, as Django's finders see them.
 *
 * Links are followed, to files and to folders, wherever they lead. Whatever cannot be taken is a problem and never
 * left out in silence; the exceptions are what the ignore patterns name, pushstatic's own files, and entries that
 * vanish while they are looked at. Nothing is opened but folders, so a FIFO cannot hold up the walk. Everything runs
 * synchronously in the slices of a pacer: one promise per file would take longer than the file.
 */
import { type BigIntStats, type Dirent, lstatSync, opendirSync, readdirSync, statSync } from 'node:fs';
import type { IgnoreRules } from '../core/fnmatch.js';
import { CONTROL, faultOf, parseRelPath, type RelPath } from '../core/relpath.js';
import { type Problem, type ProblemCode, type ProblemStep, SourceError } from '../errors.js';
import { isTemporary } from '../fs/atomic-write.js';
import { Pacer } from '../fs/pace.js';
import { modeOf, mtimeOf, stampOf } from './stamp.js';
import { isSystemError, reasonOfSystem } from './trouble.js';

/** A file, as stat tells of it; its content was not looked at. */
export interface Found {
  readonly path: RelPath;
  /** Where it lies, absolute if the root is. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly mode: number;
  /** See `stampOf`. */
  readonly stamp: string;
  readonly isLink: boolean;
}

export interface Walked {
  /** In the order of Django's finders: the files of a folder as readdir gives them, then each folder in turn. */
  readonly files: readonly Found[];
  /** What could not be read. The state of everything at or below the path of one is unknown. */
  readonly problems: readonly Problem[];
  /** What interrupted writes left behind, where it lies. */
  readonly temporaries: readonly string[];
}

export interface WalkOptions {
  /** The step that problems belong to. */
  readonly step: ProblemStep;
  readonly ignore?: IgnoreRules;
  readonly pacer?: Pacer;
}

/** Walks `root`. Rejects with a SourceError when `root` itself cannot be read. */
export async function walk(root: string, { step, ignore, pacer = new Pacer() }: WalkOptions): Promise<Walked> {
  const walker = new Walker(step, ignore, pacer);
  await walker.run(root);
  return walker;
}

interface Folder {
  /** Undefined for the root. */
  readonly path: RelPath | undefined;
  readonly place: string;
  readonly parent: Folder | undefined;
}

type Kind = Pick<Dirent, 'isDirectory' | 'isFile' | 'isSymbolicLink'>;

class Walker implements Walked {
  readonly files: Found[] = [];
  readonly problems: Problem[] = [];
  readonly temporaries: string[] = [];
  readonly #step: ProblemStep;
  readonly #ignore: IgnoreRules | undefined;
  readonly #pacer: Pacer;
  /** The folders yet to be read, the next one last. */
  readonly #waiting: Folder[] = [];
  /** Those of the folder that is being read. */
  readonly #subfolders: Folder[] = [];

  constructor(step: ProblemStep, ignore: IgnoreRules | undefined, pacer: Pacer) {
    this.#step = step;
    this.#ignore = ignore;
    this.#pacer = pacer;
  }

  async run(root: string): Promise<void> {
    this.#waiting.push({ path: undefined, place: root, parent: undefined });
    for (let folder = this.#waiting.pop(); folder !== undefined; folder = this.#waiting.pop()) {
      await this.#readFolder(folder);
      for (let next = this.#subfolders.pop(); next !== undefined; next = this.#subfolders.pop())
        this.#waiting.push(next);
    }
  }

  async #readFolder(folder: Folder): Promise<void> {
    try {
      const hasDoubtful = await this.#readEntries(folder);
      if (hasDoubtful) this.#readDoubtfulNames(folder);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (folder.path === undefined)
        throw new SourceError(`cannot read ${folder.place}: ${reasonOfSystem(error)}`, { cause: error });
      if (!isGone(error)) this.#report(folder.path, 'UNREADABLE', `it cannot be read: ${reasonOfSystem(error)}`);
    }
  }

  /** Whether there are names that need a second look because they were perhaps not valid UTF-8. */
  async #readEntries(folder: Folder): Promise<boolean> {
    let hasDoubtful = false;
    const entries = opendirSync(folder.place);
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        if (entry.name.includes('\ufffd')) hasDoubtful = true;
        else this.#take(folder, entry.name, entry);
        if (this.#pacer.isDue) await this.#pacer.breathe();
      }
    } finally {
      entries.closeSync();
    }
    return hasDoubtful;
  }

  /** U+FFFD is what bytes that are not UTF-8 are read as; a name may also really contain it. */
  #readDoubtfulNames(folder: Folder): void {
    for (const entry of readdirSync(folder.place, { encoding: 'buffer', withFileTypes: true })) {
      const name = entry.name.toString('utf8');
      if (!name.includes('\ufffd')) continue;
      if (Buffer.from(name).equals(entry.name)) this.#take(folder, name, entry);
      else if (this.#ignore?.ignoresFolder(name) !== true) {
        this.#report(pathIn(folder, printable(entry.name)), 'BAD_NAME', 'the name is not valid UTF-8; rename it');
      }
    }
  }

  #take(folder: Folder, name: string, entry: Kind): void {
    if (this.#ignore?.ignoresFolder(name)) return; // what leaves out a folder of this name leaves out a file as well
    const place = `${folder.place}/${name}`;
    if (isTemporary(name)) return void this.temporaries.push(place);
    if (folder.path === undefined && name === CONTROL) return;
    const text = pathIn(folder, name);
    const path = parseRelPath(text);
    if (path === undefined) return this.#report(text, 'BAD_NAME', `${faultOf(text)}; rename it`);
    if (entry.isDirectory()) this.#subfolders.push({ path, place, parent: folder });
    else if (entry.isFile()) this.#takeFile(path, name, place);
    else if (entry.isSymbolicLink()) this.#takeLink({ path, place, parent: folder }, name);
    else this.#refuse(path, name, 'NOT_A_FILE', 'it is no file but a FIFO, a socket or a device');
  }

  #takeFile(path: RelPath, name: string, place: string): void {
    if (this.#ignore?.ignoresFile(path, name)) return;
    const stats = this.#look(path, place, lstatSync);
    if (stats?.isFile()) this.files.push(foundAt(path, place, stats, false));
    // Something else has taken the name since it was listed.
    else if (stats !== undefined) this.#report(path, 'CHANGED', 'it was replaced while the folder was read');
  }

  #takeLink(link: Folder & { readonly path: RelPath }, name: string): void {
    const stats = this.#look(link.path, link.place, statSync, name);
    if (stats === undefined) return;
    if (stats.isDirectory()) {
      if (!leadsUp(link, stats)) this.#subfolders.push(link);
      else this.#report(link.path, 'LINK_LOOP', 'it is a link to a folder that it lies in');
    } else if (!stats.isFile())
      this.#refuse(link.path, name, 'NOT_A_FILE', 'it is a link to a FIFO, a socket or a device');
    else if (!this.#ignore?.ignoresFile(link.path, name)) this.files.push(foundAt(link.path, link.place, stats, true));
  }

  /** What stat says, or undefined if nothing is there any more or a problem was reported. */
  #look(
    path: RelPath,
    place: string,
    stat: (place: string, options: { bigint: true }) => BigIntStats,
    linkName?: string,
  ): BigIntStats | undefined {
    try {
      return stat(place, { bigint: true });
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (linkName === undefined) {
        if (!isGone(error)) this.#report(path, 'UNREADABLE', `it cannot be read: ${reasonOfSystem(error)}`);
      } else if (error.code === 'ELOOP')
        this.#refuse(path, linkName, 'LINK_LOOP', 'it is a link that leads back to itself');
      else if (!isGone(error))
        this.#refuse(path, linkName, 'UNREADABLE', `it cannot be read: ${reasonOfSystem(error)}`);
      else if (isThere(place))
        this.#refuse(path, linkName, 'BROKEN_LINK', 'it is a link to something that does not exist');
      return undefined;
    }
  }

  /** Reports what Django would take for a file, and so would ignore like one. */
  #refuse(path: RelPath, name: string, code: ProblemCode, message: string): void {
    if (!this.#ignore?.ignoresFile(path, name)) this.#report(path, code, message);
  }

  #report(path: string, code: ProblemCode, message: string): void {
    this.problems.push({ path, step: this.#step, code, message });
  }
}

function pathIn(folder: Folder, name: string): string {
  return folder.path === undefined ? name : `${folder.path}/${name}`;
}

function foundAt(path: RelPath, file: string, stats: BigIntStats, isLink: boolean): Found {
  return {
    path,
    file,
    size: Number(stats.size),
    mtime: mtimeOf(stats),
    mode: modeOf(stats),
    stamp: stampOf(stats),
    isLink,
  };
}

/** Whether `target`, which `link` leads to, is a folder that the link lies in. */
function leadsUp(link: Folder, target: BigIntStats): boolean {
  for (let above = link.parent; above !== undefined; above = above.parent) {
    const stats = statSync(above.place, { bigint: true, throwIfNoEntry: false });
    if (stats?.ino === target.ino && stats.dev === target.dev) return true;
  }
  return false;
}

function isGone(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOENT' || error.code === 'ENOTDIR';
}

function isThere(place: string): boolean {
  return lstatSync(place, { throwIfNoEntry: false }) !== undefined;
}

/** A name that is not UTF-8 for people: every byte outside of ASCII, and the backslash, as `\xNN`. */
function printable(name: Buffer): string {
  return name.toString('latin1').replace(/[^\x20-\x5b\x5d-\x7e]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
