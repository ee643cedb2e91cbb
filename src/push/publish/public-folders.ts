/**
 * PublicFolders: the folders that a share of a plan publishes into. Those that are missing are made, or moved here from the stage with
 * what is in them; nothing is written through a link.
 */
import type { Entry } from '../../core/entry.js';
import type { EntryTable } from '../../core/entry-table.js';
import { handsOnGroup } from '../../core/folder-mode.js';
import type { Share } from '../../core/plan.js';
import { ancestorsOf, parentOf, type RelPath } from '../../core/relpath.js';
import { isStop, type Work } from '../../core/work.js';
import type { Problem } from '../../errors.js';
import type { RemoteFile, Target } from '../../targets/target.js';
import { inParallel } from '../in-parallel.js';
import { problemOf } from '../trouble.js';
import { levelsOf } from './levels.js';

const IN_FLIGHT = 4096;
const LEAST_FRESH_MS = 20;
const MOST_FRESH_MS = 500;
const LOOK_SHARE = 20; // a look is good for so many times as long as one at all of them takes
const LONG_PATH = 512; // characters: far from any limit, and longer than the paths of most sites

/** A folder, and when it was last looked at, in milliseconds of `performance`. */
interface Place {
  readonly path: RelPath;
  readonly above: Place | undefined;
  /** Whether something is to come into it or below. */
  receives: boolean;
  lookedAt: number;
  /** Since when there was a look at it and at all above it: that moment, or an earlier one. */
  freshSince: number;
  /** The look that is under way. */
  looking: Promise<void> | undefined;
}

export class PublicFolders {
  /** All that lie above what the share changes, each after the one that holds it. */
  readonly #places = new Map<RelPath, Place>();
  readonly #target: Target;
  readonly #mode: number;
  /** Folders that nothing may be written below, and why. */
  readonly #blocked = new Map<RelPath, Problem>();
  /** What was in their places at the first look; undefined where nothing was. */
  readonly #found = new Map<RelPath, RemoteFile | undefined>();
  readonly #moved = new Map<RelPath, RelPath>();
  /** The mode of the root at the first look. */
  #rootMode: number | undefined;
  #made: Promise<unknown> | undefined;
  /** How long a look is good for. */
  #freshMs = LEAST_FRESH_MS;

  private constructor(target: Target, mode: number) {
    this.#target = target;
    this.#mode = mode;
  }

  /** `mode` is that of new folders. */
  static *of(share: Share, target: Target, mode: number): Work<PublicFolders> {
    const folders = new PublicFolders(target, mode);
    for (const { steps } of share) {
      for (const [at, { kind, path }] of steps.entries()) {
        if (isStop(at)) yield;
        const place = folders.#placeOf(parentOf(path));
        if (kind === 'upload') receive(place);
      }
    }
    return folders;
  }

  /** Those that came from the stage with what was in them, and where they were there. */
  get moved(): ReadonlyMap<RelPath, RelPath> {
    return this.#moved;
  }

