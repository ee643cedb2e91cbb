/**
 * HashedSite: all that is collected of a site with hashed names, kept in a process that lasts. What a change means for the
 * rest is worked out in memory, so that it costs what it concerns.
 *
 * It is loaded from the disk, and told of every place in which something may have changed since.
 */
import type { PostProcessed } from '../core/manifest/post-process.js';
import { isFrom } from '../core/manifest/rules.js';
import type { Traces } from '../core/manifest/trace.js';
import type { Places } from '../core/places.js';
import type { RelPath } from '../core/relpath.js';
import type { Digest } from '../core/snapshot.js';
import type { Pacer } from '../fs/pace.js';
import type { MadeFile } from './carry-out.js';
import type { CollectProject } from './collect.js';
import { DigestCache } from './digest-cache.js';
import type { HashedPart } from './fill.js';
import { changedOrder, foundOrder, type SourceOrder, sourceOrder } from './found-order.js';
import { recall } from './memory.js';
import { hashSite, type ManifestProject, madeFile, type SiteFile, type SiteFiles, siteFile } from './post-process.js';
import type { RunOptions } from './run-options.js';
import { type Listing, listSources } from './sources.js';
import { recallTraces } from './traces.js';
import { readWinners, type Winners } from './winners.js';

/** What changed places mean for all of the site. */
export interface Proposal extends HashedPart {
  /** Where, beside the places, STATIC_ROOT is to be another one; sorted. */
  readonly paths: readonly RelPath[];
  readonly warnings: readonly string[];
  /** For `accept`. */
  readonly next: State;
}

/** The site at one moment. */
interface State {
  readonly files: SiteFiles;
  readonly orders: readonly SourceOrder[];
  readonly traces: Traces;
  /** What lies in STATIC_ROOT beside plain copies, because of pushstatic. */
  readonly made: ReadonlyMap<RelPath, Digest>;
}

export class HashedSite {
  readonly #project: CollectProject;
  readonly #manifest: ManifestProject;
  #state: State;

  private constructor(project: CollectProject, manifest: ManifestProject, state: State) {
    this.#project = project;
    this.#manifest = manifest;
    this.#state = state;
  }

  /** Undefined where it cannot be known as a whole, or there are no hashed names. Rejects as `collect` does. */
  static async load(project: CollectProject, options: RunOptions, pacer: Pacer): Promise<HashedSite | undefined> {
    const { manifest } = project;
    if (manifest === undefined) return undefined;
    const listings = await listSources(project, pacer);
    const cache = await DigestCache.load(options.state, 'sources', pacer);
    const wanted = await readWinners(listings, { step: 'collect', also: 'content-hash', cache, pacer });
    if (wanted.problems.length > 0) return undefined;
    const memory = await recall(options.state);
    const made = new Map<RelPath, Digest>();
    for (const path of memory.made) made.set(path as RelPath, memory.files.get(path) ?? '');
    const orders = listings.map(sourceOrder);
    const byPath = new Map(wanted.files.map((file) => [file.entry.path as string, siteFile(file)]));
    const files = { byPath, inOrder: ordered(byPath, orders) };
    const traces = await recallTraces(options.state, manifest.rules);
    return new HashedSite(project, manifest, { files, orders, traces, made });
  }

  /** What lies in STATIC_ROOT at `path` because of pushstatic and is no plain copy. */
  madeAt(path: RelPath): Digest | undefined {
    return this.#state.made.get(path);
  }

