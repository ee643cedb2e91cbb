/**
 * walk: every file below a folder, as Django's finders see them.
 *
 * Links are followed, to files and to folders, wherever they lead. Whatever cannot be taken is a problem and never
 * left out in silence; the exceptions are what the ignore patterns name, pushstatic's own files, and entries that
 * vanish while they are looked at. Nothing is opened but folders, so a FIFO cannot hold up the walk. Everything runs
 * synchronously in the slices of a pacer: one promise per file would take longer than the file.
 */
import { type Dirent, lstatSync, opendirSync, readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { IgnoreRules } from '../core/fnmatch.js';
import { CONTROL, faultOf, isControl, parseRelPath, type RelPath } from '../core/relpath.js';
import type { Candidate } from '../core/resolve.js';
import { sorting } from '../core/sorting.js';
import { type FollowedLink, MOST_HOPS } from '../core/touched.js';
import { type Problem, type ProblemCode, type ProblemStep, SourceError } from '../errors.js';
import { isTemporary } from '../fs/atomic-write.js';
import { inSlices, Pacer } from '../fs/pace.js';
import { isSystemError, orUndefined, reasonOfSystem } from '../system-error.js';
import type { MarkTaker } from './marks.js';
import { modeOf, mtimeOf, sizeOf, stampOf } from './stamp.js';
import { codeOfUnread } from './trouble.js';

const ENTRIES_AT_ONCE = 512; // read from a folder in one go, in well under a millisecond

/** What all files of a walk have in common. */
interface Tree {
  readonly root: string;
  readonly source: number;
  /** How much of a path is no part of where it lies. */
  readonly hidden: number;
}

/**
 * A file, as stat tells of it; its content was not looked at. Hundreds of thousands of them may be there at once, so where it
 * lies is told when it is asked for.
 */
export class Found implements Candidate {
  readonly path: RelPath;
  /** Bytes. */
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly mode: number;
  /** See `stampOf`. */
  readonly stamp: string;
  readonly isLink: boolean;
  /** Its place among the entries of its folder, as the system lists them: see `foundOrder`. */
  readonly rank: number;
  readonly #tree: Tree;

  constructor(tree: Tree, path: RelPath, stats: Stats, isLink: boolean, rank: number) {
    this.#tree = tree;
    this.path = path;
    this.size = sizeOf(stats);
    this.mtime = mtimeOf(stats);
    this.mode = modeOf(stats);
    this.stamp = stampOf(stats);
    this.isLink = isLink;
    this.rank = rank;
  }

  get source(): number {
    return this.#tree.source;
  }

  get file(): string {
    const { root, hidden } = this.#tree;
    return `${root}/${this.path.slice(hidden)}`;
  }
}

export interface Walked {
  /** Sorted by path. The caller's own. */
  readonly files: Found[];
  /** What could not be read. The state of everything at or below the path of one is unknown. */
  readonly problems: readonly Problem[];
  /** What interrupted writes left behind, where it lies. */
  readonly temporaries: readonly string[];
  /** All links that are not ignored, whether they lead to anything or not; one that leads to another link with where that leads. */
  readonly links: readonly FollowedLink[];
  /** The folders that were met, each with its rank in the one that holds it. */
  readonly folders: ReadonlyMap<RelPath, number>;
}

export interface WalkOptions {
  /** The step that problems belong to. */
  readonly step: ProblemStep;
  /** What goes in front of all paths. Ignore patterns do not see it. */
  readonly prefix?: RelPath | undefined;
  /** What `source` of each file is to be. */
  readonly source?: number;
  readonly ignore?: IgnoreRules;
  readonly pacer?: Pacer;
  /** Is shown everything that is not ignored by its name. */
  readonly marks?: MarkTaker | undefined;
}

/** A walk under way. The files come some at a time, in their order; all else is whole when the last of them have come. */
export interface Walking extends Omit<Walked, 'files'> {
  readonly files: AsyncIterable<readonly Found[]>;
}

/** Walks `root`, which is absolute. Rejects with a SourceError when `root` itself cannot be read. */
export async function walk(root: string, options: WalkOptions): Promise<Walked> {
  const { files, ...rest } = walking(root, options);
  return { files: await gathered(files), ...rest };
}

/** As `walk`, for those who need no more than some files at a time. */
export function walking(root: string, options: WalkOptions): Walking {
  const walker = new Walker(root, options);
  return { files: walker.run({ path: options.prefix, place: root, parent: undefined }), ...walker.rest };
}

/** The names that lead down from a root to the part of it that is wanted; none for all of it. */
export type Way = readonly string[];

/** As `walk`, but only what lies at or below the ends of `ways`. A way that leads nowhere leads to nothing. */
export async function walkWays(root: string, ways: readonly Way[], options: WalkOptions): Promise<Walked> {
  const walker = new Walker(root, options);
  const files = await gathered(walker.runAll({ path: options.prefix, place: root, parent: undefined }, ways));
  const { rest } = walker;
  if (ways.length === 1) return { files, ...rest };
  // What stands in several ways is met in each of them.
  const problems = [...new Map(rest.problems.map((problem) => [problem.path, problem])).values()];
  const links = [...new Map(rest.links.map((link) => [`${link.path}\0${link.leadsTo}`, link])).values()];
  return { ...rest, files: files.toSorted(byPath), problems, links };
}

interface Folder {
  /** Undefined for the root without a prefix. */
  readonly path: RelPath | undefined;
  readonly place: string;
  /** Undefined for the root. */
  readonly parent: Folder | undefined;
}

/** A folder that was read: its own files and the folders in it, both sorted, and how far they have been taken. */
interface Level {
  readonly files: readonly Found[];
  readonly folders: readonly Subfolder[];
  file: number;
  folder: number;
}

interface Subfolder extends Folder {
  readonly path: RelPath;
  /** What the paths of all that it holds begin with. */
  readonly key: string;
}

type Kind = Pick<Dirent, 'isDirectory' | 'isFile' | 'isSymbolicLink'>;

class Walker {
  readonly #problems: Problem[] = [];
  readonly #temporaries: string[] = [];
  readonly #links: FollowedLink[] = [];
  readonly #folders = new Map<RelPath, number>();
  readonly #step: ProblemStep;
  readonly #tree: Tree;
  readonly #ignore: IgnoreRules | undefined;
  readonly #pacer: Pacer;
  readonly #marks: MarkTaker | undefined;
  /** What the folder that is being read holds. */
  #levelFiles: Found[] = [];
  #levelFolders: Subfolder[] = [];
  #rank = 0;

  constructor(root: string, { step, prefix, source = 0, ignore, pacer = new Pacer(), marks }: WalkOptions) {
    this.#marks = marks;
    this.#step = step;
    this.#ignore = ignore;
    this.#pacer = pacer;
    this.#tree = { root, source, hidden: prefix === undefined ? 0 : prefix.length + 1 };
  }

  /** All but the files: it grows as they come. */
  get rest(): Omit<Walked, 'files'> {
    return {
      problems: this.#problems,
      temporaries: this.#temporaries,
      links: this.#links,
      folders: this.#folders,
    };
  }

  async *run(root: Folder): AsyncGenerator<readonly Found[], void> {
    yield* this.#descend(await this.#read(root));
  }

  async *runAll(root: Folder, ways: readonly Way[]): AsyncGenerator<readonly Found[], void> {
    for (const way of ways) yield* this.#runFrom(root, way);
  }

  async *#runFrom(root: Folder, way: Way): AsyncGenerator<readonly Found[], void> {
    if (way.length === 0) return yield* this.run(root);
    let folder = root;
    for (const [at, name] of way.entries()) {
      this.#look(folder, name);
      if (at === way.length - 1) return yield* this.#descend(await this.#level());
      const [next] = this.#levelFolders;
      if (next === undefined) return;
      folder = next;
    }
  }

  /** Takes what has the name `name` in `folder` for a level of its own. */
  #look(folder: Folder, name: string): void {
    this.#levelFiles = [];
    this.#levelFolders = [];
    try {
      const stats = lstatSync(`${folder.place}/${name}`);
      this.#take(folder, name, stats);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (!isGone(error))
        this.#report(pathIn(folder, name), codeOfUnread(error), `it cannot be read: ${reasonOfSystem(error)}`);
    }
  }

  /** Takes the files in order of their paths: among them stands a folder where its name and a slash would. */
  async *#descend(top: Level): AsyncGenerator<readonly Found[], void> {
    const open = [top];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const folder = level.folders[level.folder++];
      const first = level.file;
      for (let next = level.files[first]; next !== undefined; next = level.files[++level.file])
        if (folder !== undefined && folder.key < next.path) break;
      if (level.file > first) yield level.files.slice(first, level.file);
      if (folder === undefined) open.pop();
      else open.push(await this.#read(folder));
    }
  }

  async #read(folder: Folder): Promise<Level> {
    this.#marks?.enter(folder.place);
    this.#levelFiles = [];
    this.#levelFolders = [];
    this.#rank = 0;
    try {
      const hasDoubtful = await this.#readEntries(folder);
      if (hasDoubtful) this.#readDoubtfulNames(folder);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      const { path, place } = folder;
      // Where a file system lists no kinds, each name is looked at, and one that went meanwhile ends the list.
      const hasChanged = error.code === 'ENOENT' && isFolder(place);
      if (folder.parent === undefined || path === undefined) {
        const reason = hasChanged ? 'it changed while it was read; the next run takes it up' : reasonOfSystem(error);
        throw new SourceError(`cannot read ${place}: ${reason}`, { cause: error });
      }
      if (hasChanged) this.#report(path, 'CHANGED', 'it changed while it was read; the next run takes it up');
      else if (!isGone(error)) this.#report(path, codeOfUnread(error), `it cannot be read: ${reasonOfSystem(error)}`);
    }
    return this.#level();
  }

  async #level(): Promise<Level> {
    const files = await inSlices(sorting(this.#levelFiles, byPath), this.#pacer);
    const folders = await inSlices(sorting(this.#levelFolders, byKey), this.#pacer);
    return { files, folders, file: 0, folder: 0 };
  }

  /** Whether there are names that need a second look because they were perhaps not valid UTF-8. */
  async #readEntries(folder: Folder): Promise<boolean> {
    let hasDoubtful = false;
    const entries = opendirSync(folder.place, { bufferSize: ENTRIES_AT_ONCE });
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
    this.#rank++;
    const place = `${folder.place}/${name}`;
    if (!entry.isFile() || isTemporary(name)) this.#marks?.mark(folder.place, name);
    if (isTemporary(name)) return void this.#temporaries.push(place);
    if (folder.parent === undefined && name === CONTROL) return;
    const text = pathIn(folder, name);
    const path = parseRelPath(text);
    if (path === undefined) return this.#report(text, 'BAD_NAME', `${faultOf(text)}; rename it`);
    if (isControl(path)) return this.#report(text, 'BAD_NAME', `some servers take it for ${CONTROL}; rename it`);
    if (entry.isFile()) this.#takeFile(path, name, folder.place);
    else if (entry.isDirectory()) this.#enter({ path, place, parent: folder, key: `${path}/` });
    else if (entry.isSymbolicLink()) this.#takeLink({ path, place, parent: folder, key: `${path}/` }, name);
    else this.#refuse(path, name, 'NOT_A_FILE', 'it is no file but a FIFO, a socket or a device');
  }

  #takeFile(path: RelPath, name: string, folder: string): void {
    if (this.#ignoresFile(path, name)) return this.#marks?.mark(folder, name);
    const place = `${folder}/${name}`;
    try {
      const stats = lstatSync(place);
      if (stats.isFile()) {
        this.#marks?.markFile(folder, name, stats);
        this.#levelFiles.push(this.#found(path, stats, false));
      } else this.#report(path, 'CHANGED', 'it was replaced while the folder was read'); // something else has its name
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (!isGone(error)) this.#report(path, codeOfUnread(error), `it cannot be read: ${reasonOfSystem(error)}`);
    }
  }

  #takeLink(link: Subfolder, name: string): void {
    const { path, place } = link;
    try {
      for (const leadsTo of hopsFrom(place)) this.#links.push({ path, leadsTo });
      const stats = statSync(place);
      if (stats.isDirectory()) {
        if (!leadsUp(link)) this.#enter(link);
        else this.#report(path, 'LINK_LOOP', 'it is a link to a folder that it lies in');
      } else if (!stats.isFile()) {
        this.#refuse(path, name, 'NOT_A_FILE', 'it is a link to a FIFO, a socket or a device');
      } else if (!this.#ignoresFile(path, name)) this.#levelFiles.push(this.#found(path, stats, true));
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (error.code === 'ELOOP') this.#refuse(path, name, 'LINK_LOOP', 'it is a link that leads back to itself');
      else if (!isGone(error)) {
        this.#refuse(path, name, codeOfUnread(error), `it cannot be read: ${reasonOfSystem(error)}`);
      } else if (isThere(place)) {
        this.#refuse(path, name, 'BROKEN_LINK', 'it is a link to something that does not exist');
      }
    }
  }

  #enter(folder: Subfolder): void {
    this.#levelFolders.push(folder);
    this.#folders.set(folder.path, this.#rank);
  }

  #found(path: RelPath, stats: Stats, isLink: boolean): Found {
    return new Found(this.#tree, path, stats, isLink, this.#rank);
  }

  #ignoresFile(path: RelPath, name: string): boolean {
    return this.#ignore?.ignoresFile(path.slice(this.#tree.hidden), name) === true;
  }

  /** Reports what Django would take for a file, and so would ignore like one. */
  #refuse(path: RelPath, name: string, code: ProblemCode, message: string): void {
    if (!this.#ignoresFile(path, name)) this.#report(path, code, message);
  }

  #report(path: string, code: ProblemCode, message: string): void {
    this.#problems.push({ path, step: this.#step, code, message });
  }
}

