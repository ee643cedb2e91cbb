/**
 * The local half of a run, carried out in a thread of its own.
 */
import module from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { type LocalHooks, type LocalResult, type LocalRun, type LocalThread, wholeOf } from '../collect/in-thread.js';
import type { Snapshot } from '../core/snapshot.js';
import { workOf } from '../cycle/local-work.js';
import type { CollectReport } from '../cycle/report.js';
import type { CommandInput } from './command-input.js';
import { storageLine } from './render.js';
import type { Session } from './session.js';

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

/** Why it is Django that collects, where it is. */
export function tellStorage({ config }: Session, collect: LocalOptions['collect'], { output }: CommandInput): void {
  const reason = collect === 'collect' ? storageLine(config) : undefined;
  if (reason !== undefined) output.note(reason);
}

export function settingsOf(
  { state }: Session,
  { reread, contents, guards }: Pick<LocalOptions, 'reread' | 'contents' | 'guards'>,
) {
  const force = guards === 'pass' ? ('past-guards' as const) : undefined;
  return { statePath: state.path, reread, contents, force, heap: 'small' as const };
}

export function localHooks({ face }: Session, { signal, output }: CommandInput): LocalHooks {
  let progressed = false;
  return {
    signal,
    onProgress: (progress) => {
      if (!progressed) compileLess();
      progressed = true;
      face.collecting(progress);
    },
    onWarning: (text) => output.warn(text),
  };
}

export function reportOf({ files, copied, removed, hashed, problems }: LocalResult, started: number): CollectReport {
  return { files, copied, removed, hashed, durationMs: Math.round(performance.now() - started), problems };
}

/**
 * A Node that keeps no compiled code between runs compiles all of it each time, beside the work: a tenth of the processor
 * time of a run of seconds goes into what is inlined. Not before the program is loaded: once a flag differs, Node compiles
 * its own modules anew as well, for 45 ms.
 */
function compileLess(): void {
  if (!('enableCompileCache' in module)) setFlagsFromString('--no-turbo-inlining');
}
