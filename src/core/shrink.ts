/**
 * guardSources: refuses to collect from sources that look lost rather than changed: unmounted, emptied, cut down.
 *
 * What is not in a source any more is removed from STATIC_ROOT and then from every server, so a source that suddenly
 * has far fewer files than at the last run is believed only when the user says so.
 */
import { SafetyError } from '../errors.js';

const FEWEST_TO_JUDGE = 10; // below that, half of the files is an ordinary edit
const FEW_LOST = 5;
const LOST_OF_ALL = 1 / 10;

/** A folder that files are taken from, and how many it has. */
export interface Counted {
  /** The same for the same folder at the next run, and for no other one. */
  readonly key: string;
  /** For messages. */
  readonly path: string;
  readonly files: number;
}

/**
 * Throws a SafetyError for the first folder that lost all its files or more than half of them since the last run, and
 * if there is no file in any of them (unless there was none at the last run either). `before` holds the files at the last run by
 * key; a folder without one is new. What goes little by little is counted by no run: a folder had no more than it has and the
 * files, `lost` in number, that were collected from all of them and that none has any more. Asked only of what looks as if.
 */
export function guardSources(
  now: readonly Counted[],
  before: ReadonlyMap<string, number>,
  lost: () => number = () => Number.POSITIVE_INFINITY,
): void {
  for (const { key, path, files } of now) {
    const had = before.get(key) ?? 0;
    if (isShrunken(had, files) && isShrunken(files === 0 ? had : Math.min(had, files + lost()), files)) {
      throw new SafetyError(
        `cannot collect from ${path}: it had ${had} files at the last run and has ${files} now; if that is right, sync or collect with --force`,
      );
    }
  }
  const wasAccepted = now.length > 0 && now.every(({ key }) => before.get(key) === 0);
  if (!wasAccepted && now.every(({ files }) => files === 0)) {
    const paths = now.map(({ path }) => path).join(', ') || 'there is no source';
    throw new SafetyError(
      `cannot collect: no source holds a file (${paths}); if that is right, sync or collect with --force`,
    );
  }
}

/** Whether a folder that lost so many of the files that it `had` is to be looked at as a whole, for `guardSources` to judge. */
export function isMuchLost(lost: number, had = 0): boolean {
  return lost > Math.max(FEW_LOST, had * LOST_OF_ALL);
}

/** The same of a folder of which is known how many files it had; one that has none any more may be lost, however few they were. */
export function mayBeLost(lost: number, had: number): boolean {
  return lost > 0 && (lost >= had || isMuchLost(lost, had));
}

function isShrunken(had: number, has: number): boolean {
  if (has === 0) return had > 0;
  return had >= FEWEST_TO_JUDGE && has * 2 < had;
}
