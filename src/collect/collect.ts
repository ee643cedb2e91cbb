/**
 * collect: makes STATIC_ROOT hold what the sources hold, by Django's rules of who wins, and says what it holds then.
 *
 * Content decides what is copied, so a file that was restored with an older time is not overlooked. The memory is written
 * last: a run that breaks off before knows the next time by their content which files are right.
 */
import type { Memory } from '../core/collected-codec.js';
import type { Digest } from '../core/entry.js';
import type { RelPath } from '../core/relpath.js';
import type { Candidate } from '../core/resolve.js';
import { type Counted, guardSources } from '../core/shrink.js';
import type { Snapshot } from '../core/snapshot.js';
import type { FollowedLink } from '../core/touched.js';
import type { Problem } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import { DigestCache } from './digest-cache.js';
import { fill, type HashedPart } from './fill.js';
import { type HashAllInput, type HashedAll, hashAll } from './hashed/hash-all.js';
import type { ManifestProject } from './hashed/post-process.js';
import { recallTraces, rememberTraces } from './hashed/traces.js';
import { KeptContents } from './kept-contents.js';
import { Later } from './later.js';
import { foreignIn, recall, remember } from './memory.js';
import type { CollectProject, Staged } from './project.js';
import { type RunOptions, saveState } from './run-options.js';
import { matchRoot, readRoot } from './scan.js';
import type { CheckpointDraft } from './since/checkpoint.js';
import { Leaving } from './since/leaving.js';
import { countOf, type Listing, linksOf, listSources } from './sources.js';
import type { Put } from './static-root.js';
import { readWinners, type Winners } from './winners.js';

export interface CollectOptions extends RunOptions {
  /** A dry run changes nothing but the digest caches. */
  readonly mode: 'write' | 'dry-run';
}

export interface Collected {
  /**
   * STATIC_ROOT after it; after a dry run, as it would be, with the times and modes of the sources for what is new.
   * Its problems are the paths whose state is unknown on either side: nothing there may be taken for removed.
   */
  readonly snapshot: Snapshot;
  /** How many paths the sources have. */
  readonly files: number;
  /** Plain copies, hashed copies, and what went; each sorted. In a dry run, what would be. */
  readonly copied: readonly RelPath[];
  readonly hashed: readonly RelPath[];
  readonly removed: readonly RelPath[];
  /** What is to be removed, and was left for now. */
  readonly putOff: readonly RelPath[];
  /** All that were met: those of the snapshot, and files of a source whose path another source needs differently. */
  readonly problems: readonly Problem[];
  readonly shadowed: ReadonlyMap<RelPath, readonly Candidate[]>;
  readonly ownership: Ownership;
  /** The id of the checkpoint or the baseline that was left. */
  readonly baseline?: string | undefined;
  /** Where the sources lead to other places. */
  readonly links: readonly FollowedLink[];
}

/** What of STATIC_ROOT is ours, for who collects places of it later. */
export interface Ownership {
  /** The files that pushstatic did not put there, or that somebody has changed since. */
  readonly foreign: readonly RelPath[];
  /** The folders that pushstatic made. */
  readonly folders: readonly string[];
}

/**
 * Rejects, before anything is changed, with a SourceError when a source or STATIC_ROOT cannot be used, a ConfigError
 * when they cannot go together, a SafetyError when a source looks lost, and a ManifestError when the files cannot be
 * post-processed.
 */
export async function collect(project: CollectProject, options: CollectOptions): Promise<Collected> {
  const pacer = new Pacer(options);
  const memory = await recall(options.state);
  options.onKnown?.(memory.files.size);
  const leaving = options.mode === 'write' ? Leaving.by(project, options) : undefined;
  const marking = leaving?.marking;
  const listings = await listSources(project, pacer, { marks: marking?.sources });
  const counts = countsOf(listings, project.staged);
  if (options.force === undefined) guardSources(counts, memory.sources, () => lostFrom(listings, memory));

  const run: Run = { options, pacer, contents: new KeptContents(), later: new Later(), draft: leaving?.draft };
  const { later, contents } = run;
  const wanted = await readSources(project, listings, run);
  const root = await DigestCache.load(options.state, 'root', pacer);
  const onPut = marking && ((put: Put) => marking.wrote(put));
  // Also if it fails: the next run fails as well, until a person has acted, and need not read all of it for that.
  const { hashed, filled } = await later.atLatestAfter(async () => {
    const reading = { ...readingOf(options), pacer, step: 'scan', cache: root, marks: marking?.root } as const;
    const sources = [...project.sources, ...(project.staged?.sources ?? [])];
    const { manifest } = project;
    const filling = { ...options, pacer, contents, meanwhile: () => later.do(), onPut };
    if (manifest === undefined) {
      const present = await matchRoot({ ...project, sources }, reading, wanted.files);
      const input = { wanted, present, hashed: partOf(project.staged) };
      const target = { ...project, manifest: project.staged?.manifest };
      return { hashed: undefined, filled: await fill(target, input, { ...memory, root }, filling) };
    }
    const present = await readRoot({ ...project, sources }, reading);
    const hashes = await hash({ ...project, manifest }, { listings, wanted, present, memory, contents }, run);
    const input = { wanted, present, hashed: hashes };
    return { hashed: hashes, filled: await fill({ ...project, manifest }, input, { ...memory, root }, filling) };
  });
  const { snapshot, files, made, folders } = filled;
  root.retainAsked(snapshot.problems);
  if (options.mode === 'write') {
    const seen = new Map([...memory.sources, ...counts.map(({ key, files: count }) => [key, count] as const)]);
    await saveState(options, () => remember(options.state, { sources: seen, files, made, folders }, memory));
  }
  await saveState(options, () => root.save(pacer));
  const ownership = { foreign: foreignIn(snapshot, files), folders: [...folders] };
  const links = linksOf(listings);
  const beside = hashed?.manifest === undefined ? undefined : { ...ownership, links, manifest: hashed.manifest };
  const isQuiet = hashed?.isQuiet !== false;
  const baseline = await leaving?.leave({ filled, before: memory, beside, isQuiet });
  return {
    snapshot,
    baseline,
    files: filled.count,
    copied: filled.copied,
    hashed: filled.hashed,
    removed: filled.removed,
    putOff: filled.putOff,
    problems: filled.problems,
    shadowed: filled.shadowed,
    ownership,
    links,
  };
}

