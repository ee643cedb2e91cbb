/**
 * StoredHashedSite: a site with hashed names as a run before left it. What becomes of it when the content of a few files
 * changes is told without making all of it anew; anything else is for a run that collects all.
 */
import { hash } from 'node:crypto';
import { opendirSync } from 'node:fs';
import type { Memory } from '../../core/collected-codec.js';
import type { Digest } from '../../core/entry.js';
import { type ContentHash, hashedName, isPlainName, pathOfName, withoutHash } from '../../core/manifest/hashed-name.js';
import { type Collected, deepestFirst, type Made, Passes, type Rewritten } from '../../core/manifest/passes.js';
import { isAdjustable } from '../../core/manifest/references.js';
import type { Rules } from '../../core/manifest/rules.js';
import type {
  FolderNames,
  SiteToStore,
  StoredAdjustable,
  StoredFile,
  StoredSite,
} from '../../core/manifest/site-codec.js';
import { patchManifest } from '../../core/manifest/staticfiles-json.js';
import type { ContentFacts, FileTraces } from '../../core/manifest/trace.js';
import { covers, type Places } from '../../core/places.js';
import { normalizePath } from '../../core/python-path.js';
import { ancestorsOf, comparePaths, nameOf, type RelPath } from '../../core/relpath.js';
import { FileError } from '../../errors.js';
import { isSystemError } from '../../system-error.js';
import { readWhole } from '../digest.js';
import { look } from '../look.js';
import type { Addition } from '../memory.js';
import type { Listing, Source } from '../sources.js';
import type { Winners } from '../winners.js';
import { folderOf, type SourceOrder } from './found-order.js';
import { type Found, HashedSite, keysIn, type Proposal, type SiteInMind } from './hashed-site.js';
import {
  type ManifestProject,
  madeFile,
  manifestFile,
  type SiteFile,
  siteFile,
  siteOf,
  type WholeSite,
  warningsOf,
} from './post-process.js';

/** Undefined where only going over all of the site tells what becomes of a change. */
export function siteToStore(
  { files, orders, processed }: WholeSite,
  rules: Rules,
  id: string,
): SiteToStore | undefined {
  const { made, traces, unsettled, left, isOdd, removed, manifest } = processed;
  if (isOdd || removed.size > 0) return undefined;
  if (files.some(({ path }) => hangsOnItsPlace(path, rules))) return undefined;
  const rewritten = new Map<string, Rewritten>();
  for (const each of made.values()) if (each.rewritten !== undefined) rewritten.set(each.from.path, each.rewritten);
  const adjustables = deepestFirst(files.filter(({ path }) => isAdjustable(path)));
  return {
    id,
    orders: orders.map(namesIn),
    paths: files.map(({ path }) => path),
    hashes: files.map((file) => file.hash),
    digests: files.map(({ digest }) => digest),
    sources: files.map(({ source }) => source),
    adjustables: adjustables.map(({ path, size }) => {
      const became = rewritten.get(path);
      const traced = traces.get(path)?.traces ?? [];
      const names = traced.length === 0 ? (became?.names ?? []) : [];
      return { path, size, rewritten: became && factsOf(became), traces: traced, names };
    }),
    unsettled: [...unsettled],
    pairs: manifest.pairs,
    left,
  };
}

/** The names of all files on which an answer to `name` depends. */
export function namesBehind(name: string, { python }: Rules): string[] {
  const plain = isPlainName(name) ? undefined : pathOfName(name, python);
  return plain === undefined ? [name] : [name, normalizePath(plain)];
}

export class StoredHashedSite implements SiteInMind {
  readonly #root: string;
  readonly #sources: readonly Source[];
  readonly #manifest: ManifestProject;
  readonly #stored: StoredSite;
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #positions: ReadonlyMap<string, number>;
  /** Those that were asked for. */
  readonly #adjustables = new Map<string, StoredAdjustable>();
  /** Those whose hashed names do not tell what they are of. */
  readonly #odd: readonly RelPath[];
  /** What was written and removed since, by path. */
  readonly #plainSince = new Map<RelPath, Digest | undefined>();
  readonly #madeSince = new Map<RelPath, Digest | undefined>();
  readonly #folders: Set<string>;
  /** How many runs have added something since it was left. */
  readonly additions: number;

