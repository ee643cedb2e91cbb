/**
 * Lease: there is one writer to a target. Whoever wants to write makes a folder of its own on the stage and looks at what else is
 * there: alone, it has the lease; beside somebody who is alive it takes its folder away again and waits. As each makes its folder
 * before it looks, of two that come at once none overlooks the other.
 *
 * All that a run publishes, the head of the index too, it moves there out of that folder. So it is the fence as well: whoever takes
 * over from a run that gives no sign of life any more takes the folder away from it, and whatever that run does afterwards, it
 * publishes nothing.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describeHolder, isMark, markOf, nameOfHolder, runFolderOf } from '../../core/lease.js';
import { isWithin, join, nameOf, parentOf, type RelPath, STAGE } from '../../core/relpath.js';
import { LockedError, TargetError } from '../../errors.js';
import type { RemoteFile, Target } from '../../targets/target.js';
import { type LeaseTerms, present, type Sign, signIn, signsOf, USUAL_TERMS, Waiting } from './holders.js';
import { holderFor } from './self.js';

const PRIVATE = 0o700;
const A_BYTE = Buffer.from('.');
const SIGNS_IN_TERM = 4; // three of them may be lost

export interface LeaseOptions {
  readonly run: string;
  /** Where they are not the usual ones. */
  readonly lease?: LeaseTerms | undefined;
  /** An abort ends the waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Told once, with who it is, where somebody else has it. */
  readonly onWait?: ((text: string) => void) | undefined;
}

/** What was found on the stage when the lease was taken. */
export interface Taken {
  /** What others left there, none of whom is alive. */
  readonly left: readonly RemoteFile[];
  /**
   * Folders named after the checksum of a head: nobody has written since that head was made. To be believed if there is one, and
   * nobody else has anything there.
   */
  readonly marks: readonly RelPath[];
  /** Whether nobody else had anything there. Otherwise the run that it was taken from, or one that was just leaving, may still write something. */
  readonly isAlone: boolean;
}

export class Lease {
  /** Of this run, on the stage. */
  readonly folder: RelPath;
  readonly #target: Target;
  readonly #options: LeaseOptions;
  readonly #name: RelPath;
  readonly #terms: LeaseTerms;
  readonly #heads: RelPath[];
  /** What becomes the mark. */
  readonly #mark: RelPath;
  #taken: Promise<Taken> | undefined;
  #unmarked: Promise<unknown> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastSign: Moment = { steady: Number.NEGATIVE_INFINITY, wall: 0 };
  #signing: Promise<void> | undefined;
  #isHeld = false;
  #isLost = false;
  #isOver = false;
  /** Ends the waiting. */
  readonly #stopped = new AbortController();

  /** Where its holder makes a head of the index. */
  get head(): RelPath {
    return this.#heads.at(-1) as RelPath;
  }

  /** From now on it is made elsewhere. */
  nextHead(): RelPath {
    this.#heads.push(join(this.folder, `head-${this.#heads.length}` as RelPath));
    return this.head;
  }

  constructor(target: Target, options: LeaseOptions) {
    this.#target = target;
    this.#options = options;
    this.#terms = options.lease ?? USUAL_TERMS;
    this.#name = nameOfHolder(holderFor(options.run));
    this.folder = join(STAGE, this.#name);
    this.#heads = [join(this.folder, 'head' as RelPath)];
    this.#mark = join(this.folder, 'mark' as RelPath);
  }

  /** Once, until it is let go. Throws a LockedError where somebody else keeps it. The control area must be there. */
  take(): Promise<Taken> {
    if (this.#isOver) return Promise.reject(new LockedError(`cannot write to ${this.#target.url}: the run has ended`));
    return (this.#taken ??= this.#take().catch(async (error: unknown) => {
      await this.#target.removeFolder(this.folder).catch(() => undefined); // it may be there, and nobody's
      throw error;
    }));
  }

  get isAskedFor(): boolean {
    return this.#taken !== undefined;
  }

