/**
 * makePlan: from changes to ordered steps. Here, and only here, the write order is decided.
 *
 * A Plan is a list of groups. The steps of one group may run in any order and at once; no step of a group begins
 * before every step of the group in front of it succeeded. No file is published before what it may refer to:
 *
 *   clear       what stands where a new file or folder must go (a file that becomes a folder, and the reverse)
 *   leaves      new files that refer to nothing (images, fonts, maps)
 *   styles      new style sheets: they refer to leaves
 *   scripts     new scripts and other data: they may refer to all of these
 *   overwrites  names that exist already, in the same order: leaves, styles, scripts (three groups)
 *   entrances   the manifest and HTML: what sends a reader to all the rest
 *   removals    the reverse: entrances, scripts, styles, leaves (four groups)
 *
 * What a server may send compressed in the place of a file, such as `page.html.gz`, goes with that file.
 */
import type { Problem } from '../errors.js';
import type { Change } from './diff.js';
import type { Entry } from './entry.js';
import type { Namesakes } from './folding.js';
import { inTheWay } from './in-the-way.js';
import { foldedPath, nameOf, type RelPath } from './relpath.js';
import { atOnce, isStop, type Work } from './work.js';

export type Step =
  /** Stage the content and rename it over the path. `namesake`: how the file that lies there is still spelled. */
  | {
      readonly kind: 'upload';
      readonly path: RelPath;
      readonly entry: Entry;
      readonly old: Entry | undefined;
      readonly namesake?: RelPath;
    }
  | { readonly kind: 'chmod'; readonly path: RelPath; readonly entry: Entry; readonly old: Entry }
  /** `namesake`: the wanted path that is the same file there. To remove the one would take the other. */
  | { readonly kind: 'remove'; readonly path: RelPath; readonly old: Entry | undefined; readonly namesake?: RelPath };

export type Upload = Extract<Step, { kind: 'upload' }>;

