/**
 * Hand: a Helper that does its part in the thread that it is asked in.
 */
import type { RelPath } from '../../core/relpath.js';
import { FileError } from '../../errors.js';
import { Pacer } from '../../fs/pace.js';
import { digestAtOnce, digestFile, type Reading } from '../digest.js';
import { KeptContents } from '../kept-contents.js';
import { StaticRoot } from '../static-root.js';
import { type Helper, PutFacts, type PutList, ReadFacts, type ReadList, type SharedList } from './helper.js';
import { isClosed, type Turn, take } from './turn.js';

export class Hand implements Helper {
  /** Of the files that were read here: those that will be written here, for the most part. */
  readonly #contents = new KeptContents();

  help(list: SharedList): Promise<void> {
    return list.kind === 'read' ? this.#read(list) : this.#put(list);
  }

  async #read(list: ReadList): Promise<void> {
    const { files, turn } = list;
    const facts = new ReadFacts(list.facts);
    const pacer = new PacerFor(turn);
    for (let at = files.length - 1; take(turn) < files.length; at--) {
      const reading = await unlessTrouble(() => this.#readOne(list, at, pacer));
      if (reading !== undefined) facts.set(at, reading);
      if (pacer.isDue) await unlessTrouble(() => pacer.breathe());
    }
  }

  /** Undefined for a file that is not as it was listed. */
  async #readOne({ files, sizes, stamps, also }: ReadList, at: number, pacer: Pacer): Promise<Reading | undefined> {
    const [file = '', size = 0, stamp = ''] = [files[at], sizes[at], stamps[at]];
    const atOnce = digestAtOnce(file, size, stamp, also);
    if (atOnce === undefined) {
      const reading = await digestFile(file, pacer, undefined, also);
      return reading.stamp === stamp ? reading : undefined;
    }
    if (also !== undefined) this.#contents.keep(atOnce.digest, atOnce.bytes);
    return atOnce;
  }

  async #put({
    root: place,
    permissions,
    fresh,
    sources,
    paths,
    sizes,
    digests,
    turn,
    ...list
  }: PutList): Promise<void> {
    const facts = new PutFacts(list.facts);
    const pacer = new PacerFor(turn);
    const root = new StaticRoot(place, permissions, pacer, this.#contents, fresh);
    for (let at = paths.length - 1; take(turn) < paths.length; at--) {
      const [file = '', size = 0, digest = ''] = [sources[at], sizes[at], digests[at]];
      const entry = { path: paths[at] as RelPath, size, digest, mtime: 0, mode: 0 };
      const put = await unlessTrouble(() => root.put({ file }, entry, 'exact'));
      if (put !== undefined) facts.set(at, put);
      if (pacer.isDue) await unlessTrouble(() => pacer.breathe());
    }
  }
}

/** In the middle of a large file it looks whether anybody still wants it. */
class PacerFor extends Pacer {
  readonly #turn: Turn;

  constructor(turn: Turn) {
    super();
    this.#turn = turn;
  }

  override async breathe(): Promise<void> {
    await super.breathe();
    if (isClosed(this.#turn)) throw new FileError('CHANGED', 'it is not wanted any more');
  }
}

async function unlessTrouble<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}
