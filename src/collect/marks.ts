/**
 * Marks: a number for each entry of a folder, another one when the entry has changed. See `sweep`.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { firstNotBefore } from '../core/halving.js';
import type { Marks } from '../core/marks-codec.js';
import { orUndefined } from '../system-error.js';
import { isRacy } from './stamp.js';

const STAMP_VALUES = 2 ** 27;
const NAME_VALUES = 2 ** 26;
const SEED = 0x811c9dc5;
const FACTOR = 0x85ebca6b;
const NUMBERS = 5;
const numbers = new Float64Array(NUMBERS);
const words = new Uint32Array(numbers.buffer);

/**
 * 26 bits of a name and 27 of what stat says, in the 53 that a number holds. `behind` is what a link leads to. What a folder
 * holds is marked by itself; who may read it is not.
 */
export function markOf(name: string, stats: Stats | undefined, behind?: Stats): number {
  let ofName = SEED;
  for (let i = 0; i < name.length; i++) {
    const mixed = Math.imul(ofName ^ name.charCodeAt(i), FACTOR);
    ofName = mixed ^ (mixed >>> 15);
  }
  let ofStamp = stats === undefined ? SEED : mixStats(SEED, stats);
  if (behind !== undefined) ofStamp = mixStats(ofStamp, behind);
  return ((ofName >>> 0) % NAME_VALUES) * STAMP_VALUES + ((ofStamp >>> 0) % STAMP_VALUES);
}

type Marking = typeof markOf;

/** `markOf`, but for what was changed so shortly before `nowMs` that it could change again and keep its stamp. */
export function lastingMark(nowMs: number): Marking {
  return (name, stats, behind) => {
    const isYoung = [stats, behind].some((each) => each?.isFile() === true && isRacy(each, nowMs));
    return isYoung ? markOf(name, undefined) : markOf(name, stats, behind);
  };
}

/** The part of a mark that is the same for the same name. */
export function nameIn(mark: number): number {
  return Math.floor(mark / STAMP_VALUES);
}

/** Whether one of `marks`, which are sorted, is of something of this name. */
export function holdName(marks: Float64Array, name: string): boolean {
  const wanted = nameIn(markOf(name, undefined));
  const first = marks[firstFrom(marks, wanted * STAMP_VALUES)];
  return first !== undefined && nameIn(first) === wanted;
}

/** Whether `mark` is one of `marks`, which are sorted. */
export function holdMark(marks: Float64Array, mark: number): boolean {
  return marks[firstFrom(marks, mark)] === mark;
}

/** The position of the first that is not below `mark`. */
function firstFrom(marks: Float64Array, mark: number): number {
  return firstNotBefore(marks.length, (at) => (marks[at] as number) < mark);
}

/** `marks` without those of the entries at these absolute places, which are not there any more. */
export function withoutMarks(marks: Marks, places: Iterable<string>): Marks {
  const left = new Map(marks);
  for (const place of places) {
    const at = place.lastIndexOf('/');
    const name = nameIn(markOf(place.slice(at + 1), undefined));
    const folder = place.slice(0, at);
    const before = left.get(folder);
    if (before !== undefined)
      left.set(
        folder,
        before.filter((mark) => nameIn(mark) !== name),
      );
  }
  return left;
}

/** Takes the marks of a tree while it is walked through, before anything in it is read: marks that are to last. */
export class MarkTaker {
  readonly #marking = lastingMark(Date.now());
  readonly #marks = new Map<string, number[]>();
  /** Where two sources have the same folder, what was different at the second look must not pass for what it was. */
  readonly #again = new Set<string>();

  /** What lies in the absolute `folder` is marked from now on, unless it was entered before. */
  enter(folder: string): void {
    if (this.#marks.has(folder)) this.#again.add(folder);
    else this.#marks.set(folder, []);
  }

  /** A file, as stat told of it. */
  markFile(folder: string, name: string, stats: Stats): void {
    this.#note(folder, this.#marking(name, stats));
  }

  /** Whatever lies there. */
  mark(folder: string, name: string): void {
    const { stats, behind } = seenAt(`${folder}/${name}`);
    this.#note(folder, this.#marking(name, stats, behind));
  }

  #note(folder: string, mark: number): void {
    if (!this.#again.has(folder)) this.#marks.get(folder)?.push(mark);
  }

  all(): Marks {
    return new Map(Array.from(this.#marks, ([folder, marks]) => [folder, Float64Array.from(marks).sort()]));
  }
}

/** Marks of a tree that is being changed here: what was marked before, but for what was changed since. */
export class ChangingMarks {
  readonly #before: Marks;
  /** By folder, in order; of what is not there any more, what its name says as a negative number. */
  readonly #changed = new Map<string, number[]>();
  /** Folders that are not there any more. */
  readonly #gone = new Set<string>();

  constructor(before: Marks) {
    this.#before = before;
  }

  /** What lies at the absolute `place` has this mark; undefined: nothing does. */
  note(place: string, mark: number | undefined): void {
    const at = place.lastIndexOf('/');
    const folder = place.slice(0, at);
    const noted = mark ?? -1 - nameIn(markOf(place.slice(at + 1), undefined));
    const marks = this.#changed.get(folder);
    if (marks === undefined) this.#changed.set(folder, [noted]);
    else marks.push(noted);
  }

  /** Marks what lies at the absolute `place` now. */
  lookAt(place: string): void {
    const { stats, behind } = seenAt(place);
    const isGone = stats === undefined && behind === undefined;
    this.note(place, isGone ? undefined : markOf(place.slice(place.lastIndexOf('/') + 1), stats, behind));
    if (isGone) this.#gone.add(place);
  }

  /** All that is known now. */
  all(): Marks {
    const all = new Map(this.#before);
    for (const [folder, noted] of this.#changed) {
      const names = new Set(noted.map((mark) => (mark < 0 ? -1 - mark : nameIn(mark))));
      const kept = (all.get(folder) ?? new Float64Array()).filter((mark) => !names.has(nameIn(mark)));
      // A place that was looked at twice is there once; two names that are alike here are two.
      all.set(folder, Float64Array.from(new Set([...kept, ...noted.filter((mark) => mark >= 0)])).sort());
    }
    for (const folder of this.#gone) all.delete(folder);
    return all;
  }
}

/** What a mark is made of: nothing but what is behind it of a folder, and beside itself of a link. */
export function seenAt(place: string): { readonly stats: Stats | undefined; readonly behind: Stats | undefined } {
  const stats = orUndefined(() => lstatSync(place, { throwIfNoEntry: false }));
  if (stats?.isDirectory() === true) return { stats: undefined, behind: stats };
  return { stats, behind: stats?.isSymbolicLink() === true ? lookThrough(place) : undefined };
}

/** What a link leads to; undefined where that is nothing, or cannot be told. */
export function lookThrough(place: string): Stats | undefined {
  return orUndefined(() => statSync(place, { throwIfNoEntry: false }));
}

/** In one go: this is done for every file, in runs that do little else. */
function mixStats(hash: number, stats: Stats): number {
  const isFolder = stats.isDirectory();
  numbers[0] = stats.ino;
  numbers[1] = stats.mode;
  numbers[2] = isFolder ? stats.uid : stats.size;
  numbers[3] = isFolder ? stats.gid : stats.mtimeMs;
  numbers[4] = isFolder ? 0 : stats.ctimeMs;
  let mixed = hash;
  for (let i = 0; i < 2 * NUMBERS; i++) {
    mixed = Math.imul(mixed ^ (words[i] as number), FACTOR);
    mixed ^= mixed >>> 15;
  }
  return mixed;
}
