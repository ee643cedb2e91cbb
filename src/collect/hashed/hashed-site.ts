/**
 * HashedSite: all that is collected of a site with hashed names, kept in a process that lasts. What a change means for the
 * rest is worked out in memory, so that it costs what it concerns.
 *
 * It is loaded from the disk, and told of every place in which something may have changed since.
 */
import type { Memory } from '../../core/collected-codec.js';
import type { Digest } from '../../core/entry.js';
import type { Made } from '../../core/manifest/passes.js';
import type { PostProcessed } from '../../core/manifest/post-process.js';
import { ProcessedSite } from '../../core/manifest/processed-site.js';
import type { Traces } from '../../core/manifest/trace.js';
import { covers, type Places } from '../../core/places.js';
import { isBelowOneOf, type RelPath } from '../../core/relpath.js';
import { mayBeLost } from '../../core/shrink.js';
import { ManifestError, SourceError } from '../../errors.js';
import type { Pacer } from '../../fs/pace.js';
import { DigestCache } from '../digest-cache.js';
import type { HashedPart } from '../fill.js';
import { type Addition, recall } from '../memory.js';
import type { CollectProject } from '../project.js';
import type { RunOptions } from '../run-options.js';
import { countKey, type Listing, listSources } from '../sources.js';
import { readWinners, type Winners } from '../winners.js';
import { changedOrder, foundOrder, type SourceOrder, sourceOrder } from './found-order.js';
import {
  hashSite,
  type ManifestProject,
  madeFile,
  manifestFile,
  type SiteFile,
  siteFile,
  siteOf,
  type WholeSite,
  warningsOf,
} from './post-process.js';
import { recallTraces } from './traces.js';

/** What changed places mean for all of the site. */
export interface Proposal extends HashedPart {
  /** Where, beside the places, STATIC_ROOT is to be another one; sorted. */
  readonly paths: readonly RelPath[];
  readonly warnings: readonly string[];
  /** Where all of it was gone over, since files came or went, or are found in another order; and so the manifest may be in another one. */
  readonly whole: WholeSite | undefined;
  /** By how many files each source has grown, as `Addition` has it. */
  readonly counted: Addition['counted'];
  /** Takes it for what is, but for the paths that `failed`; what is `gone` lies there no more. */
  readonly accept: (failed: readonly RelPath[], gone: readonly string[]) => void;
}

/** What is collected, and in which order it is found. */
export interface Content {
  readonly byPath: Map<string, SiteFile>;
  readonly orders: readonly SourceOrder[];
}

/** What was found in some places. */
export interface Found {
  readonly places: Places;
  readonly listings: readonly Listing[];
  readonly wanted: Winners;
  /** The paths of what others put into STATIC_ROOT. */
  readonly foreign: Iterable<RelPath>;
}

/** What is to be in STATIC_ROOT beside plain copies, by path; undefined for what goes. */
type Wanted = ReadonlyMap<RelPath, Made | undefined>;

/** What is to lie in the places and where it is `different` from what lies there. */
interface Outcome extends Pick<Proposal, 'whole' | 'counted'> {
  readonly places: Places;
  readonly wanted: Wanted;
  readonly different: Wanted;
}

/** A site of which is known what becomes of all of it when some places change. */
export interface SiteInMind {
  /** Undefined where all is to be collected. Throws as `hashSite` does, and then nothing has changed. */
  propose(found: Found): Proposal | undefined;
  /** What lies in STATIC_ROOT at `path` because of pushstatic and is no plain copy. */
  madeAt(path: RelPath): Digest | undefined;
}

export class HashedSite implements SiteInMind {
  readonly #root: string;
  readonly #manifest: ManifestProject;
  #content: Content;
  #traces: Traces;
  /** Undefined until all of it was processed once, here. */
  #processed: ProcessedSite | undefined;
  /** What lies in STATIC_ROOT beside plain copies, because of pushstatic. */
  readonly #made: Map<RelPath, Digest>;
  /** What is collected and has no plain copy. */
  #bare: ReadonlySet<RelPath>;

