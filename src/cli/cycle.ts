/**
 * cycle: the local half of a run and all its targets, each on its own.
 */
import type { Snapshot } from '../core/snapshot.js';
import type { ExitStatus, Problem } from '../errors.js';
import { retry } from '../push/retry.js';
import { type CycleOptions, syncTarget, type TargetJob } from '../sync.js';
import type { CommandInput } from './program.js';
import { type CollectReport, type Ending, statusOf, type TargetReport, targetReport } from './report.js';
import type { Session } from './session.js';

const RETRIES = 2; // a person waits for a one-shot run

/** What the local half brings: STATIC_ROOT as it is now. */
export interface Local {
  readonly snapshot: Snapshot;
  readonly report: CollectReport;
}

export interface LocalOptions {
  readonly collect: 'collect' | 'scan';
  readonly reread: 'all' | undefined;
  readonly mode: 'write' | 'dry-run';
  readonly guards: 'heed' | 'pass';
}

export interface TargetsRun {
  readonly endings: readonly Ending[];
  readonly reports: readonly TargetReport[];
  readonly status: ExitStatus;
}

/** Collects, or scans STATIC_ROOT if that is all there is to do. */
export async function localSnapshot(session: Session, options: LocalOptions, input: CommandInput): Promise<Local> {
  const { static: statics, source } = session.config;
  const started = performance.now();
  const common = {
    state: session.state,
    signal: input.signal,
    ...(options.reread === undefined ? {} : { reread: options.reread }),
    ...(options.guards === 'pass' ? { force: 'past-guards' as const } : {}),
    onProgress: (progress: { files: number; bytes: number }) => session.face.collecting(progress),
    onWarning: (text: string) => input.output.warn(text),
  };
  if (options.collect === 'scan' || statics.storage === 'none') {
    const { scanOnly } = await import('../collect/scan-only.js');
    const snapshot = await scanOnly(statics.root, common);
    return { snapshot, report: report(snapshot.entries.length, [], [], snapshot.problems, started) };
  }
  const { collect } = await import('../collect/collect.js');
  const project = { sources: source.dirs, ignore: source.ignore, root: statics.root, permissions: statics.permissions };
  const collected = await collect(project, { ...common, mode: options.mode });
  const { snapshot, copied, removed, problems } = collected;
  return { snapshot, report: report(collected.files, copied, removed, problems, started) };
}

/** Runs the cycle of every target at once. One that fails holds up no other. */
export async function runTargets(
  { face }: Pick<Session, 'face'>,
  jobs: readonly TargetJob[],
  local: Promise<Local>,
  options: CycleOptions,
  input: CommandInput,
): Promise<TargetsRun> {
  const snapshot = local.then((each) => each.snapshot);
  // Each target comes to it when it is connected; until then nobody else hears of its failure.
  snapshot.catch(() => undefined);
  const endings = await Promise.all(
    jobs.map((job) => runTarget(job, snapshot, { ...options, onEvent: (event) => face.event(event) }, input)),
  );
  face.end();
  // What stopped the local half stopped every target; it is one error, not one for each.
  const { report: collected } = await local;
  const reports = jobs.map((job, i) => targetReport(job.name, endings[i] as Ending, options.act));
  return { endings, reports, status: statusOf(collected.problems, endings) };
}

async function runTarget(
  job: TargetJob,
  snapshot: Promise<Snapshot>,
  options: CycleOptions,
  input: CommandInput,
): Promise<Ending> {
  const started = performance.now();
  try {
    let attempt = 0;
    const result = await retry(() => syncTarget(job, snapshot, { ...options, run: `${options.run}-${attempt++}` }), {
      retries: RETRIES,
      signal: options.signal,
      onRetry: (error) => input.output.note(`${job.name}: ${error.message}; trying again`),
    });
    return { kind: 'result', result, durationMs: performance.now() - started };
  } catch (error) {
    options.signal?.throwIfAborted();
    return { kind: 'error', error, durationMs: performance.now() - started };
  }
}

function report(
  files: number,
  copied: readonly unknown[],
  removed: readonly unknown[],
  problems: readonly Problem[],
  started: number,
): CollectReport {
  const durationMs = Math.round(performance.now() - started);
  return { files, copied: copied.length, removed: removed.length, hashed: 0, durationMs, problems };
}
