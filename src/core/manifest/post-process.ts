/**
 * postProcess: what Django's post-processing makes of the collected files: hashed copies, style sheets and scripts that
 * name them, and the manifest. Decided as a value, before anything is written.
 *
 * Django goes over the files in passes (`HashedFilesMixin.post_process`), deepest folders first, and each pass sees what
 * the ones before made. Whether a site settles in the passes that are allowed, and what a few odd references become,
 * depends on that, so the passes are gone through here too. What they cost is a look at each trace.
 */
import { hash } from 'node:crypto';
import { ManifestError } from '../../errors.js';
import { fnmatch } from '../fnmatch.js';
import { normalizePath } from '../python-path.js';
import { faultOf, parseRelPath, type RelPath } from '../relpath.js';
import { CONTENT_HASH_DIGITS, type ContentHash, hashedName, pathOfName } from './hashed-name.js';
import { isAdjustable } from './references.js';
import { type Answer, type DeadReference, rewrite } from './rewrite.js';
import type { Rules } from './rules.js';
import { manifestText } from './staticfiles-json.js';
import { type ContentFacts, type FileTraces, sealOf, type Trace, type Traces } from './trace.js';
import { describeTroubles, type Trouble } from './trouble.js';

/** A file that was collected. */
export interface Collected extends ContentFacts {
  readonly path: RelPath;
}

/** The site that is processed. */
export interface Site {
  /** In the order in which the finders list them; each path once. */
  readonly files: readonly Collected[];
  readonly byPath: ReadonlyMap<string, Collected>;
  /** The text of a style sheet or script; undefined if it is not UTF-8. */
  readonly textOf: (file: Collected) => string | undefined;
  /** What lies at a path of STATIC_ROOT for which there is no file, put there by somebody else. */
  readonly elsewhere: (place: string) => ContentHash | 'folder' | undefined;
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

export interface PostProcessed {
  /** From paths to hashed names, in the order in which the files were processed first. */
  readonly table: ReadonlyMap<RelPath, string>;
  readonly made: ReadonlyMap<RelPath, Made>;
  /** Plain copies that Django removes, because an adjusted file had that hashed name for a moment. */
  readonly removed: ReadonlySet<RelPath>;
  readonly manifest: string;
  /** References that lead nowhere and were left as they are. */
  readonly left: readonly Trouble[];
  /** For the next time. */
  readonly traces: Traces;
}

/** Throws a ManifestError where Django fails: nothing is to be written then. */
export function postProcess(site: Site, rules: Rules, known: Traces): PostProcessed {
  const run = new PostProcessing(site, rules, known);
  run.go();
  return run;
}

/** The text of `rewritten` again, from that of its file. */
export function rewriteAgain(
  path: RelPath,
  text: string,
  { names, answers, ...made }: Rewritten,
  rules: Rules,
): string {
  if (made.text !== undefined) return made.text;
  const known = new Map(names.map((name, at) => [name, answers[at]]));
  const lookUp = (name: string): Answer => known.get(name) ?? { kind: 'missing' };
  return rewrite(path, text, { rules, lookUp, onDead: () => 'leave' });
}

class PostProcessing implements PostProcessed {
  readonly table = new Map<RelPath, string>();
  readonly made = new Map<RelPath, Made>();
  readonly removed = new Set<RelPath>();
  readonly left: Trouble[] = [];
  readonly traces = new Map<RelPath, FileTraces>();
  manifest = '';
  readonly #site: Site;
  readonly #rules: Rules;
  readonly #known: Traces;
  #folders: ReadonlySet<string> | undefined;
  #pass = 1;
  /** What stops Django in the first pass. All of it is gathered, so that it can be mended in one go. */
  readonly #fatal: Trouble[] = [];

  constructor(site: Site, rules: Rules, known: Traces) {
    this.#site = site;
    this.#rules = rules;
    this.#known = known;
  }