  private constructor(
    root: string,
    manifest: ManifestProject,
    content: Content,
    traces: Traces,
    there: { readonly made: Map<RelPath, Digest>; readonly bare: ReadonlySet<RelPath> },
  ) {
    this.#root = root;
    this.#manifest = manifest;
    this.#content = content;
    this.#traces = traces;
    this.#made = there.made;
    this.#bare = there.bare;
  }

  /** Undefined where it cannot be known as a whole, or there are no hashed names. Rejects as `collect` does. */
  static async load(project: CollectProject, options: RunOptions, pacer: Pacer): Promise<HashedSite | undefined> {
    const { manifest, root } = project;
    if (manifest === undefined) return undefined;
    const listings = await listSources(project, pacer);
    const cache = await DigestCache.load(options.state, 'sources', pacer);
    const wanted = await readWinners(listings, { step: 'collect', also: 'content-hash', cache, pacer });
    if (wanted.problems.length > 0) return undefined;
    const memory = await recall(options.state);
    const orders = listings.map(sourceOrder);
    const byPath = new Map(wanted.files.map((file) => [file.entry.path as string, siteFile(file)]));
    const traces = await recallTraces(options.state, manifest.rules);
    const site = HashedSite.of({ root, manifest }, { byPath, orders }, traces, memory);
    site.#begin();
    return site;
  }

  /** The site with this content, as the memory knows it. Whatever changes, all of it is gone over once. */
  static of(
    { root, manifest }: { readonly root: string; readonly manifest: ManifestProject },
    content: Content,
    traces: Traces,
    memory: Pick<Memory, 'files' | 'made'>,
  ): HashedSite {
    const made = new Map<RelPath, Digest>();
    for (const path of memory.made) made.set(path as RelPath, memory.files.get(path) ?? '');
    const bare = new Set(
      [...content.byPath.values()].map(({ path }) => path).filter((path) => !memory.files.has(path)),
    );
    return new HashedSite(root, manifest, content, traces, { made, bare });
  }

  /** So that the first change need not go over all of it: where all that comes of the sources is there already. */
  #begin(): void {
    try {
      const { whole, take } = this.#processAll(this.#content, []);
      if (this.#holds(whole.processed)) take();
    } catch (error) {
      if (!(error instanceof ManifestError || error instanceof SourceError)) throw error; // the first change will tell
    }
  }