  /**
   * Finds folders that are missing, and links that took the place of one. Without this look, a link would lead a new file
   * or a removal out of the published tree. What else may stand there is found when the folder is made.
   */
  async look(): Promise<void> {
    const begun = performance.now();
    const root = this.#target.rootMode();
    root.catch(() => undefined); // heard below
    await inParallel(this.#places.values(), IN_FLIGHT, async (place) => {
      await this.#lookAt(place, 'first');
      place.lookedAt = place.freshSince = begun;
    });
    this.#rootMode = await root;
    this.#freshMs = Math.min(Math.max(LOOK_SHARE * (performance.now() - begun), LEAST_FRESH_MS), MOST_FRESH_MS);
  }

  /**
   * Somebody may put a link in the place of a folder at any time. Undefined where the last look at each one above `path` was a
   * moment ago; else resolves once there was another one. It is begun before it is due, so that hardly anybody waits for it. A folder
   * into which nothing is published any more is not looked at again.
   */
  fresh(path: RelPath): Promise<unknown> | undefined {
    const place = this.#places.get(parentOf(path) as RelPath);
    if (place === undefined) return undefined;
    const now = performance.now();
    return now - place.freshSince < this.#freshMs / 2 ? undefined : this.#refresh(place, now);
  }

  /** What `entries` say lies in folders that are not there: somebody removed them. */
  lostFrom(entries: EntryTable): Entry[] {
    if (this.#rootMode === undefined) return [...entries];
    const missing = new Set([...this.#found].filter(([, there]) => there === undefined).map(([folder]) => folder));
    const tops = [...missing].filter((folder) => !missing.has(parentOf(folder) as RelPath));
    return tops.flatMap((folder) => entries.below(folder));
  }

  /**
   * Makes those that are missing, once; `staged` says where one waits to be moved. What stands in the way of one blocks it,
   * but not what follows from it below.
   */
  async make(staged: ReadonlyMap<RelPath, RelPath>): Promise<void> {
    await (this.#made ??= this.#makeAll(staged));
  }

  /** Whether it was no folder before, and could be made one. */
  isNew(folder: RelPath): boolean {
    return this.#found.get(folder)?.kind !== 'folder' && !this.#isBlocked(folder);
  }

  /** Why nothing may be written at `path`. */
  problemAt(path: RelPath): Problem | undefined {
    if (this.#blocked.size === 0) return undefined;
    const folder = ancestorsOf(path).find((each) => this.#blocked.has(each));
    const problem = folder === undefined ? undefined : this.#blocked.get(folder);
    return problem === undefined ? undefined : { ...problem, path };
  }

  /** Where all looks begin: undefined for the root. */
  #placeOf(folder: RelPath | undefined): Place | undefined {
    if (folder === undefined) return undefined;
    const known = this.#places.get(folder);
    if (known !== undefined) return known;
    const never = Number.NEGATIVE_INFINITY;
    const above = this.#placeOf(parentOf(folder));
    const place = { path: folder, above, receives: false, lookedAt: never, freshSince: never, looking: undefined };
    this.#places.set(folder, place);
    return place;
  }

  #refresh(place: Place, now: number): Promise<unknown> | undefined {
    const due: Promise<void>[] = [];
    let oldest = now;
    for (let each: Place | undefined = place; each !== undefined; each = each.above) {
      const age = now - each.lookedAt;
      oldest = Math.min(oldest, each.lookedAt);
      if (age < this.#freshMs / 2) continue;
      each.looking ??= this.#lookAgain(each);
      each.looking.catch(() => undefined); // whoever waits hears of it, or the next request
      if (age >= this.#freshMs) due.push(each.looking);
    }
    place.freshSince = oldest;
    return due.length === 0 ? undefined : Promise.all(due);
  }

  async #lookAgain(place: Place): Promise<void> {
    const begun = performance.now();
    await this.#lookAt(place, 'again');
    place.lookedAt = begun;
    place.looking = undefined;
  }

  async #lookAt({ path }: Place, time: 'first' | 'again'): Promise<void> {
    try {
      const there = await this.#target.stat(path);
      if (time === 'first') this.#found.set(path, there);
      if (there?.kind !== 'link') return;
      const message = `${path} is a symbolic link on the target, and nothing is written through one; put a folder there`;
      this.#blocked.set(path, { path, step: 'publish', code: 'OBSTRUCTED', message });
    } catch (error) {
      this.#blocked.set(path, problemOf(path, 'publish', error));
    }
  }

  #isBlocked(folder: RelPath): boolean {
    return this.#blocked.has(folder) || this.problemAt(folder) !== undefined;
  }

  async #makeAll(staged: ReadonlyMap<RelPath, RelPath>): Promise<void> {
    const folders = [...this.#places.values()].filter(({ receives }) => receives).map(({ path }) => path);
    const late = new Set<RelPath>();
    for (const folder of folders) {
      const isLate = (staged.has(folder) && this.#canMove(folder)) || late.has(parentOf(folder) as RelPath);
      if (isLate) late.add(folder);
    }
    const early = folders.filter((folder) => !late.has(folder) && !this.#isBlocked(folder));
    await inParallel(early, IN_FLIGHT, (folder) => this.#makeOne(folder));
    // What is moved is seen at once, so all above it must be known to be folders, and none of them a link.
    for (const level of levelsOf(late)) {
      await Promise.all(
        level.filter((folder) => !this.#isBlocked(folder)).map((folder) => this.#bring(folder, staged.get(folder))),
      );
    }
  }

  /**
   * Only to a free name, and not where folders hand their group on to what is made in them. Nor where the path of a file in it may
   * be too long for the server: it would come with its folder all the same, and nobody could name it.
   */
  #canMove(folder: RelPath): boolean {
    if (this.#found.get(folder) !== undefined || folder.length > LONG_PATH) return false;
    const above = ancestorsOf(folder).findLast((each) => this.#found.get(each) !== undefined);
    const mode = above === undefined ? this.#rootMode : this.#found.get(above)?.mode;
    return mode === undefined || !handsOnGroup(mode);
  }

  async #bring(folder: RelPath, place: RelPath | undefined): Promise<void> {
    const begun = performance.now();
    if (place === undefined || !(await this.#move(place, folder))) return this.#makeOne(folder);
    this.#moved.set(folder, place);
    this.#sawFolder(folder, begun);
  }

  /** What has just been made or moved there is a folder, as if it had been looked at. */
  #sawFolder(folder: RelPath, at: number): void {
    const place = this.#places.get(folder);
    if (place !== undefined) place.lookedAt = at;
  }

  /** False where the server does not do it: the files can still be published one by one. */
  async #move(place: RelPath, folder: RelPath): Promise<boolean> {
    try {
      await this.#target.moveFolder(place, folder);
      return true;
    } catch (error) {
      problemOf(folder, 'publish', error);
      return false;
    }
  }

  async #makeOne(folder: RelPath): Promise<void> {
    const begun = performance.now();
    try {
      await this.#target.makeFolder(folder, this.#mode);
      this.#sawFolder(folder, begun);
    } catch (error) {
      if (this.problemAt(folder) === undefined) this.#blocked.set(folder, problemOf(folder, 'publish', error));
    }
  }
}

function receive(place: Place | undefined): void {
  for (let each = place; each?.receives === false; each = each.above) each.receives = true;
}
