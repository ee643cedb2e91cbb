/**
 * The targets of a run, each with a cycle of its own.
 */
import type { Snapshot } from '../core/snapshot.js';
import { rememberEnding } from '../cycle/last-run.js';
import { type Ending, statusOf, type TargetReport, targetReport } from '../cycle/report.js';
import { resumed } from '../cycle/resumed.js';
import { type ExitStatus, InterruptedError } from '../errors.js';
import { committedBefore } from '../push/committed.js';
import { retry } from '../push/retry.js';
import { type CycleEvent, type CycleOptions, type CycleResult, syncTarget, type TargetJob } from '../sync.js';
import type { CommandInput } from './command-input.js';
import type { Local } from './local-run.js';
import type { Session } from './session.js';

export const RETRIES = 2; // a person waits for a one-shot run

export interface TargetsRun {
  readonly endings: readonly Ending[];
  readonly reports: readonly TargetReport[];
  readonly status: ExitStatus;
}

/**
 * Runs the cycle of every target at once. One that fails holds up no other. How each of them ended is remembered, before
 * what stopped them all is thrown: an interruption, or trouble of the local half.
 */
export async function runTargets(
  { face }: Pick<Session, 'face'>,
  jobs: readonly TargetJob[],
  local: Promise<Local>,
  options: CycleOptions,
  input: Pick<CommandInput, 'output'>,
): Promise<TargetsRun> {
  const snapshot = async (): Promise<Snapshot> => (await local).snapshot();
  const endings = await Promise.all(
    jobs.map((job, i) => {
      // Two of them may lead to one place all the same, and each is another writer there.
      const own = { ...options, run: `${options.run}-${i}`, onEvent: (event: CycleEvent) => face.event(event) };
      return runTarget(job, snapshot, own, input);
    }),
  );
  face.end();
  if (options.act === 'push') {
    const problems = await local.then(({ report }) => report.problems).catch(() => []); // then each ending says why
    await Promise.all(jobs.map((job, i) => rememberEnding(job, endings[i] as Ending, Date.now(), problems)));
  }
  if (endings.some(isInterrupted)) options.signal?.throwIfAborted();
  // What stopped the local half stopped every target; it is one error, not one for each.
  const { report: collected } = await local;
  const reports = jobs.map((job, i) => targetReport(job.name, endings[i] as Ending, options.act));
  return { endings, reports, status: statusOf(collected.problems, endings) };
}

async function runTarget(
  job: TargetJob,
  snapshot: () => Promise<Snapshot>,
  options: CycleOptions,
  input: Pick<CommandInput, 'output'>,
): Promise<Ending> {
  const started = performance.now();
  const errors: unknown[] = [];
  const attempt = async (): Promise<CycleResult> => {
    try {
      return await syncTarget(job, snapshot, { ...options, run: `${options.run}-${errors.length}` });
    } catch (error) {
      errors.push(error);
      throw error;
    }
  };
  try {
    const result = await retry(attempt, {
      retries: RETRIES,
      signal: options.signal,
      onRetry: (error) => input.output.note(`${job.name}: ${error.message}; trying again`),
    });
    return {
      kind: 'result',
      result: resumed(result, committedBefore(errors)),
      durationMs: performance.now() - started,
    };
  } catch (error) {
    const reason = options.signal?.aborted === true ? new InterruptedError() : error;
    return {
      kind: 'error',
      error: reason,
      committed: committedBefore(errors),
      durationMs: performance.now() - started,
    };
  }
}

function isInterrupted(ending: Ending): boolean {
  return ending.kind === 'error' && ending.error instanceof InterruptedError;
}