interface Run {
  readonly options: CollectOptions;
  readonly pacer: Pacer;
  readonly contents: KeptContents;
  /** For when a helper copies, or all is over. */
  readonly later: Later;
  readonly draft: CheckpointDraft | undefined;
}

/** What is read is no entry of the snapshot yet. */
function readingOf(options: CollectOptions): Omit<CollectOptions, 'onEntry'> {
  const { onEntry: _, ...reading } = options;
  return reading;
}

async function readSources(
  { manifest }: CollectProject,
  listings: readonly Listing[],
  { options, pacer, contents, later }: Run,
): Promise<Winners> {
  const cache = await DigestCache.load(options.state, 'sources', pacer);
  const keep = (digest: Digest, bytes: Uint8Array): void => {
    if (manifest !== undefined) contents.keep(digest, bytes);
    options.keep?.(digest, bytes);
  };
  const also = manifest && ('content-hash' as const);
  const wanted = await readWinners(listings, { ...readingOf(options), keep, pacer, also, step: 'collect', cache });
  cache.retainAsked(wanted.problems);
  // A run that is given up keeps them as well: what was read is not read again.
  later.add(() => saveState(options, () => cache.save(new Pacer())));
  return wanted;
}

/** What is wanted of hashed names when they are put. */
type Hashed = HashedPart & Pick<HashedAll, 'manifest'> & { readonly isQuiet: boolean };

/** What hashed names add. The traces are kept: they hold whatever becomes of the rest. */
async function hash(
  { root, manifest }: Pick<CollectProject, 'root'> & { readonly manifest: ManifestProject },
  found: Omit<HashAllInput, 'root' | 'traces'>,
  { options, pacer, later, draft }: Run,
): Promise<Hashed> {
  const { rules } = manifest;
  const traces = await recallTraces(options.state, rules);
  const hashed = await hashAll(manifest, { ...found, root, traces }, pacer);
  for (const warning of hashed.warnings) options.onWarning?.(warning);
  await saveState(options, () => rememberTraces(options.state, rules, traces, hashed.processed.traces));
  if (draft !== undefined) {
    later.add(() => saveState(options, () => draft.describe(options.state, found.wanted, hashed)));
  }
  // Nothing more of it: all that it is made from is let go when it is described.
  const { made, replaced, elsewhere } = hashed;
  // A warning is said by every run, and a manifest elsewhere is looked at by every run.
  const isQuiet = hashed.warnings.length === 0 && elsewhere === undefined;
  return { made, replaced, elsewhere, manifest: hashed.manifest, isQuiet };
}

/** What is in the way of the files to their place says nothing of a source that is lost. */
function countsOf(listings: readonly Listing[], staged: Staged | undefined): Counted[] {
  const counts = listings.map(countOf);
  if (staged === undefined) return counts;
  const files = counts.reduce((sum, count) => sum + count.files, 0);
  return [...staged.counts, { key: 'collectstatic', path: 'what collectstatic makes', files }];
}

function partOf(staged: Staged | undefined): HashedPart | undefined {
  return staged?.elsewhere && { made: [], replaced: new Set(), elsewhere: staged.elsewhere };
}

/** How many plain copies there are of what no source has any more. */
function lostFrom(listings: readonly Listing[], { files, made }: Memory): number {
  const there = new Set<string>(listings.flatMap(({ walked }) => walked.files.map(({ path }) => path)));
  return [...files.keys()].filter((path) => !there.has(path) && !made.has(path)).length;
}
