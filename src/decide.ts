/**
 * decide: what a target holds, what it is to hold, and what is to be done about it, if the guards let it pass.
 */
import { type Change, diffing, tallying } from './core/diff.js';
import type { Entry } from './core/entry.js';
import { exposureOf, guardExposure } from './core/exposure.js';
import { namesakesOf } from './core/folding.js';
import { guard, guardReplacement, type Limit } from './core/guard.js';
import { lacksManifest } from './core/half-filled.js';
import { lackOf } from './core/lack.js';
import { indexPartOf, type Places, partOf } from './core/places.js';
import { type Deletion, type Plan, planning, USUAL_MANIFEST } from './core/plan.js';
import type { RelPath } from './core/relpath.js';
import { type Selection, selecting } from './core/select.js';
import type { Snapshot } from './core/snapshot.js';
import type { TargetIndex } from './core/target-index.js';
import { inSlices, type Pacer } from './fs/pace.js';
import type { IndexStore } from './push/index/store.js';
import { type Attested, attest, type Sighting } from './push/survey.js';
import type { Target } from './targets/target.js';

/** What a target is to become. */
export interface Wanted {
  readonly snapshot: Snapshot;
  /** Nothing else can have changed since the last cycle of the connection: it costs what lies there. */
  readonly places?: Places | undefined;
  /** All of it, where the snapshot is about the places alone and that turns out not to be enough. */
  readonly whole?: (() => Promise<Snapshot>) | undefined;
  /** Removals wait for a later cycle, but for what is in the way of something new. */
  readonly removals?: 'hold' | undefined;
}

/** On which terms a target gets it. */
export interface Terms extends Selection {
  readonly act: 'push' | 'only-plan';
  readonly deletion: Deletion;
  /** Undefined: no guard. */
  readonly limit: Limit | undefined;
  /** Whether a path is published although its name speaks against it. */
  readonly allows: (path: RelPath) => boolean;
  /** Whether a file may be missing for a moment where the target cannot replace it in one step. */
  readonly allowNonAtomic: boolean;
  /** The path of the file that names the others, where it is not the usual one. */
  readonly manifest?: string | undefined;
  /**
   * Where something else fills STATIC_ROOT: what it holds when that seems to be done, asked before what is `missing` in `from` is
   * taken for gone; `from` itself if that was so then, and undefined if it does not come to an end.
   */
  readonly atRest?: ((missing: readonly RelPath[], from: Snapshot) => Promise<Snapshot | undefined>) | undefined;
  readonly warn: (text: string) => void;
}

export interface Decision {
  /** What the target holds, and what was found to be something else. */
  readonly index: TargetIndex;
  readonly strangers: Attested['strangers'];
  readonly plan: Plan;
  /** Whether all that lies there is known. */
  readonly isKnown: boolean;
  readonly unchanged: number;
  /** What is to be removed in a later cycle. */
  readonly held: readonly RelPath[];
}

/**
 * Compares what is wanted with what `looking` finds, and plans the difference. `current` says whether nobody else has written to
 * the target since the last cycle of its connection: only then the places of `wanting` are enough to look at.
 *
 * Rejects with a SafetyError where a guard refuses the plan, and as the look and `wanting` do.
 */