async function gathered(coming: AsyncIterable<readonly Found[]>): Promise<Found[]> {
  const all: Found[] = [];
  for await (const files of coming) for (const file of files) all.push(file);
  return all;
}

/** No two have the same path. */
function byPath(a: Found, b: Found): number {
  return a.path < b.path ? -1 : 1;
}

function byKey(a: Subfolder, b: Subfolder): number {
  return a.key < b.key ? -1 : 1;
}

function pathIn(folder: Folder, name: string): string {
  return folder.path === undefined ? name : `${folder.path}/${name}`;
}

/** Whether the folder that `link` leads to is one that the link lies in. Inodes may be too large for a plain number. */
function leadsUp(link: Folder): boolean {
  const target = statSync(link.place, { bigint: true });
  for (let above = link.parent; above !== undefined; above = above.parent) {
    const stats = statSync(above.place, { bigint: true, throwIfNoEntry: false });
    if (stats?.ino === target.ino && stats.dev === target.dev) return true;
  }
  return false;
}

function isGone(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOENT' || error.code === 'ENOTDIR';
}

function isFolder(place: string): boolean {
  return orUndefined(() => statSync(place))?.isDirectory() === true;
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

/** The places that the link at `place` leads to: the last one is no link, or too many came before it. */
function hopsFrom(place: string): string[] {
  const hops: string[] = [];
  for (let at = place; hops.length < MOST_HOPS; ) {
    at = resolve(dirname(at), readlinkSync(at));
    hops.push(at);
    if (orUndefined(() => lstatSync(at))?.isSymbolicLink() !== true) break;
  }
  return hops;
}
