/**
 * How the last run of each target from this machine ended, written down for `status`.
 */
import { problemsOf } from '../core/outcome.js';
import type { Problem } from '../errors.js';
import type { TargetJob } from '../sync.js';
import { failureOf } from '../system-error.js';
import { type Ending } from './report.js';

const LAST_RUN = 'last-run.json';

export interface LastRun {
  /** ISO 8601. */
  readonly at: string;
  readonly ok: boolean;
  readonly error: string | null;
  /** When one last went well; null where none did. */
  readonly succeededAt: string | null;
}

/** `collected`: of what could not be collected before. A place that cannot be written is no trouble: it is a memory aid. */
export async function rememberEnding(
  job: TargetJob,
  ending: Ending,
  now: number,
  collected: readonly Problem[] = [],
): Promise<void> {
  const at = new Date(now).toISOString();
  const error =
    ending.kind === 'error' ? failureOf(ending.error).message : firstOf(problemsOf(ending.result.outcomes), collected);
  const ok = error === null;
  const succeededAt = ok ? at : ((await recallLastRun(job))?.succeededAt ?? null);
  await job.cache.write(LAST_RUN, JSON.stringify({ at, ok, error, succeededAt })).catch(() => undefined);
}

export async function recallLastRun({ cache }: TargetJob): Promise<LastRun | null> {
  const text = await cache.read(LAST_RUN);
  try {
    if (text === undefined) return null;
    const {
      at = '',
      ok = false,
      error = null,
      succeededAt = null,
    } = (JSON.parse(text.toString()) ?? {}) as Partial<LastRun>;
    return { at, ok, error, succeededAt }; // a version before did not write all of it
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function firstOf(...problems: readonly (readonly Problem[])[]): string | null {
  const [first] = problems.flat();
  return first === undefined ? null : `${first.path}: ${first.message}`;
}