  /**
   * What becomes of the site with what was found in `places`. `foreign` are the paths of what others put into STATIC_ROOT.
   * Throws as `hashSite` does, and then nothing has changed.
   */
  propose(places: Places, listings: readonly Listing[], wanted: Winners, foreign: Iterable<RelPath>): Proposal {
    const { root } = this.#project;
    const { rules, name, folder } = this.#manifest;
    const { files, orders } = this.#change(places, listings, wanted);
    const input = { files, traces: this.#state.traces, root, foreign: () => foreign };
    const { processed, manifest, warnings } = hashSite(input, this.#manifest);
    const isHere = folder === undefined;
    const made = digestsOf(processed);
    if (isHere) made.set(name, manifest.entry.digest);
    const paths = differing(this.#state.made, made);
    const concerned = new Set([...paths, ...keysIn(made, places)]);
    const fileFor = (path: RelPath): MadeFile | undefined =>
      isHere && path === name ? manifest : madeFile(path, processed, rules);
    return {
      paths,
      made: [...concerned].map(fileFor).filter((file) => file !== undefined),
      replaced: isHere && files.byPath.has(name) ? new Set([...processed.removed, name]) : processed.removed,
      elsewhere: isHere ? undefined : manifest,
      warnings,
      next: { files, orders, traces: processed.traces, made },
    };
  }

  /** It has come to pass, but for what `failed`. */
  accept({ next }: Proposal, failed: Iterable<RelPath>): void {
    const made = new Map(next.made);
    for (const path of failed) made.delete(path);
    this.#state = { ...next, made };
  }

  #change(places: Places, part: readonly Listing[], wanted: Winners): Pick<State, 'files' | 'orders'> {
    const { files, orders } = this.#state;
    const byPath = new Map(files.byPath);
    const gone = keysIn<string>(byPath, places);
    for (const path of gone) byPath.delete(path);
    for (const file of wanted.files) byPath.set(file.entry.path, siteFile(file));
    const isSameSet = gone.length === wanted.files.length && gone.every((path) => byPath.has(path));
    if (isSameSet && isFrom(this.#manifest.rules.django, '6.0')) {
      return { files: { byPath, inOrder: replaced(files.inOrder, byPath) }, orders };
    }
    const changed = orders.map((order, at) => {
      const listing = part[at];
      return listing === undefined ? order : changedOrder(order, listing, places);
    });
    const isSameOrder = isSameSet && changed.every((order, at) => order === orders[at]);
    const inOrder = isSameOrder ? replaced(files.inOrder, byPath) : ordered(byPath, changed);
    return { files: { byPath, inOrder }, orders: changed };
  }
}

function digestsOf({ made }: PostProcessed): Map<RelPath, Digest> {
  const digests = new Map<RelPath, Digest>();
  for (const [path, { from, rewritten }] of made) digests.set(path, (rewritten ?? from).digest);
  return digests;
}

/** The paths at which the two are not the same, sorted. */
function differing(before: ReadonlyMap<RelPath, Digest>, after: ReadonlyMap<RelPath, Digest>): RelPath[] {
  const paths: RelPath[] = [];
  for (const [path, digest] of after) if (before.get(path) !== digest) paths.push(path);
  for (const path of before.keys()) if (!after.has(path)) paths.push(path);
  return paths.sort();
}

/** The keys that lie at or below one of `places`. */
function keysIn<P extends string>(files: ReadonlyMap<P, unknown>, places: readonly P[]): P[] {
  const wanted: ReadonlySet<string> = new Set(places);
  const found = places.filter((place) => files.has(place));
  if (found.length === places.length) return found; // a path that is a file has nothing below it
  for (const path of files.keys()) if (hasAbove(path, wanted)) found.push(path);
  return found;
}

function hasAbove(path: string, wanted: ReadonlySet<string>): boolean {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    if (wanted.has(path.slice(0, at))) return true;
  }
  return false;
}

function replaced(inOrder: readonly SiteFile[], byPath: ReadonlyMap<string, SiteFile>): SiteFile[] {
  return inOrder.map((file) => byPath.get(file.path) ?? file);
}

function ordered(byPath: ReadonlyMap<string, SiteFile>, orders: readonly SourceOrder[]): SiteFile[] {
  const inOrder: SiteFile[] = [];
  for (const path of foundOrder(orders)) {
    const file = byPath.get(path);
    if (file !== undefined) inOrder.push(file);
  }
  return inOrder;
}
