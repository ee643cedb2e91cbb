/**
 * Passes: Django's way over the files of a site (`HashedFilesMixin.post_process`), deepest folders first, again and again
 * until nothing changes. Each pass sees what the ones before made.
 *
 * Whether a site settles in the passes that are allowed, and what a few odd references become, depends on that way, so it
 * is gone here too. What it costs is a look at each trace.
 */
import { hash } from 'node:crypto';
import { ManifestError } from '../../errors.js';
import type { Digest } from '../entry.js';
import { fnmatch } from '../fnmatch.js';
import { joinPath, normalizePath } from '../python-path.js';
import { faultOf, isWithin, parseRelPath, type RelPath } from '../relpath.js';
import { CONTENT_HASH_DIGITS, type ContentHash, hashedName, isPlainName, pathOfName } from './hashed-name.js';
import { isAdjustable } from './references.js';
import { type Answer, type DeadReference, rewrite } from './rewrite.js';
import type { Rules } from './rules.js';
import { type ContentFacts, type FileTraces, sealOf, type Trace, type Traces } from './trace.js';
import { describeTroubles, describeUnsettled, type Trouble } from './trouble.js';

/** A file that was collected. */
export interface Collected extends ContentFacts {
  readonly path: RelPath;
}

/** A folder lies there. */
export const FOLDER = Symbol('folder');

/** The site that is processed. */
export interface Site {
  /** STATIC_ROOT: absolute and normal. */
  readonly root: string;
  /** In the order in which the finders list them; each path once. */
  readonly files: readonly Collected[];
  readonly byPath: Pick<ReadonlyMap<string, Collected>, 'get' | 'has'>;
  /** The text of a style sheet or script; undefined if it is not UTF-8. */
  readonly textOf: (file: Collected) => string | undefined;
  /** Is shown what a file became, each time that this had to be made. */
  readonly onRewritten?: ((digest: Digest, bytes: Uint8Array) => void) | undefined;
  /** What lies at a path of STATIC_ROOT for which there is no file, put there by somebody else. */
  readonly elsewhere: (place: string) => ContentHash | typeof FOLDER | undefined;
  /** Where a file comes from, for messages. */
  readonly originOf: (path: RelPath) => string;
}

/** What a style sheet or script became. */
export interface Rewritten extends ContentFacts {
  /** What was asked, and what the answers were: who has the text can make this of it again. */
  readonly names: readonly string[];
  readonly answers: readonly Answer[];
  /** The result itself, where it cannot be made again from that. */
  readonly text: string | undefined;
}

/** A file of STATIC_ROOT beside the plain copies. */
export interface Made {
  readonly from: Collected;
  /** Undefined: it is a copy of the file. */
  readonly rewritten: Rewritten | undefined;
}

/** What passes made. */
export interface Result {
  /** From paths to hashed names, in the order in which the files were processed first. */
  readonly table: ReadonlyMap<RelPath, RelPath>;
  /** Undefined for what is there no more. */
  readonly made: ReadonlyMap<RelPath, Made | undefined>;
  /** Plain copies that Django removes, because an adjusted file had that hashed name for a moment. */
  readonly removed: ReadonlySet<RelPath>;
  /** References that lead nowhere and were left as they are. */
  readonly left: readonly Trouble[];
  /** For the next time. */
  readonly traces: Traces;
  /** Files whose hashed name was another one after the first pass. */
  readonly unsettled: ReadonlySet<RelPath>;
  /**
   * Something was looked up that is no file of the site, or by a name that does not tell which, two files have one hashed
   * name, or what the passes make on their way stays: only all of it tells.
   */
  readonly isOdd: boolean;
}

/** What all files became before, when only `again` are gone through once more. */
export interface Base {
  readonly table: Lookup<RelPath, RelPath>;
  readonly made: Lookup<RelPath, Made>;
  readonly again: ReadonlySet<string>;
  /** Where each stands in the order of a pass. */
  readonly positions: Lookup<string, number>;
}

/** What of a map is needed here. */
export interface Lookup<K, V> {
  readonly get: (key: K) => V | undefined;
}