export async function decide(
  { target, store, pacer }: { readonly target: Target; readonly store: IndexStore; readonly pacer: Pacer },
  { looking, current }: { readonly looking: Promise<Sighting>; readonly current: Promise<boolean> },
  wanting: Promise<Wanted>,
  terms: Terms,
): Promise<Decision> {
  const seen = await looking;
  const isContinued = await current;
  const { snapshot, whole, removals, ...part } = await wanting;
  const places = isContinued ? part.places : undefined;
  const all = places === undefined && whole !== undefined ? await whole() : snapshot;
  const compare = async (from: Snapshot, at: Places | undefined): Promise<Compared> => {
    const wanted = await inSlices(selecting(at === undefined ? from : partOf(from, at), terms), pacer);
    const { index, strangers } = at === undefined ? await attest(target, seen, wanted) : { ...seen, strangers: NONE };
    const have = at === undefined ? index : indexPartOf(index, at);
    return { from, index, strangers, changes: await inSlices(diffing(have, wanted), pacer) };
  };
  const first = await compare(all, places);
  // What came meanwhile may lie anywhere.
  const compareAll = (from: Snapshot): Promise<Compared> => compare(from, undefined);
  const settled = terms.deletion === 'delete' ? await whenFilled(first, compareAll, terms) : first;
  const { index, strangers, changes } = settled ?? first;
  const isHolding = (removals === 'hold' || settled === undefined) && terms.deletion === 'delete';
  const { naming } = store; // it may be found out meanwhile
  const namesakes = naming === 'folded' ? namesakesOf(changes, index) : undefined;
  const deletion = isHolding ? 'hold' : terms.deletion;
  const planned = await inSlices(planning(changes, deletion, terms.manifest, namesakes), pacer);
  const lack = lackOf((settled ?? first).from, index, terms.accepts, terms.manifest);
  const plan = lack === undefined ? planned : { ...planned, lack };
  const held = index.entries.length + index.pending.size;
  const tally = await inSlices(tallying(plan.changes), pacer);
  const left = held + tally.added - tally.removed;
  await inSlices(guardExposure(plan, terms.allows), pacer);
  if (!target.capabilities.atomicReplace && !terms.allowNonAtomic) guardReplacement(plan);
  if (terms.limit !== undefined) guard(plan, { held, left }, terms.limit);
  // Nothing of ours is there yet, so nothing is removed, and no name has another one beside it.
  const isUntold = naming === undefined && terms.act === 'push' && plan.changes.length > 0;
  if (isUntold && (await store.findNaming()) === 'folded') namesakesOf(changes, index);
  const { added } = await inSlices(tallying(changes), pacer);
  const unchanged = index.entries.length - (changes.length - added);
  const isKnown = seen.unknown.size === 0 && index.pending.size === 0;
  return { index, strangers, plan, isKnown, unchanged, held: isHolding ? heldOf(changes, plan) : [] };
}

const NONE: Attested['strangers'] = new Map();

/** Whether a guard is going to refuse the plan because of it. */
export function isHopeless(
  { path }: Entry,
  { index }: Sighting,
  { allowNonAtomic, allows }: Pick<Terms, 'allowNonAtomic' | 'allows'>,
  { capabilities }: Target,
): boolean {
  const isReplaced = !capabilities.atomicReplace && !allowNonAtomic && index.entries.find(path) !== undefined;
  return isReplaced || (exposureOf(path) !== undefined && !allows(path));
}

interface Compared {
  /** What it was compared with. */
  readonly from: Snapshot;
  readonly index: TargetIndex;
  readonly strangers: Attested['strangers'];
  readonly changes: readonly Change[];
}

/** The comparison of what is there when STATIC_ROOT is filled. Undefined where what is missing may be on its way back. */
async function whenFilled(
  first: Compared,
  compare: (from: Snapshot) => Promise<Compared>,
  { atRest, manifest = USUAL_MANIFEST, warn }: Terms,
): Promise<Compared | undefined> {
  const missing = removedIn(first);
  if (atRest === undefined || missing.length === 0) return first;
  const from = await atRest(missing, first.from);
  const compared = from === first.from ? first : from && (await compare(from));
  if (compared !== undefined && !lacksManifest(leftBy(compared), removedIn(compared), manifest)) return compared;
  const reason =
    compared === undefined
      ? 'something else is still filling STATIC_ROOT; run again when it is done'
      : `${manifest} is missing beside files with hashed names; let collectstatic finish, or run again with --force`;
  warn(`${missing.length} files that are missing are not removed: ${reason}`);
  return undefined;
}

/** What there will be, where only a part of it was looked at as well. */
function* leftBy(compared: Compared): Generator<RelPath, void> {
  const { from, index } = compared;
  const removed = new Set(removedIn(compared));
  for (const { path } of from.entries) yield path;
  for (const { path } of index.entries) if (!removed.has(path)) yield path;
}

function removedIn({ changes }: Compared): RelPath[] {
  return changes.filter(({ kind }) => kind === 'removed').map(({ path }) => path);
}

function heldOf(changes: readonly Change[], plan: Plan): RelPath[] {
  const planned = new Set(plan.changes);
  return changes.filter((change) => !planned.has(change)).map(({ path }) => path);
}
