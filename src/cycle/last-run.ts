/**
 * How the last run of each target from this machine ended, written down for `status`.
 */
import { problemsOf } from '../core/apply.js';
import type { TargetJob } from '../sync.js';
import { type Ending, errorOf } from './report.js';

const LAST_RUN = 'last-run.json';

export interface LastRun {
  /** ISO 8601. */
  readonly at: string;
  readonly ok: boolean;
  readonly error: string | null;
}

/** A place that cannot be written is no trouble: it is a memory aid. */
export async function rememberEndings(
  jobs: readonly TargetJob[],
  endings: readonly Ending[],
  now: number,
): Promise<void> {
  const at = new Date(now).toISOString();
  await Promise.allSettled(
    jobs.map(async ({ cache }, i) => {
      const ending = endings[i];
      if (ending === undefined) return;
      const error = ending.kind === 'error' ? errorOf(ending.error).message : firstProblem(ending);
      await cache.write(LAST_RUN, JSON.stringify({ at, ok: error === null, error }));
    }),
  );
}

export async function recallLastRun({ cache }: TargetJob): Promise<LastRun | null> {
  const text = await cache.read(LAST_RUN);
  try {
    return text === undefined ? null : (JSON.parse(text.toString()) as LastRun);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function firstProblem(ending: Extract<Ending, { kind: 'result' }>): string | null {
  const [first] = problemsOf(ending.result.outcomes);
  return first === undefined ? null : `${first.path}: ${first.message}`;
}
