/**
 * ControlArea: the folder on the target that is ours and no reader's. What lies there, and what the names there tell of how the
 * target takes names.
 */
import type { Naming } from '../core/folding.js';
import { CONTROL, join, type RelPath } from '../core/relpath.js';
import type { RemoteFile, Target } from '../targets/target.js';

// Nobody makes these. On a target that folds names they are what is ours.
const OTHER_HEAD = join(CONTROL, 'HEAD' as RelPath);
const OTHER_STAGE = join(CONTROL, 'STAGE' as RelPath);
const PRIVATE_FOLDER = 0o700;

export class ControlArea {
  readonly #target: Target;
  #isMissing = false;
  #isTreeMissing = false;
  #opened: Promise<void> | undefined;
  #naming: Naming | undefined;
  #listing: Promise<readonly RemoteFile[]> | undefined;
  #isSettled = false;

  constructor(target: Target) {
    this.#target = target;
  }

  /**
   * Looks at it while the head is read. Where there is one in a folder, that need not be made; and where it is found under another
   * name as well, the target folds names.
   */
  async look<T>(readHead: () => Promise<T | undefined>): Promise<T | undefined> {
    const [control, other, hasTree, head] = await Promise.all([
      this.#kindAt(CONTROL),
      this.#naming === undefined ? this.#kindAt(OTHER_HEAD) : undefined,
      this.#hasTree(),
      readHead(),
    ]);
    if (head !== undefined && other !== undefined) this.#naming = other === 'missing' ? 'exact' : 'folded';
    if (control === 'folder') this.#opened ??= Promise.resolve();
    if (control === 'missing') this.#opened = undefined;
    this.#isMissing = control === 'missing';
    this.#isTreeMissing = !hasTree;
    return head;
  }

  /** Whether there was none when it was looked at. */
  get isMissing(): boolean {
    return this.#isMissing;
  }

  /** Whether there was no published tree beside it. */
  get isTreeMissing(): boolean {
    return this.#isTreeMissing;
  }

  /** Makes it if it is missing. Nothing is written below it before that is known to be a folder. */
  open(): Promise<void> {
    return (this.#opened ??= this.#target.makeFolder(CONTROL, PRIVATE_FOLDER));
  }

  /** How the target takes names, as far as that is known: it is where there is a head. */
  get naming(): Naming | undefined {
    return this.#naming;
  }

  /**
   * Finds out how the target takes names, unless that is known, by removing the stage under another spelling. The folder of the
   * lease is in it by then: a target that folds names refuses, and elsewhere there is nothing to remove. It is asked right behind the
   * making of that folder, and so costs no round trip.
   */
  async tryNaming(): Promise<void> {
    if (this.#naming !== undefined) return;
    const isGone = await this.#target.removeFolder(OTHER_STAGE).catch(() => undefined);
    if (isGone !== undefined) this.#naming ??= isGone ? 'exact' : 'folded';
  }

  /** What lies there before this run writes there, or while nobody else does. */
  list(): Promise<readonly RemoteFile[]> {
    return (this.#listing ??= this.#listAll());
  }

  /** There may be more by now than was listed. */
  listAgain(): void {
    this.#listing = undefined;
  }

  /**
   * After a cycle, when nothing is under way: what lay there before it was taken over or removed. After the first one it is listed
   * once more: a session that broke off before this one may have done its last bit only since.
   */
  settle(): void {
    if (this.#listing === undefined) return;
    this.#listing = this.#isSettled ? Promise.resolve([]) : undefined;
    this.#isSettled = true;
  }

  async #listAll(): Promise<RemoteFile[]> {
    const found: RemoteFile[] = [];
    for await (const each of this.#target.list(CONTROL)) found.push(each);
    return found;
  }

  /** Also where that cannot be told. */
  #hasTree(): Promise<boolean> {
    return this.#target.rootMode().then(
      (mode) => mode !== undefined,
      () => true,
    );
  }

  /** Undefined where it could not be looked at. */
  #kindAt(path: RelPath): Promise<RemoteFile['kind'] | 'missing' | undefined> {
    return this.#target.stat(path).then(
      (there) => there?.kind ?? 'missing',
      () => undefined,
    );
  }
}