  go(): void {
    const ordered = deepestFirst(this.#site.files);
    const referring: Collected[] = [];
    for (const file of ordered) {
      if (!isAdjustable(file.path)) this.#copy(file);
      else if (this.#adjust(file).refers) referring.push(file);
    }
    this.#stopIfFatal();
    this.#settle(referring);
    this.manifest = manifestText(this.table, this.#rules.django);
  }

  /** Passes over the files that refer to others, until one of them changes nothing. */
  #settle(referring: readonly Collected[]): void {
    let changed: readonly Collected[] = referring;
    for (let left = this.#rules.maxPasses; left > 0 && changed.length > 0; left--) {
      this.#pass++;
      changed = referring.filter((file) => this.#adjust(file).isChanged);
      this.#stopIfFatal();
    }
    if (changed.length === 0) return;
    const paths = changed.map(({ path }) => path);
    throw new ManifestError(unsettled(paths, this.#referencesOf(changed), this.#rules.maxPasses));
  }

  #copy(file: Collected): void {
    const name = this.#hashedName(file, file.hash);
    if (name === undefined) return;
    // Django does not look into a file that is there already.
    if (!this.#isThere(name)) this.made.set(name, { from: file, rewritten: undefined });
    this.table.set(file.path, name);
  }

  #adjust(file: Collected): { readonly isChanged: boolean; readonly refers: boolean } {
    const rewritten = this.#rewritten(file);
    const before = this.table.get(file.path) ?? this.#hashedName(file, file.hash);
    const name = rewritten && this.#hashedName(file, rewritten.hash);
    if (rewritten === undefined || before === undefined || name === undefined) {
      return { isChanged: false, refers: false };
    }
    const made = { from: file, rewritten: rewritten.digest === file.digest ? undefined : rewritten };
    this.#remove(before as RelPath);
    if (this.#rules.keepIntermediateFiles) this.made.set(before as RelPath, made);
    this.#remove(name);
    this.made.set(name, made);
    this.table.set(file.path, name);
    return { isChanged: name !== before, refers: rewritten.names.length > 0 };
  }

  #rewritten(file: Collected): Rewritten | undefined {
    const traces = this.#tracesOf(file);
    for (const trace of traces) {
      const { names, seal, result } = trace;
      const answers = names.map((name) => this.#lookUp(name));
      if (sealOf(answers) !== seal) continue;
      this.#keep(file, trace);
      return { ...(result ?? file), names, answers, text: undefined };
    }
    return this.#rewriteAnew(file);
  }

  /** Of this content, from before and from this run. */
  #tracesOf({ path, digest }: Collected): readonly Trace[] {
    const [known, fresh] = [this.#known.get(path), this.traces.get(path)];
    return [...(fresh?.traces ?? []), ...(known?.digest === digest ? known.traces : [])];
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
      const answer = asked.get(name) ?? this.#lookUp(name);
      asked.set(name, answer);
      return answer;
    };
    let hasDead = false;
    const onDead = (dead: DeadReference) => {
      hasDead = true;
      return this.#heed({ path, ...dead });
    };
    const result = rewrite(path, text, { rules: this.#rules, lookUp, onDead });
    const facts = result === text ? file : factsOf(result);
    const [names, answers] = [[...asked.keys()], [...asked.values()]];
    if (hasDead) return { ...facts, names, answers, text: result };
    this.#keep(file, { names, seal: sealOf(answers), result: result === text ? undefined : facts });
    return { ...facts, names, answers, text: undefined };
  }

  #keep({ path, digest }: Collected, trace: Trace): void {
    const before = this.traces.get(path)?.traces ?? [];
    if (before.some(({ seal }) => seal === trace.seal)) return;
    this.traces.set(path, { digest, traces: [...before, trace] });
  }

  /** What Django does about a reference that leads nowhere. */
  #heed(trouble: Trouble & DeadReference): 'leave' | 'leave-kind' {
    if (trouble.why !== 'outside' && this.#toleratesIn(trouble.path)) {
      if (this.#pass === 1) this.left.push(trouble);
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

  #lookUp(name: string): Answer {
    const known = this.table.get(name as RelPath);
    if (known !== undefined) return { kind: 'hashed', name: known };
    const path = pathOfName(name, this.#rules.python);
    if (path === undefined) return { kind: 'missing' };
    const place = normalizePath(path);
    if (isOutside(place)) return { kind: 'outside' };
    const found = this.#contentAt(place);
    if (found === undefined) return { kind: 'missing' };
    if (found === 'folder') return { kind: 'hashed', name };
    const hashed = hashedName(name, found, this.#rules.python);
    return hashed === undefined ? { kind: 'missing' } : { kind: 'hashed', name: hashed };
  }

  /** What STATIC_ROOT holds at this moment. */
  #contentAt(place: string): ContentHash | 'folder' | undefined {
    const path = place as RelPath;
    const made = this.made.get(path);
    if (made !== undefined) return (made.rewritten ?? made.from).hash;
    const file = this.removed.has(path) ? undefined : this.#site.byPath.get(path);
    if (file !== undefined) return file.hash;
    return this.#isFolder(place) ? 'folder' : this.#site.elsewhere(place);
  }

  #isFolder(place: string): boolean {
    this.#folders ??= foldersOf(this.#site.byPath.keys());
    return place === '.' || this.#folders.has(place);
  }

  #isThere(path: RelPath): boolean {
    return this.made.has(path) || (this.#site.byPath.has(path) && !this.removed.has(path));
  }

  #remove(path: RelPath): void {
    this.made.delete(path);
    if (this.#site.byPath.has(path)) this.removed.add(path);
  }

  /** As it is saved: a path below STATIC_ROOT. Undefined, and trouble, where that cannot be. */
  #hashedName({ path }: Collected, contentHash: ContentHash): RelPath | undefined {
    const name = hashedName(path, contentHash, this.#rules.python);
    const saved = name === undefined ? undefined : parseRelPath(normalizePath(name));
    if (saved !== undefined && !isTooLong(saved)) return saved;
    const reason = name === undefined ? 'it is no URL' : (faultOf(normalizePath(name)) ?? TOO_LONG);
    this.#fatal.push({ path, why: 'bad-name', name: name ?? path, reason });
    return undefined;
  }

  /** From each of `files` to what it refers to. */
  #referencesOf(files: readonly Collected[]): ReadonlyMap<string, readonly string[]> {
    return new Map(files.map(({ path }) => [path, this.traces.get(path)?.traces.flatMap(({ names }) => names) ?? []]));
  }
}

const LONGEST_NAME = 255; // bytes, of one component, in all common file systems
const TOO_LONG = `a name in it is longer than ${LONGEST_NAME} bytes`;

function isTooLong(path: RelPath): boolean {
  if (path.length * 3 <= LONGEST_NAME) return false;
  return path.split('/').some((name) => Buffer.byteLength(name) > LONGEST_NAME);
}

function isOutside(place: string): boolean {
  return place.startsWith('/') || place === '..' || place.startsWith('../');
}

/** The order of a pass: by the number of folders above, the most first; among equals as it was. */
function deepestFirst(files: readonly Collected[]): Collected[] {
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

function foldersOf(paths: Iterable<string>): Set<string> {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let at = path.lastIndexOf('/'); at >= 0; at = path.lastIndexOf('/', at - 1)) {
      const folder = path.slice(0, at);
      if (folders.has(folder)) break;
      folders.add(folder);
    }
  }
  return folders;
}

function factsOf(text: string): ContentFacts {
  const bytes = Buffer.from(text);
  const contentHash = hash('md5', bytes, 'hex').slice(0, CONTENT_HASH_DIGITS);
  return { hash: contentHash, digest: hash('sha256', bytes, 'hex'), size: bytes.length };
}

/** Why passes did not settle: a circle if there is one among the files that changed to the last, else a long chain. */
function unsettled(
  paths: readonly string[],
  references: ReadonlyMap<string, readonly string[]>,
  maxPasses: number,
): string {
  const circle = circleIn(references);
  if (circle !== undefined) {
    return `cannot post-process ${paths[0]}: these files refer to one another in a circle: ${circle.join(' -> ')}; break it`;
  }
  const files = paths.length > 5 ? `${paths.slice(0, 5).join(', ')} and ${paths.length - 5} more` : paths.join(', ');
  return (
    `cannot post-process ${files}: a chain of references is too long for ${maxPasses} passes, and Django stops there; ` +
    'shorten it, or put what is referred to into deeper folders'
  );
}

/** A way that ends where it began, if there is one. */
function circleIn(references: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const visit = (path: string, way: readonly string[]): string[] | undefined => {
    const met = way.indexOf(path);
    if (met >= 0) return [...way.slice(met), path];
    if (finished.has(path)) return undefined;
    for (const next of references.get(path) ?? []) {
      const circle = visit(next, [...way, path]);
      if (circle !== undefined) return circle;
    }
    finished.add(path);
    return undefined;
  };
  for (const path of references.keys()) {
    const circle = visit(path, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