export class Passes {
  readonly #table = new Map<RelPath, RelPath>();
  readonly #made = new Map<RelPath, Made | undefined>();
  readonly #removed = new Set<RelPath>();
  readonly #left: Trouble[] = [];
  readonly #traces = new Map<RelPath, FileTraces>();
  readonly #unsettled = new Set<RelPath>();
  #isOdd: boolean;
  readonly #site: Site;
  readonly #rules: Rules;
  readonly #known: Lookup<RelPath, FileTraces>;
  readonly #base: Base | undefined;
  #folders: ReadonlySet<string> | undefined;
  #pass = 1;
  /** What stops Django in the first pass. All of it is gathered, so that it can be mended in one go. */
  readonly #fatal: Trouble[] = [];

  constructor(site: Site, rules: Rules, known: Lookup<RelPath, FileTraces>, base: Base | undefined) {
    this.#site = site;
    this.#rules = rules;
    this.#known = known;
    this.#base = base;
    this.#isOdd = rules.keepIntermediateFiles;
    for (const path of base?.again ?? []) {
      const name = base?.table.get(path as RelPath);
      if (name !== undefined) this.#made.set(name, undefined);
    }
  }

  /** Throws a ManifestError where Django fails. */
  go(files: readonly Collected[]): void {
    const ordered = deepestFirst(files);
    const referring: Collected[] = [];
    for (const file of ordered) {
      if (!isAdjustable(file.path)) this.#copy(file);
      else if (this.#adjust(file).refers) referring.push(file);
    }
    this.#stopIfFatal();
    this.#settle(referring);
  }

  result(): Result {
    return {
      table: this.#table,
      made: this.#made,
      removed: this.#removed,
      left: this.#left,
      traces: this.#traces,
      unsettled: this.#unsettled,
      isOdd: this.#isOdd,
    };
  }

  /** Passes over the files that refer to others, until one of them changes nothing. */
  #settle(referring: readonly Collected[]): void {
    let changed: readonly Collected[] = this.#rules.maxPasses > 0 ? referring : []; // where none may follow, none is missed
    for (let left = this.#rules.maxPasses; left > 0 && changed.length > 0; left--) {
      this.#pass++;
      changed = referring.filter((file) => this.#adjust(file).isChanged);
      for (const { path } of changed) this.#unsettled.add(path);
      this.#stopIfFatal();
    }
    if (changed.length === 0) return;
    const paths = changed.map(({ path }) => path);
    throw new ManifestError(describeUnsettled(paths, this.#referencesOf(changed), this.#rules.maxPasses));
  }

  #copy(file: Collected): void {
    const name = this.#hashedName(file, file.hash);
    if (name === undefined) return;
    // Django does not look into a file that is there already.
    if (this.#isThere(name)) this.#isOdd = true;
    else this.#made.set(name, { from: file, rewritten: undefined });
    this.#table.set(file.path, name);
  }

  #adjust(file: Collected): { readonly isChanged: boolean; readonly refers: boolean } {
    const rewritten = this.#rewritten(file);
    const before = this.#table.get(file.path) ?? this.#hashedName(file, file.hash);
    const name = rewritten && this.#hashedName(file, rewritten.hash);
    if (rewritten === undefined || before === undefined || name === undefined) {
      return { isChanged: false, refers: false };
    }
    const made = { from: file, rewritten: rewritten.digest === file.digest ? undefined : rewritten };
    this.#remove(before, file);
    if (this.#rules.keepIntermediateFiles) this.#made.set(before, made);
    this.#remove(name, file);
    this.#made.set(name, made);
    this.#table.set(file.path, name);
    return { isChanged: name !== before, refers: rewritten.names.length > 0 };
  }

  #rewritten(file: Collected): Rewritten | undefined {
    for (const trace of this.#tracesOf(file)) {
      const { names, seal, result } = trace;
      const answers = names.map((name) => this.#lookUp(name, file));
      if (sealOf(answers) !== seal) continue;
      this.#keep(file, trace);
      return { ...(result ?? file), names, answers, text: undefined };
    }
    return this.#rewriteAnew(file);
  }

  /** Of this content, from before and from this run. */
  #tracesOf({ path, digest }: Collected): readonly Trace[] {
    const [known, fresh] = [this.#known.get(path), this.#traces.get(path)];
    const old = known?.digest === digest ? known.traces : [];
    return fresh === undefined ? old : [...fresh.traces, ...old];
  }

  #rewriteAnew(file: Collected): Rewritten | undefined {
    const { path } = file;
    const text = this.#site.textOf(file);
    if (text === undefined) {
      this.#fatal.push({ path, why: 'not-utf8' });
      return undefined;
    }
    const asked = new Map<string, Answer>();
    const lookUp = (name: string): Answer => {
      let answer = asked.get(name);
      if (answer === undefined) asked.set(name, (answer = this.#lookUp(name, file)));
      return answer;
    };
    let hasDead = false;
    const onDead = (dead: DeadReference) => {
      hasDead = true;
      const heeded = this.#heed({ path, ...dead });
      this.#isOdd ||= heeded === 'leave-kind';
      return heeded;
    };
    const result = rewrite(path, text, { rules: this.#rules, lookUp, onDead });
    const facts = result === text ? file : this.#factsOf(Buffer.from(result));
    // A part of a text would hold all of it, and of a whole site there are many.
    const own = (name: string): string => this.#site.byPath.get(name)?.path ?? name;
    const names = this.#base === undefined ? Array.from(asked.keys(), own) : [...asked.keys()];
    const answers = [...asked.values()];
    if (hasDead) return { ...facts, names, answers, text: result };
    this.#keep(file, { names, seal: sealOf(answers), result: result === text ? undefined : facts });
    return { ...facts, names, answers, text: undefined };
  }

  #factsOf(bytes: Buffer): ContentFacts {
    const contentHash = hash('md5', bytes, 'hex').slice(0, CONTENT_HASH_DIGITS);
    const digest = hash('sha256', bytes, 'hex');
    this.#site.onRewritten?.(digest, bytes);
    return { hash: contentHash, digest, size: bytes.length };
  }

  #keep({ path, digest }: Collected, trace: Trace): void {
    const before = this.#traces.get(path)?.traces ?? [];
    if (before.some(({ seal }) => seal === trace.seal)) return;
    this.#traces.set(path, { digest, traces: [...before, trace] });
  }

  /** What Django does about a reference that leads nowhere. */
  #heed(trouble: Trouble & DeadReference): 'leave' | 'leave-kind' {
    if (trouble.why !== 'outside' && this.#toleratesIn(trouble.path)) {
      if (this.#pass === 1) this.#left.push(trouble);
      return 'leave';
    }
    // After the first pass it only heeds what is no ValueError.
    if (this.#pass === 1 || trouble.why === 'outside') this.#fatal.push(trouble);
    return this.#pass === 1 ? 'leave' : 'leave-kind';
  }

  #toleratesIn(path: RelPath): boolean {
    return this.#rules.missing.find(({ pattern }) => fnmatch(path, pattern))?.then === 'warn';
  }

  #stopIfFatal(): void {
    if (this.#fatal.length > 0) throw new ManifestError(describeTroubles(this.#fatal, this.#site.originOf));
  }

  #lookUp(name: string, asker: Collected): Answer {
    // Only the table takes one for a slash (`clean_name`), and whether a file is in it by then depends on the order.
    const hasBackslash = name.includes('\\');
    this.#isOdd ||= hasBackslash;
    const known = this.#tableValue((hasBackslash ? name.replaceAll('\\', '/') : name) as RelPath, asker);
    if (known !== undefined) return { kind: 'hashed', name: known };
    const path = pathOfName(name, this.#rules.python);
    if (path === undefined) return { kind: 'missing' };
    const place = this.#placeOf(path);
    if (place === undefined) return { kind: 'outside' };
    const found = this.#contentAt(place);
    if (found === undefined) return { kind: 'missing' };
    if (found === FOLDER) return { kind: 'hashed', name };
    const hashed = hashedName(name, found, this.#rules.python);
    return hashed === undefined ? { kind: 'missing' } : { kind: 'hashed', name: hashed };
  }

  /** In STATIC_ROOT, also by a way that leads out of it and back; undefined for what lies elsewhere (`safe_join`). */
  #placeOf(path: string): string | undefined {
    const place = normalizePath(path);
    if (!isOutside(place)) return place;
    const { root } = this.#site;
    const absolute = normalizePath(joinPath(root, place));
    if (!isWithin(absolute, root)) return undefined;
    this.#isOdd = true; // by its name nobody would know who asked
    return absolute.slice(root.length + 1) || '.';
  }

  /** The hashed name that a file has at this moment, if it has one yet. */
  #tableValue(path: RelPath, asker: Collected): string | undefined {
    const own = this.#table.get(path);
    const base = this.#base;
    if (own !== undefined || base === undefined || base.again.has(path)) return own;
    const { positions } = base;
    const isLater = this.#pass === 1 && (positions.get(path) ?? 0) > (positions.get(asker.path) ?? 0);
    return isLater ? undefined : base.table.get(path);
  }

  /** What STATIC_ROOT holds at this moment. */
  #contentAt(place: string): ContentHash | typeof FOLDER | undefined {
    const path = place as RelPath;
    const file = this.#removed.has(path) ? undefined : this.#site.byPath.get(path);
    if (file !== undefined && !this.#made.has(path)) return file.hash;
    const made = this.#madeAt(path);
    this.#isOdd ||= made !== undefined;
    if (made !== undefined) return (made.rewritten ?? made.from).hash;
    if (this.#isFolder(place)) return FOLDER;
    const found = this.#site.elsewhere(place);
    this.#isOdd ||= found !== undefined;
    return found;
  }

  #isFolder(place: string): boolean {
    this.#folders ??= foldersOf(this.#site.files);
    return place === '.' || this.#folders.has(place);
  }

  #madeAt(path: RelPath): Made | undefined {
    return this.#made.has(path) ? this.#made.get(path) : this.#base?.made.get(path);
  }

  #isThere(path: RelPath): boolean {
    return this.#madeAt(path) !== undefined || (this.#site.byPath.has(path) && !this.#removed.has(path));
  }

  #remove(path: RelPath, by: Collected): void {
    const made = this.#madeAt(path);
    if (made !== undefined && made.from !== by) this.#isOdd = true;
    if (this.#base === undefined) this.#made.delete(path);
    else this.#made.set(path, undefined);
    if (this.#site.byPath.has(path)) this.#removed.add(path);
  }

  /** As it is saved: a path below STATIC_ROOT. Undefined, and trouble, where that cannot be. */
  #hashedName({ path }: Collected, contentHash: ContentHash): RelPath | undefined {
    const name = hashedName(path, contentHash, this.#rules.python);
    if (name !== undefined && isPlainName(path) && !isTooLong(name)) return name as RelPath;
    const saved = name === undefined ? undefined : parseRelPath(normalizePath(name));
    if (saved !== undefined && !isTooLong(saved)) return saved;
    const reason = name === undefined ? 'it is no URL' : (faultOf(normalizePath(name)) ?? TOO_LONG);
    this.#fatal.push({ path, why: 'bad-name', name: name ?? path, reason });
    return undefined;
  }

  /** From each of `files` to what it refers to. */
  #referencesOf(files: readonly Collected[]): ReadonlyMap<string, readonly string[]> {
    return new Map(files.map(({ path }) => [path, this.#traces.get(path)?.traces.flatMap(({ names }) => names) ?? []]));
  }
}

/** The order of a pass: by the number of folders above, the most first; among equals as it was. */
export function deepestFirst(files: readonly Collected[]): Collected[] {
  const levels: Collected[][] = [];
  for (const file of files) {
    const depth = depthOf(file.path);
    (levels[depth] ??= []).push(file);
  }
  return levels.toReversed().flatMap((level) => level ?? []);
}

function depthOf(path: string): number {
  let depth = 0;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) depth++;
  return depth;
}

const LONGEST_NAME = 255; // bytes, of one component, in all common file systems
const TOO_LONG = `a name in it is longer than ${LONGEST_NAME} bytes`;

function isTooLong(path: string): boolean {
  if (path.length * 3 <= LONGEST_NAME) return false;
  return path.split('/').some((name) => Buffer.byteLength(name) > LONGEST_NAME);
}

function isOutside(place: string): boolean {
  return place.startsWith('/') || place === '..' || place.startsWith('../');
}

function foldersOf(files: Iterable<Collected>): Set<string> {
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let at = path.lastIndexOf('/'); at >= 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}