  /** Waits no longer for others: there is nothing to be written. */
  giveUp(): void {
    this.#stopped.abort();
  }

  /** Throws if it was lost: a LockedError where somebody else has it now. Where the last sign of life is old, gives one first. */
  async require(): Promise<void> {
    if (ageOf(this.#lastSign) > this.#terms.ttl / 2) await this.#sign();
    if (this.#isLost) throw await this.#lost();
  }

  /** Throws as `require` does. Looks in any case, once it is taken. */
  async confirm(): Promise<void> {
    await this.take();
    if ((await this.#target.stat(this.folder)) !== undefined) return;
    this.#isLost = true;
    throw await this.#lost();
  }

  /** Whether nobody has written since the head was the one with this checksum. */
  async isSince(checksum: string): Promise<boolean> {
    const { isAlone, marks } = await this.take();
    return isAlone && marks.length === 1 && marks[0] === join(STAGE, markOf(checksum));
  }

  /** Before anything is written, once. Where there is no mark, whoever comes looks at the head, which has this checksum. */
  unmark(checksum: string | undefined): Promise<unknown> {
    return (this.#unmarked ??= this.#unmark(checksum));
  }

  /**
   * Removes its folder if that is empty, and leaves a mark for the head with this checksum, which may still be on its way out of the
   * folder. Resolves to whether the folder is gone: then, once the head has moved as well, the caller calls `end`.
   */
  async letGo(checksum: string): Promise<boolean> {
    const marking = this.#target.moveFolder(this.#mark, join(STAGE, markOf(checksum))).catch(savesTime);
    const [isGone] = await Promise.all([
      this.#signing === undefined && this.#target.removeFolder(this.folder),
      marking,
    ]);
    return isGone;
  }

  /**
   * Gives it up, if it is held, and ends the waiting for it otherwise. What lies in its folder is removed, or left to the next run:
   * that depends on how this one ended. Never rejects: a lease that cannot be given back runs out.
   */
  async release(end: 'done' | 'failed'): Promise<void> {
    this.#isOver = true;
    this.giveUp();
    clearInterval(this.#timer);
    try {
      await this.#signing?.catch(() => undefined);
      await this.#taken;
      if (this.#isHeld && !this.#isLost) await (end === 'done' ? this.#clear() : this.#leave());
    } catch {
      // Who failed to take it has said why.
    } finally {
      this.end();
    }
  }

  /** Why a run failed: that its folder was taken away, if it was; else `error` itself. */
  async causeOf(error: unknown): Promise<unknown> {
    if (!this.#isHeld || error instanceof LockedError) return error;
    const isThere = this.#target.stat(this.folder).then(
      (folder) => folder !== undefined,
      () => !(error instanceof TargetError && error.kind === 'not-found'), // nobody else takes anything out of it
    );
    return this.#isLost || !(await isThere) ? this.#lost() : error;
  }

  /** It is gone. */
  end(): void {
    clearInterval(this.#timer);
    present.delete(this.#name);
    this.#isHeld = false;
    this.#isOver = true;
  }

  async #take(): Promise<Taken> {
    const waiting = new Waiting(this.#terms);
    for (;;) {
      const asked = performance.now();
      const { beside, now } = await this.#lookAround();
      const young = waiting.youngAmong(beside, now);
      const isAlone = beside.every(isMarkOnStage);
      const found = isAlone || young !== undefined ? beside : await this.#lookDeeper();
      const living = young ?? waiting.livingAmong(found, { now, asked });
      if (living === undefined) {
        this.#begin();
        const marks = found.filter(isMarkOnStage);
        const left = await this.#claim(found.filter((each) => !marks.includes(each)));
        return { left, marks: marks.map(({ path }) => path), isAlone };
      }
      await this.#target.removeFolder(this.folder);
      present.delete(this.#name);
      if (waiting.isOver) throw this.#refused(living);
      if (waiting.hasJustBegun)
        this.#options.onWait?.(`${describeHolder(living)} is writing to it; waiting for that to end`);
      await pause(waiting.nextPause(), undefined, { signal: this.#either });
    }
  }

  get #either(): AbortSignal {
    const { signal } = this.#options;
    return signal === undefined ? this.#stopped.signal : AbortSignal.any([signal, this.#stopped.signal]);
  }

  /** Makes its folder, and lists what lies beside it then; `now` is when it was made, by the clock of the server. */
  async #lookAround(): Promise<{ readonly beside: readonly RemoteFile[]; readonly now: number }> {
    present.add(this.#name);
    const stage = this.#target.makeFolder(STAGE, PRIVATE);
    const [found] = await Promise.all([this.#makeFolder(), stage]);
    const now = found.find(({ path }) => path === this.folder)?.mtime ?? 0;
    return { beside: found.filter(({ path }) => path !== this.folder), now };
  }

  /** And answers with what lies beside it. Where a folder takes a part of the disk, and that is full, a mark has as much. */
  async #makeFolder(): Promise<RemoteFile[]> {
    try {
      return await this.#target.makeFolderAmong(this.folder, PRIVATE);
    } catch (error) {
      if (!(error instanceof TargetError) || error.kind !== 'no-space') throw error;
      const marks = (await listed(this.#target)).filter(isMarkOnStage);
      if (marks.length === 0) throw error;
      await Promise.all(marks.map(({ path }) => this.#target.removeFolder(path)));
      return this.#target.makeFolderAmong(this.folder, PRIVATE);
    }
  }

  /** All that others have on the stage. */
  async #lookDeeper(): Promise<RemoteFile[]> {
    return (await listed(this.#target)).filter(({ path }) => !isWithin(path, this.folder));
  }

  #begin(): void {
    [this.#isHeld, this.#isLost] = [true, false];
    this.#lastSign = thisMoment();
    this.#timer = setInterval(() => void this.#sign().catch(() => undefined), this.#terms.ttl / SIGNS_IN_TERM);
    this.#timer.unref();
  }

  /**
   * Takes the folders of others by giving them a name of our own, before anything in them is touched and before the head is looked at.
   * A run that is alive after all then finds nothing of what it staged. Answers with what is out of their reach.
   */
  async #claim(found: readonly RemoteFile[]): Promise<readonly RemoteFile[]> {
    const taken = new Map<RelPath, RelPath | undefined>();
    const folders = found.filter(({ path, kind }) => kind === 'folder' && parentOf(path) === STAGE);
    await Promise.all(
      folders.map(async ({ path }, i) =>
        taken.set(path, await this.#takeFrom(path, leftBy(`${this.#options.run}.${i}`))),
      ),
    );
    return found.flatMap((file) => {
      const folder = runFolderOf(file.path);
      if (!taken.has(folder)) return [file];
      const name = taken.get(folder);
      return name === undefined ? [] : [{ ...file, path: (name + file.path.slice(folder.length)) as RelPath }];
    });
  }

  /** Where it is now; undefined if it is gone. A server that moves no folders publishes none whole: there it stays. */
  async #takeFrom(folder: RelPath, name: RelPath): Promise<RelPath | undefined> {
    try {
      await this.#target.moveFolder(folder, name);
      return name;
    } catch (error) {
      if (!(error instanceof TargetError) || error.kind === 'unreachable') throw error;
      return error.kind === 'not-found' ? undefined : folder;
    }
  }

  /** Who was taken over from may have made the mark of the head that it knew just before that. */
  async #unmark(checksum: string | undefined): Promise<void> {
    const { isAlone, marks } = await this.take();
    const late = isAlone || checksum === undefined ? [] : [join(STAGE, markOf(checksum))];
    await Promise.all([
      this.#target.makeFolder(this.#mark, PRIVATE).catch(savesTime),
      ...[...new Set([...marks, ...late])].map((mark) => this.#target.removeFolder(mark)),
    ]);
  }

  #sign(): Promise<void> {
    return (this.#signing = this.#giveSign());
  }

  /** What it writes to has the time of the server. */
  async #giveSign(): Promise<void> {
    const asked = thisMoment();
    try {
      await this.#target.append(signIn(this.folder), 0, A_BYTE);
      this.#lastSign = asked;
    } catch (error) {
      if (!(error instanceof TargetError) || error.kind !== 'not-found') throw error;
      this.#isLost = true;
      throw await this.#lost();
    }
  }

  async #clear(): Promise<void> {
    if (this.#signing !== undefined) await this.#target.remove(signIn(this.folder));
    if (await this.#target.removeFolder(this.folder)) return;
    const left: RemoteFile[] = [];
    for await (const each of this.#target.list(this.folder)) left.push(each);
    await Promise.all(left.filter(({ kind }) => kind !== 'folder').map(({ path }) => this.#target.remove(path)));
    const folders = left.filter(({ kind }) => kind === 'folder').map(({ path }) => path);
    for (const folder of [...folders.reverse(), this.folder]) await this.#target.removeFolder(folder);
  }

  /** Under a name that is nobody's. */
  async #leave(): Promise<void> {
    const files = [...this.#heads, signIn(this.folder)];
    await Promise.all([...files.map((path) => this.#target.remove(path)), this.#target.removeFolder(this.#mark)]);
    if (await this.#target.removeFolder(this.folder)) return;
    await this.#target.moveFolder(this.folder, leftBy(this.#options.run));
  }

  #refused(living: string): LockedError {
    return new LockedError(
      `cannot write to ${this.#target.url}: ${describeHolder(living)} is writing to it; run again when that has ended, or, ` +
        'if nothing runs there any more, drop its lease with "pushstatic unlock" and the name of the target',
    );
  }

  /** Whoever takes over leaves the stage itself where it is. */
  async #lost(): Promise<LockedError | TargetError> {
    const { url } = this.#target;
    const isThere = await this.#target.stat(STAGE).then(
      (stage) => stage !== undefined,
      () => true,
    );
    if (!isThere)
      return new TargetError(
        'control-gone',
        `cannot go on with ${url}: its control area, or all of it, was removed while this run was writing; it is made anew when this runs again`,
      );
    return new LockedError(
      `cannot go on with ${url}: another run has taken over from this one, which gave no sign of life for too long or had its lease dropped; run again`,
    );
  }
}

/** Who holds it, by name. */
export async function holdersOf(target: Target): Promise<ReadonlyMap<string, Sign>> {
  return signsOf(await listed(target));
}

/**
 * Takes the lease from whoever holds it, and answers whether anybody still did. What it had on the stage is of use to the next run, and
 * out of its own reach.
 */
export async function dropLease(target: Target, name: string, run: string): Promise<boolean> {
  try {
    await target.moveFolder(join(STAGE, name as RelPath), leftBy(run));
    return true;
  } catch (error) {
    if (error instanceof TargetError && error.kind === 'not-found') return false;
    throw error;
  }
}

/** By a clock that never goes back, but may stand still while the machine sleeps, and by one that may be set. */
interface Moment {
  readonly steady: number;
  readonly wall: number;
}

function thisMoment(): Moment {
  return { steady: performance.now(), wall: Date.now() };
}

/** In milliseconds, at the most. */
function ageOf({ steady, wall }: Moment): number {
  return Math.max(performance.now() - steady, Date.now() - wall);
}

/** Of what fails here, nobody needs to hear: without a mark the head is looked at. */
function savesTime(error: unknown): void {
  if (!(error instanceof TargetError)) throw error;
}

function leftBy(run: string): RelPath {
  return join(STAGE, `left-${run}` as RelPath);
}

function isMarkOnStage({ path }: RemoteFile): boolean {
  return parentOf(path) === STAGE && isMark(nameOf(path));
}

async function listed(target: Target): Promise<RemoteFile[]> {
  const found: RemoteFile[] = [];
  for await (const each of target.list(STAGE)) found.push(each);
  return found;
}