  #holds({ made, manifest }: PostProcessed): boolean {
    const { name, folder, stale } = this.#manifest;
    const isHere = folder === undefined;
    if (isHere && this.#made.get(name) !== manifestFile(name, manifest.text).entry.digest) return false;
    if (stale !== 'keep' && this.#made.size !== made.size + (isHere ? 1 : 0)) return false;
    return [...made].every(([path, each]) => this.#made.get(path) === digestOf(each));
  }

  madeAt(path: RelPath): Digest | undefined {
    return this.#made.get(path);
  }

  /** The paths of all that lies in the places because of pushstatic and is no plain copy. */
  madeIn(places: Places): RelPath[] {
    return keysIn(this.#made, places, (place) => this.#content.byPath.has(place));
  }

  propose(found: Found): Proposal | undefined {
    const changed = this.#mayBeMeant(found) ? undefined : this.#changedContents(found);
    return (changed && this.#proposeChanged(changed, found)) ?? this.#proposeAll(found);
  }

  /** Whether references that led nowhere may lead to something that lies in the places and that nothing collects. */
  #mayBeMeant({ places, foreign }: Found): boolean {
    if (this.#processed?.left.length === 0) return false;
    for (const path of foreign) if (covers(places, path)) return true;
    return false;
  }

  /** The files that have another content, if that is all that is new; undefined if a file came or went, or the order is another. */
  #changedContents({ places, listings, wanted }: Found): SiteFile[] | undefined {
    const { byPath, orders } = this.#content;
    const before = keysIn<string>(byPath, places);
    const isSameSet =
      before.length === wanted.files.length && wanted.files.every(({ entry }) => byPath.has(entry.path));
    if (!isSameSet) return undefined;
    if (changedOrders(orders, listings, places) !== orders) return undefined;
    return wanted.files
      .map(siteFile)
      .filter((file) => byPath.get(file.path)?.digest !== file.digest || moved(byPath, file));
  }

  #proposeChanged(changed: readonly SiteFile[], { places, foreign }: Found): Proposal | undefined {
    const { byPath, orders } = this.#content;
    const fresh = new Map(changed.map((file) => [file.path as string, file]));
    const files = {
      inOrder: () => ordered(byPath, orders),
      byPath: { get: (path: string) => fresh.get(path) ?? byPath.get(path), has: (path: string) => byPath.has(path) },
    };
    const processed = this.#processed;
    if (processed === undefined) return undefined;
    const isPlain = (place: RelPath): boolean => byPath.has(place);
    const site = siteOf({ files, root: this.#root, foreign: () => foreign });
    const result = processed.propose(site, changed);
    if (result === undefined) return undefined;
    const accept = (): void => {
      processed.accept(result);
      for (const [path, file] of fresh) byPath.set(path, file);
    };
    const different = new Map(
      [...result.made].filter(([path, each]) => this.#made.get(path) !== (each && digestOf(each))),
    );
    const inPlaces = [processed.made, result.made].flatMap((made) => keysIn<RelPath>(made, places, isPlain));
    const kept = inPlaces.map((path) => [path, result.made.get(path) ?? processed.made.get(path)] as const);
    const wanted = new Map([...kept, ...different]);
    const isReplacing = byPath.has(this.#manifest.name);
    return this.#proposal(
      { ...result, left: result.leftNow, isReplacing },
      { places, wanted, different, whole: undefined, counted: [] },
      accept,
    );
  }

  /** Undefined where a plain copy is to come back or to go that is in none of the places, and where a source may be lost. */
  #proposeAll({ places, listings, wanted: winners, foreign }: Found): Proposal | undefined {
    const content = this.#changed(places, listings, winners);
    const had = this.#content.orders.map(filesIn);
    const grown = content.orders.map((order, at) => [countKey(order), filesIn(order) - (had[at] ?? 0)] as const);
    if (grown.some(([, by], at) => mayBeLost(-by, had[at] ?? 0))) return undefined;
    const counted = grown.filter(([, by]) => by !== 0);
    const { whole, take } = this.#processAll(content, foreign);
    const { processed } = whole;
    const isBeside = (path: RelPath): boolean => content.byPath.has(path) && !covers(places, path);
    const turned = unlike(this.#bare, processed.removed).filter((path) => !processed.made.has(path));
    if (turned.some(isBeside)) return undefined;
    const different = new Map<RelPath, Made | undefined>();
    for (const [path, each] of processed.made) if (this.#made.get(path) !== digestOf(each)) different.set(path, each);
    for (const path of this.#made.keys()) {
      if (processed.made.has(path) || path === this.#manifest.name) continue;
      if (isBeside(path)) return undefined;
      different.set(path, undefined);
    }
    const inPlaces = keysIn(processed.made, places).map((path) => [path, processed.made.get(path)] as const);
    const isReplacing = content.byPath.has(this.#manifest.name);
    const wanted = new Map([...inPlaces, ...different]);
    return this.#proposal({ ...processed, isReplacing }, { places, wanted, different, whole, counted }, take);
  }

  #processAll(content: Content, foreign: Iterable<RelPath>): { readonly whole: WholeSite; readonly take: () => void } {
    const { byPath, orders } = content;
    const files = ordered(byPath, orders);
    const traces = this.#processed?.traces ?? this.#traces;
    const input = { files: { byPath, inOrder: () => files }, traces, root: this.#root, foreign: () => foreign };
    const { processed } = hashSite(input, this.#manifest);
    const take = (): void => {
      this.#content = content;
      this.#traces = processed.traces;
      this.#bare = processed.removed;
      this.#processed = new ProcessedSite(files, this.#manifest.rules, processed);
    };
    return { whole: { files, orders, processed }, take };
  }

  #proposal(
    processed: Pick<PostProcessed, 'manifest' | 'removed' | 'left'> & { readonly isReplacing: boolean },
    { places, wanted, different: unequal, whole, counted }: Outcome,
    take: () => void,
  ): Proposal {
    const { rules, name, folder, stale } = this.#manifest;
    const different = stale === 'keep' ? withoutGone(unequal) : unequal;
    const isHere = folder === undefined;
    const manifest = manifestFile(name, processed.manifest.text);
    const made = [...wanted].flatMap(([path, each]) =>
      each === undefined || (isHere && path === name) ? [] : [madeFile(path, each, rules)],
    );
    const isNew = this.#made.get(name) !== manifest.entry.digest;
    return {
      paths: [...different.keys(), ...(isHere && isNew ? [name] : [])].sort(),
      made: isHere && (isNew || covers(places, name)) ? [...made, manifest] : made,
      replaced: isHere && processed.isReplacing ? new Set([...processed.removed, name]) : processed.removed,
      elsewhere: isHere ? undefined : manifest,
      warnings: warningsOf(processed.left),
      whole,
      counted,
      accept: (failed, gone) => {
        take();
        for (const [path, each] of different) {
          if (each === undefined) this.#made.delete(path);
          else this.#made.set(path, digestOf(each));
        }
        if (isHere) this.#made.set(name, manifest.entry.digest);
        for (const path of gone) this.#made.delete(path as RelPath); // such as an old copy that was to be kept
        if (failed.length === 0) return;
        for (const path of failed) this.#made.delete(path);
        // What is missing is to be put by the next run, whatever that is about: until then no manifest may name it.
        this.#traces = this.#processed?.traces ?? this.#traces;
        this.#processed = undefined;
      },
    };
  }

  #changed(places: Places, part: readonly Listing[], wanted: Winners): Content {
    const byPath = new Map(this.#content.byPath);
    for (const path of keysIn<string>(byPath, places)) byPath.delete(path);
    for (const file of wanted.files) byPath.set(file.entry.path, siteFile(file));
    const orders = changedOrders(this.#content.orders, part, places);
    return { byPath, orders };
  }
}

/** How many files the source has, those that others hide among them. */
function filesIn({ folders }: SourceOrder): number {
  let files = 0;
  for (const folder of folders.values()) files += folder.files.length;
  return files;
}

function digestOf({ from, rewritten }: Made): Digest {
  return (rewritten ?? from).digest;
}

function withoutGone(wanted: Wanted): Wanted {
  return new Map([...wanted].filter(([, each]) => each !== undefined));
}

/** What is in one of them alone. */
function unlike<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): T[] {
  return [...[...a].filter((each) => !b.has(each)), ...[...b].filter((each) => !a.has(each))];
}

/** Whether the same content lies elsewhere now: another source has won. */
function moved(byPath: Content['byPath'], { path, file }: SiteFile): boolean {
  return byPath.get(path)?.file !== file;
}

/** The same list if nothing is otherwise. */
function changedOrders(
  orders: readonly SourceOrder[],
  part: readonly Listing[],
  places: Places,
): readonly SourceOrder[] {
  const changed = orders.map((order, at) => {
    const listing = part[at];
    return listing === undefined ? order : changedOrder(order, listing, places);
  });
  return changed.every((order, at) => order === orders[at]) ? orders : changed;
}

/** The keys that lie at or below one of `places`. */
export function keysIn<P extends string>(
  files: ReadonlyMap<P, unknown>,
  places: readonly P[],
  isFile: (place: P) => boolean = () => false,
): P[] {
  const wanted: ReadonlySet<string> = new Set(places);
  const found = places.filter((place) => files.has(place));
  // A path that is a file has nothing below it.
  if (places.every((place) => files.has(place) || isFile(place))) return found;
  for (const path of files.keys()) if (isBelowOneOf(path, wanted)) found.push(path);
  return found;
}

function ordered(byPath: ReadonlyMap<string, SiteFile>, orders: readonly SourceOrder[]): SiteFile[] {
  const inOrder: SiteFile[] = [];
  for (const path of foundOrder(orders)) {
    const file = byPath.get(path);
    if (file !== undefined) inOrder.push(file);
  }
  return inOrder;
}
