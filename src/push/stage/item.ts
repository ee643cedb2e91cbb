/**
 * Item: one file on its way to the stage.
 */
import type { Entry } from '../../core/entry.js';
import { join, type RelPath } from '../../core/relpath.js';
import { placeIn, type WholeFolder } from './whole-folders.js';

/** Sent whole, made of content that lay there, or of some that did and the rest that was sent. */
export type Way = 'uploaded' | 'linked' | 'patched';

/** Its place follows from its digest and number: names would be ten megabytes. */
export interface Item {
  readonly entry: Entry;
  number: number;
  /** Public files with the same content. */
  readonly held: readonly Entry[];
  /** The first one with the same content. */
  readonly twin: Item | undefined;
  /** Whether what is known of public files is so. Nothing is made of them before that. */
  readonly isCurrent: Promise<boolean> | undefined;
  /** The public file that it is a new version of. */
  readonly former: Entry | undefined;
  /** The folder that it is staged in, to be published with it. */
  folder: WholeFolder | undefined;
  state: 'waiting' | 'staged';
  way: Way;
  /** Made of a public file: true to its name only if nobody has written to the target by the time that it is announced. */
  isDerived: boolean;
  /** Whether it is on the stage or will not be; until then, who waits for that. */
  hasEnded: boolean;
  waiting: (() => void)[] | undefined;
}

/** Below the folder of its run. What may not be taken over by another run has no digest in its name. */
export function placeOf({ entry, number, folder, isDerived }: Item, run: RelPath): RelPath {
  const name = isDerived ? `derived.${number}` : `${entry.digest}.${number}`;
  return join(run, folder === undefined ? (name as RelPath) : placeIn(folder, entry));
}

/** Whether some of its content may be there already, under another name or as an older version. */
export function mayBeDerived({ held, former, twin }: Item): boolean {
  return held.length > 0 || former !== undefined || (twin !== undefined && mayBeDerived(twin));
}

/** Whether `item` was staged for a file like `entry`: the same content, time and mode. */
export function isFor(item: Item | undefined, { digest, mtime, mode }: Entry): boolean {
  return item?.entry.digest === digest && item.entry.mtime === mtime && item.entry.mode === mode;
}