  constructor(
    root: string,
    sources: readonly Source[],
    manifest: ManifestProject,
    stored: StoredSite,
    since: readonly Addition[],
  ) {
    this.#root = root;
    this.#sources = sources;
    this.#manifest = manifest;
    this.#stored = stored;
    this.#indexes = new Map(stored.paths.map((path, at) => [path, at]));
    this.#positions = new Map(stored.adjustables.map((path, at) => [path, at]));
    this.#odd = stored.paths.filter((path) => !isPlainName(path));
    this.#folders = new Set(stored.folders);
    this.additions = since.length;
    for (const { put, made, removed, foldersMade, foldersGone } of since) {
      const isMade = new Set(made);
      for (const path of removed as RelPath[]) {
        this.#plainSince.set(path, undefined);
        this.#madeSince.set(path, undefined);
      }
      for (const [path, digest] of put) {
        (isMade.has(path) ? this.#madeSince : this.#plainSince).set(path as RelPath, digest);
      }
      for (const folder of foldersMade) this.#folders.add(folder);
      for (const folder of foldersGone) this.#folders.delete(folder);
    }
  }

  get size(): number {
    return this.#stored.paths.length;
  }

  /** Whether what was put and removed since are contents of files that were there, and still are. */
  get hasSameFiles(): boolean {
    return [...this.#plainSince].every(([path, digest]) => this.#indexes.has(path) === (digest !== undefined));
  }

  /** What was put or removed since. */
  get changedSince(): RelPath[] {
    return [...this.#plainSince.keys(), ...this.#madeSince.keys()];
  }

  get stored(): Pick<StoredSite, 'foreign' | 'links' | 'left' | 'madeFor' | 'site'> {
    return this.#stored;
  }

  get folders(): ReadonlySet<string> {
    return this.#folders;
  }

  /** What lies at `path` as a plain copy because of pushstatic. */
  plainAt(path: RelPath): Digest | undefined {
    if (this.#plainSince.has(path)) return this.#plainSince.get(path);
    const index = this.#indexes.get(path);
    return index === undefined ? undefined : this.#stored.fileAt(index).digest;
  }

  /** The plain copies that lie in the places because of pushstatic, sorted by path. */
  plainIn(places: Places): RelPath[] {
    return keysIn<RelPath>(this.#indexes as ReadonlyMap<RelPath, number>, places).toSorted(comparePaths);
  }

  /** All of it, where files came or went since: what becomes of that only going over all of it tells. */
  whole(memory: Pick<Memory, 'files' | 'made'>): HashedSite {
    const { paths, adjustables, orders } = this.#stored;
    const byPath = new Map(paths.map((path) => [path as string, this.#siteFile(path)]));
    const traces = new Map<RelPath, FileTraces>();
    for (const path of adjustables) {
      const known = this.#tracesOf(path);
      if (known !== undefined) traces.set(path, known);
    }
    const inOrder = this.#sources.map((source, at) => orderOf(source, orders[at] ?? {}));
    const project = { root: this.#root, manifest: this.#manifest };
    return HashedSite.of(project, { byPath, orders: inOrder }, traces, memory);
  }

  madeAt(path: RelPath): Digest | undefined {
    if (this.#madeSince.has(path)) return this.#madeSince.get(path);
    if (path === this.#manifest.name) return this.#stored.manifest;
    const of = this.#fileOf(path);
    if (of === undefined) return undefined;
    return (this.#rewrittenOf(of) ?? this.#siteFile(of)).digest;
  }

  propose(found: Found): Proposal | undefined {
    const { places, listings, wanted, foreign } = found;
    if (!this.#isSameButForContents(places, listings, wanted)) return undefined;
    if (places.some((place) => this.#mayBeMissed(place))) return undefined;
    const { rules, name } = this.#manifest;
    // All of them, changed or not: since the checkpoint another run may have taken them for changed.
    const fresh = new Map(wanted.files.map((file) => [file.entry.path as string, siteFile(file)]));
    const named = places.flatMap((path) => this.#fileOf(path) ?? []);
    const again = this.#concernedBy([...(fresh.keys() as Iterable<RelPath>), ...named]);
    const fileAt = (path: string): SiteFile | undefined =>
      fresh.get(path) ?? (this.#indexes.has(path) ? this.#siteFile(path as RelPath) : undefined);
    const site = siteOf({
      files: {
        inOrder: () => this.#stored.paths.map((path) => this.#siteFile(path)),
        byPath: { get: fileAt, has: (path) => this.#indexes.has(path) },
      },
      root: this.#root,
      foreign: () => foreign,
    });
    const passes = new Passes(
      site,
      rules,
      { get: (path) => this.#tracesOf(path) },
      {
        again,
        table: { get: (path) => this.#nameOf(path) },
        made: { get: (path) => this.#made(path) },
        positions: { get: (path) => this.#positions.get(path) },
      },
    );
    const files = Array.from(again, (path) => fileAt(path) as Collected);
    // What is only copied comes first: where its place counts, all of it is collected.
    const positionOf = ({ path }: Collected): number => this.#positions.get(path) ?? -1;
    passes.go(files.sort((a, b) => positionOf(a) - positionOf(b)));
    const result = passes.result();
    if (result.isOdd || result.removed.size > 0 || fresh.has(name)) return undefined;
    const manifest = this.#manifestWith(result.table);
    if (manifest === undefined) return undefined;
    return this.#proposal(result, manifest, places);
  }

  #proposal(
    { made, left }: Pick<ReturnType<Passes['result']>, 'made' | 'left'>,
    manifestBytes: Buffer,
    places: Places,
  ): Proposal {
    const { rules, name, stale } = this.#manifest;
    const goes = stale === 'remove';
    const manifest = manifestFile(name, manifestBytes);
    const different = new Set<RelPath>();
    for (const [path, each] of made) {
      const isLike = this.madeAt(path) === (each && (each.rewritten ?? each.from).digest);
      if (!isLike && (each !== undefined || goes)) different.add(path);
    }
    for (const [path, digest] of this.#madeSince) {
      if (goes && digest !== undefined && path !== name && made.get(path) === undefined) different.add(path);
    }
    if (this.madeAt(name) !== manifest.entry.digest) different.add(name);
    const isMeant = (path: RelPath): boolean => different.has(path) || covers(places, path);
    const files = [...made].flatMap(([path, each]) =>
      each !== undefined && isMeant(path) ? [madeFile(path, each, rules)] : [],
    );
    return {
      paths: [...different].sort(),
      made: isMeant(name) ? [...files, manifest] : files,
      replaced: new Set(),
      elsewhere: undefined,
      warnings: warningsOf(left),
      whole: undefined,
      counted: [], // nothing came or went
      accept: () => undefined, // the next run reads what was added to the memory
    };
  }

  /** Whether no file came or went, and each folder above lists what it holds as it did. */
  #isSameButForContents(places: Places, listings: readonly Listing[], { files, problems }: Winners): boolean {
    const before = keysIn<string>(this.#indexes, places);
    const isSameSet = before.length === files.length && files.every(({ entry }) => this.#indexes.has(entry.path));
    if (!isSameSet || problems.length > 0) return false;
    const folders = new Set(files.flatMap(({ entry: { path } }) => ['', ...ancestorsOf(path)]));
    return listings.every(({ source, walked }, at) => {
      const order = this.#stored.orders[at] ?? {};
      // A folder may be called like what every object has.
      const namesOf = (folder: string) => (Object.hasOwn(order, folder) ? order[folder] : undefined);
      const isKnown = walked.files.every(({ path }) => namesOf(folderOf(path))?.files.includes(nameOf(path)) === true);
      return isKnown && [...folders].every((folder) => isListedAs(source, folder, namesOf(folder)));
    });
  }

  /** Whether this is nothing of ours, and references that led nowhere may mean it: only all of the site tells. */
  #mayBeMissed(place: RelPath): boolean {
    if (this.#stored.left.length === 0 || this.#indexes.has(place) || this.#fileOf(place) !== undefined) return false;
    if (this.#plainSince.has(place) || this.#madeSince.has(place)) return false;
    // What is new in a folder of ours is a place of its own.
    return !this.#stored.paths.some((path) => path.startsWith(`${place}/`));
  }

  #concernedBy(paths: Iterable<RelPath>): Set<RelPath> {
    const found = new Set<RelPath>();
    const open = [...paths, ...this.#stored.unsettled];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (found.has(path)) continue;
      found.add(path);
      open.push(...this.#stored.askersOf(path));
    }
    return found;
  }

  #siteFile(path: RelPath): SiteFile {
    const facts = this.#stored.fileAt(this.#indexes.get(path) ?? 0);
    const { source } = facts;
    const of = this.#sources[source] as Source; // the project is the one that it was stored for
    const file = `${of.path}/${of.prefix === '' ? path : path.slice(of.prefix.length + 1)}`;
    return new StoredSiteFile(path, file, source, facts, this.#sizeOf);
  }

  readonly #sizeOf = (path: RelPath, file: string): number => this.#adjustable(path)?.size ?? look(file)?.size ?? 0;

  #adjustable(path: RelPath): StoredAdjustable | undefined {
    const known = this.#adjustables.get(path);
    const position = known === undefined ? this.#positions.get(path) : undefined;
    if (position === undefined) return known;
    const read = this.#stored.adjustableAt(position);
    this.#adjustables.set(path, read);
    return read;
  }

  #rewrittenOf(path: RelPath): ContentFacts | undefined {
    return this.#adjustable(path)?.rewritten;
  }

  #tracesOf(path: RelPath): FileTraces | undefined {
    const adjustable = this.#adjustable(path);
    const index = this.#indexes.get(path);
    if (adjustable === undefined || index === undefined) return undefined;
    return { digest: this.#stored.fileAt(index).digest, traces: adjustable.traces };
  }

  #nameOf(path: RelPath): RelPath | undefined {
    const index = this.#indexes.get(path);
    if (index === undefined) return undefined;
    const { hash: contentHash } = this.#rewrittenOf(path) ?? this.#stored.fileAt(index);
    const name = hashedName(path, contentHash, this.#manifest.rules.python) ?? '';
    return (isPlainName(path) ? name : normalizePath(name)) as RelPath;
  }

  /** The file that has this hashed name. */
  #fileOf(name: RelPath): RelPath | undefined {
    const plain = withoutHash(name) as RelPath;
    return [plain, ...this.#odd].find((path) => this.#indexes.has(path) && this.#nameOf(path) === name);
  }

  /** Whether something has this hashed name is all that is asked. */
  #made(name: RelPath): Made | undefined {
    const of = this.#fileOf(name);
    return of === undefined ? undefined : { from: this.#siteFile(of), rewritten: undefined };
  }

  /** The manifest that lies there, with other names for these; undefined if it is not the one that was put there. */
  #manifestWith(table: ReadonlyMap<RelPath, RelPath>): Buffer | undefined {
    const place = `${this.#root}/${this.#manifest.name}`;
    if (look(place)?.isFile() !== true) return undefined;
    const bytes = readIfPossible(place);
    if (bytes === undefined || hash('sha256', bytes, 'hex') !== this.madeAt(this.#manifest.name)) return undefined;
    const patched = patchManifest({ text: bytes.toString('latin1'), pairs: this.#stored.pairs() }, table);
    return patched && Buffer.from(patched.text, 'latin1');
  }
}

class StoredSiteFile implements SiteFile {
  readonly path: RelPath;
  readonly file: string;
  readonly source: number;
  readonly hash: ContentHash;
  readonly digest: Digest;
  readonly mtime = 0;
  readonly mode = 0o644;
  readonly #sizeOf: (path: RelPath, file: string) => number;

  constructor(
    path: RelPath,
    file: string,
    source: number,
    facts: Pick<StoredFile, 'hash' | 'digest'>,
    sizeOf: (path: RelPath, file: string) => number,
  ) {
    this.path = path;
    this.file = file;
    this.source = source;
    this.hash = facts.hash;
    this.digest = facts.digest;
    this.#sizeOf = sizeOf;
  }

  /** Looked up when it is asked for: that of a leaf is only wanted where it is written again. */
  get size(): number {
    return this.#sizeOf(this.path, this.file);
  }
}

function readIfPossible(place: string): Buffer | undefined {
  try {
    return readWhole(place);
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}

/** Whether a file that is only copied is found from its own place in a pass on, and not before: only its hashed name leads to it. */
function hangsOnItsPlace(path: RelPath, { python }: Rules): boolean {
  return !isAdjustable(path) && pathOfName(path, python) !== path;
}

function factsOf({ hash: contentHash, digest, size }: ContentFacts): ContentFacts {
  return { hash: contentHash, digest, size };
}

function namesIn({ folders }: SourceOrder): Record<string, FolderNames> {
  const names = (paths: readonly string[]): string[] => paths.map((path) => nameOf(path as RelPath));
  return Object.fromEntries(
    Array.from(folders, ([folder, each]) => [folder, { files: names(each.files), folders: names(each.folders) }]),
  );
}

/** The order that `namesIn` took these from. */
function orderOf({ path, prefix }: Source, folders: Readonly<Record<string, FolderNames>>): SourceOrder {
  const pathsIn = (folder: string, names: readonly string[]): string[] =>
    folder === '' ? [...names] : names.map((name) => `${folder}/${name}`);
  const inOrder = Object.entries(folders).map(([folder, { files, folders: below }]) => {
    return [folder, { files: pathsIn(folder, files), folders: pathsIn(folder, below) }] as const;
  });
  return { path, prefix, folders: new Map(inOrder) };
}

/** Whether the system lists in a published `folder` what it did, in the same order. What is ignored may come and go. */
function isListedAs({ path, prefix }: Source, folder: string, names: FolderNames | undefined): boolean {
  if (names === undefined) return true; // this source has nothing there
  const wanted = new Set([...names.files, ...names.folders]);
  const below = prefix === '' ? folder : folder.slice(prefix.length + 1);
  const listed: string[] = [];
  try {
    const entries = opendirSync(below === '' ? path : `${path}/${below}`);
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        if (wanted.has(entry.name)) listed.push(entry.name);
      }
    } finally {
      entries.closeSync();
    }
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  }
  const files = new Set(names.files);
  const isSame = (a: readonly string[], b: readonly string[]): boolean =>
    a.length === b.length && a.every((name, at) => name === b[at]);
  return (
    isSame(
      listed.filter((name) => files.has(name)),
      names.files,
    ) &&
    isSame(
      listed.filter((name) => !files.has(name)),
      names.folders,
    )
  );
}
