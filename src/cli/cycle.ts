/**
 * cycle: the local half of a run and all its targets, each on its own.
 */
import module from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { type LocalHooks, type LocalResult, type LocalRun, type LocalThread, wholeOf } from '../collect/in-thread.js';
import { collectSinceCheckpoint } from '../collect/since-checkpoint.js';
import type { Snapshot } from '../core/snapshot.js';
import { workOf } from '../cycle/local-work.js';
import { type CollectReport, type Ending, statusOf, type TargetReport, targetReport } from '../cycle/report.js';
import type { ExitStatus } from '../errors.js';
import { retry } from '../push/retry.js';
import { type CycleOptions, syncTarget, type TargetJob } from '../sync.js';
import type { CommandInput } from './command-input.js';
import { storageLine } from './render.js';
import type { Session } from './session.js';

const MANY_FILES = 20_000; // from here on memory is dearer than a tenth of the time
const RETRIES = 2; // a person waits for a one-shot run

/** What the local half brings: STATIC_ROOT as it is now. */
export interface Local {
  readonly snapshot: Snapshot;
  readonly report: CollectReport;
}

/** The local half under way. */
export interface LocalHalf extends Pick<LocalRun, 'contents' | 'arrivals'> {
  readonly local: Promise<Local>;
}

export interface LocalOptions {
  readonly collect: 'collect' | 'scan';
  readonly reread: 'all' | undefined;
  readonly mode: 'write' | 'dry-run';
  readonly guards: 'heed' | 'pass';
  /** Whether somebody will send what is read. */
  readonly contents: 'keep' | 'drop';
}

export interface TargetsRun {
  readonly endings: readonly Ending[];
  readonly reports: readonly TargetReport[];
  readonly status: ExitStatus;
}

/** Collects, or scans STATIC_ROOT if that is all there is to do. */
export function beginLocal(
  thread: LocalThread,
  session: Session,
  options: LocalOptions,
  input: CommandInput,
): LocalHalf {
  const started = performance.now();
  const { mode, collect } = options;
  tellStorage(session, options.collect, input);
  const hooks = localHooks(session, input);
  const run = thread.run(
    workOf(session.config, { mode, collect, env: input.process.env }),
    settingsOf(session, options),
    hooks,
  );
  const local = wholeOf(run).then(
    (result): Local => ({ snapshot: result.snapshot, report: reportOf(result, started) }),
  );
  return { local, contents: run.contents, arrivals: run.arrivals };
}

/** Collects for whoever wants to know no more than what it did: what has changed since the last time, where that is known. */
export async function collectAlone(
  thread: LocalThread,
  session: Session,
  options: Pick<LocalOptions, 'mode' | 'guards'>,
  input: CommandInput,
): Promise<CollectReport> {
  const started = performance.now();
  tellStorage(session, 'collect', input);
  const work = workOf(session.config, { mode: options.mode, collect: 'collect', env: input.process.env });
  const settings = {
    ...settingsOf(session, { ...options, reread: undefined, contents: 'drop' }),
    snapshot: 'drop' as const,
    checkpoint: 'leave' as const,
  };
  const hooks = localHooks(session, input);
  const isForced = options.guards === 'pass';
  const quick = isForced ? undefined : await collectSinceCheckpoint(thread, work, settings, hooks);
  return reportOf(quick ?? (await wholeOf(thread.run(work, settings, hooks))), started);
}

/** Why it is Django that collects, where it is. */
function tellStorage({ config }: Session, collect: LocalOptions['collect'], { output }: CommandInput): void {
  const reason = collect === 'collect' ? storageLine(config) : undefined;
  if (reason !== undefined) output.note(reason);
}

function settingsOf(
  { state }: Session,
  { reread, contents, guards }: Pick<LocalOptions, 'reread' | 'contents' | 'guards'>,
) {
  const force = guards === 'pass' ? ('past-guards' as const) : undefined;
  return { statePath: state.path, reread, contents, force };
}

function localHooks({ face }: Session, { signal, output }: CommandInput): LocalHooks {
  let progressed = false;
  return {
    signal,
    onProgress: (progress) => {
      if (!progressed) compileLess();
      progressed = true;
      if (progress.files > MANY_FILES) keepHeapSmall();
      face.collecting(progress);
    },
    onWarning: (text) => output.warn(text),
  };
}

function reportOf({ files, copied, removed, hashed, problems }: LocalResult, started: number): CollectReport {
  return { files, copied, removed, hashed, durationMs: Math.round(performance.now() - started), problems };
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

/**
 * A Node that keeps no compiled code between runs compiles all of it each time, beside the work: a tenth of the processor
 * time of a run of seconds goes into what is inlined. Not before the program is loaded: once a flag differs, Node compiles
 * its own modules anew as well, for 45 ms.
 */
function compileLess(): void {
  if (!('enableCompileCache' in module)) setFlagsFromString('--no-turbo-inlining');
}

/** Big trees leave garbage that lived a little too long. Left alone, the heaps double before they are looked at. */
function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20');
}
