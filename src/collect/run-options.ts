/**
 * What collect and scanOnly are told about a run, beside what to work on.
 */
import type { Digest, Entry } from '../core/entry.js';
import type { StateFolder } from '../fs/state.js';
import { reasonForAny } from '../system-error.js';
import type { Progress } from './identify.js';
import type { Helper } from './thread/helper.js';

export interface RunOptions {
  readonly state: StateFolder;
  /** Go on although a source looks lost. */
  readonly force?: 'past-guards' | undefined;
  /** Read every file, whatever its stamp says. */
  readonly reread?: 'all' | undefined;
  /** Leave to the next run what it needs to look only what has changed, if it is of this version. */
  readonly checkpoint?: string | undefined;
  /** Leave a baseline that holds for this, if there is nothing to do. */
  readonly baseline?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Takes part where there is much to read or to write; `keep` is not shown what it reads. */
  readonly helper?: Helper | undefined;
  /** Is shown each small content that is read. */
  readonly keep?: ((digest: Digest, bytes: Uint8Array) => void) | undefined;
  /** Is told how many files there are, of the sources first, before the first of them is read; of very many, as they are found. */
  readonly onFound?: ((files: number) => void) | undefined;
  /** Is told how many files of STATIC_ROOT are known from a run before, before any of them is told of. */
  readonly onKnown?: ((files: number) => void) | undefined;
  /** Is told of each entry of the snapshot once, as soon as nothing will change it any more, in no particular order. */
  readonly onEntry?: ((entry: Entry) => void) | undefined;
  /** Called every few milliseconds. Counts the files of the sources first, if they are read, then those of STATIC_ROOT. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Told, in a sentence, what makes the next run slower but not this one wrong. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Writes to the state folder. That it cannot be written is a warning: everything in it is a cache. */
export async function saveState({ state, signal, onWarning }: RunOptions, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    signal?.throwIfAborted();
    onWarning?.(
      `cannot write to the state folder ${state.path}: ${reasonForAny(error)}; the next run will take longer, and may leave what vanishes from the sources`,
    );
  }
}