export interface Group {
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface Plan {
  readonly changes: readonly Change[];
  /** No group is empty. */
  readonly groups: readonly Group[];
  /** After which group nothing may be done, since what it lacks may be referred to. */
  readonly lack?: Stop | undefined;
}

/** The group in which something is missing, and why: what comes after it is held back. */
export interface Stop {
  readonly group: string;
  readonly problem: Problem;
}

/**
 * Whether paths that are no longer wanted are removed from the target. `hold`: only those in the way of what is written,
 * for now.
 */
export type Deletion = 'delete' | 'keep' | 'hold';

export const USUAL_MANIFEST = 'staticfiles.json';

const WRITES = ['new leaves', 'new styles', 'new scripts', 'leaves', 'styles', 'scripts', 'entrances'] as const;
const REMOVALS = ['removed entrances', 'removed scripts', 'removed styles', 'removed leaves'] as const;
const ORDER = ['clear', ...WRITES, ...REMOVALS] as const;
const COMPRESSED = /\.(?:gz|br|zst)$/i;
const NEW: ReadonlySet<string> = new Set(WRITES.slice(0, 3));

type GroupName = (typeof ORDER)[number];

/**
 * `manifest` is the path of the file that names the others. `namesakes` are given for a target that folds names: what is removed
 * there is no file then but a name, and that goes in any case.
 */
export function makePlan(
  changes: readonly Change[],
  deletion: Deletion,
  manifest?: string,
  namesakes?: Namesakes,
): Plan {
  return atOnce(planning(changes, deletion, manifest, namesakes));
}

/** As `makePlan`. */
export function* planning(
  changes: readonly Change[],
  deletion: Deletion,
  manifest: string = USUAL_MANIFEST,
  namesakes?: Namesakes,
): Work<Plan> {
  const keyOf = namesakes === undefined ? undefined : foldedPath;
  const first = deletion === 'keep' ? new Set<RelPath>() : yield* obstacles(changes, keyOf);
  const kept: Change[] = [];
  const former = new Map(Array.from(namesakes ?? [], ([old, path]) => [path, old]));
  const groups = new Map<GroupName, Step[]>(ORDER.map((name) => [name, []]));
  for (const [at, change] of changes.entries()) {
    if (isStop(at)) yield;
    const { kind, path } = change;
    const isNeeded = kind !== 'removed' || deletion === 'delete' || first.has(path) || namesakes?.has(path) === true;
    if (!isNeeded) continue;
    kept.push(change);
    const namesake = kind === 'removed' ? namesakes?.get(path) : former.get(path);
    groups.get(groupOf(change, first, manifest, namesake))?.push(withNamesake(stepOf(change), namesake));
  }
  return {
    changes: kept,
    groups: [...groups].filter(([, steps]) => steps.length > 0).map(([name, steps]) => ({ name, steps })),
  };
}

/** Whether the group `name` comes before the group `other`. */
export function isBefore(name: string, other: string): boolean {
  const order: readonly string[] = ORDER;
  return order.indexOf(name) < order.indexOf(other);
}

/** The group of a new file at `path`. */
export function groupOfNew(path: RelPath, manifest: string = USUAL_MANIFEST): string {
  const rank = rankOf(path, manifest);
  return rank === 3 ? 'entrances' : WRITES[rank];
}

/** What is carried out in one go, from the first byte staged to the commit. No group is empty. */
export type Share = readonly Group[];

/**
 * The plan in shares of no more than `most` new files each, and all the rest with the last of them. A name that is new may be
 * there long before anything refers to it; what readers use already changes together.
 */
export function sharesOf({ groups }: Plan, most: number): Share[] {
  const firstOther = groups.findIndex(({ name }) => !NEW.has(name));
  const end = firstOther < 0 ? groups.length : firstOther;
  const shares: Group[][] = [];
  let room = 0;
  for (const { name, steps } of groups.slice(0, end)) {
    for (let at = 0; at < steps.length; ) {
      if (room === 0) {
        shares.push([]);
        room = most;
      }
      const part = steps.slice(at, at + room);
      shares.at(-1)?.push({ name, steps: part });
      at += part.length;
      room -= part.length;
    }
  }
  const last = shares.pop() ?? [];
  return [...shares, [...last, ...groups.slice(end)]];
}

/** The steps that send a file, in the order of publishing. */
export function uploadsOf(groups: Share): Upload[] {
  const uploads: Upload[] = [];
  for (const { steps } of groups) for (const step of steps) if (step.kind === 'upload') uploads.push(step);
  return uploads;
}

/** Whether the name says that the content refers to nothing else. */
export function isLeaf(path: RelPath): boolean {
  return referenceRank(path) === 0;
}

function stepOf(change: Change): Step {
  switch (change.kind) {
    case 'added':
      return { kind: 'upload', path: change.path, entry: change.entry, old: undefined };
    case 'modified':
      return { kind: 'upload', path: change.path, entry: change.entry, old: change.old };
    case 'mode':
      if (change.where === 'apart') return { kind: 'upload', path: change.path, entry: change.entry, old: change.old };
      return { kind: 'chmod', path: change.path, entry: change.entry, old: change.old };
    case 'removed':
      return { kind: 'remove', path: change.path, old: change.old };
  }
}

/** The change that `step` makes. */
export function changeOf(step: Step): Change {
  const { path } = step;
  switch (step.kind) {
    case 'upload':
      if (step.old === undefined) return { kind: 'added', path, entry: step.entry };
      return { kind: 'modified', path, entry: step.entry, old: step.old };
    case 'chmod':
      return { kind: 'mode', path, entry: step.entry, old: step.old, where: 'in place' };
    case 'remove':
      return { kind: 'removed', path, old: step.old };
  }
}

function withNamesake(step: Step, namesake: RelPath | undefined): Step {
  return namesake === undefined || step.kind === 'chmod' ? step : { ...step, namesake };
}

function groupOf(
  change: Change,
  first: ReadonlySet<RelPath>,
  manifest: string,
  namesake: RelPath | undefined,
): GroupName {
  const rank = rankOf(change.path, manifest);
  if (change.kind === 'removed') {
    return first.has(change.path) ? 'clear' : (REMOVALS[3 - rank] as GroupName);
  }
  if (rank === 3) return 'entrances';
  const isNew = change.kind === 'added' && namesake === undefined;
  return WRITES[isNew ? rank : rank + 3] as GroupName;
}

function rankOf(path: RelPath, manifest: string): 0 | 1 | 2 | 3 {
  return path.replace(COMPRESSED, '') === manifest ? 3 : referenceRank(path);
}

/** 0 refers to nothing, 1 to leaves, 2 to anything but entrances, 3 to anything. */
function referenceRank(path: RelPath): 0 | 1 | 2 | 3 {
  const name = nameOf(path).toLowerCase().replace(COMPRESSED, '');
  if (name === USUAL_MANIFEST || /\.x?html?$/.test(name)) return 3;
  if (/\.(?:js|mjs|cjs|json|webmanifest|xml)$/.test(name)) return 2;
  return name.endsWith('.css') ? 1 : 0;
}

/** Removed paths that must go before something is written. */
function* obstacles(changes: readonly Change[], keyOf?: (path: RelPath) => string): Work<Set<RelPath>> {
  const removed: RelPath[] = [];
  const written: RelPath[] = [];
  for (const [at, { kind, path }] of changes.entries()) {
    if (isStop(at)) yield;
    (kind === 'removed' ? removed : written).push(path);
  }
  return removed.length === 0 ? new Set() : inTheWay(removed, written, keyOf);
}
