/**
 * The local half of a run, carried out in a thread of its own.
 */
import module from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { atRest, wasAtRest } from '../collect/at-rest.js';
import { type Since, sinceBaseline } from '../collect/since/since-baseline.js';
import { collectSinceCheckpoint } from '../collect/since/since-checkpoint.js';
import {
  type LocalHooks,
  type LocalResult,
  type LocalRun,
  type LocalThread,
  type LocalWork,
  wholeOf,
} from '../collect/thread/in-thread.js';
import type { Entry } from '../core/entry.js';
import type { Snapshot } from '../core/snapshot.js';
import { workOf } from '../cycle/local-work.js';
import type { CollectReport } from '../cycle/report.js';
import type { Problem } from '../errors.js';
import { Pacer } from '../fs/pace.js';
import type { CycleOptions } from '../sync.js';
import type { CommandInput } from './command-input.js';
import { LaterLooks } from './later-looks.js';
import { storageLine } from './render.js';
import type { Session } from './session.js';
import { version } from './version.js';

/** What the local half brings: STATIC_ROOT as it is now. */
export interface Local {
  /** All of it. Where only what has changed was looked at, it is looked at now. */
  readonly snapshot: () => Promise<Snapshot>;
  /** With what was met by a look that was made later. */
  readonly report: CollectReport;
  /** Where it was all looked at, and no target was given what was looked at later and is something else. */
  readonly baseline: () => string | undefined;
}

/** The local half under way. */
export interface LocalHalf extends Pick<CycleOptions, 'since' | 'arrivals' | 'atRest'> {
  readonly local: Promise<Local>;
  /** What was read. */
  readonly contents: Pick<LocalRun['contents'], 'take' | 'of'>;
}

export interface LocalOptions {
  readonly collect: 'collect' | 'scan';
  readonly reread: 'all' | undefined;
  readonly mode: 'write' | 'dry-run';
  readonly guards: 'heed' | 'pass';
  /** Whether somebody will send what is read. */
  readonly contents: 'keep' | 'drop';
}

/** Collects, or scans STATIC_ROOT if that is all there is to do; only what has changed, where that is known. */
export function beginLocal(
  thread: LocalThread,
  session: Session,
  options: LocalOptions,
  input: CommandInput,
): LocalHalf {
  const [started, atMs] = [performance.now(), Date.now()];
  const { mode, collect, guards } = options;
  tellStorage(session, options.collect, input);
  const hooks = localHooks(session, input);
  const work = workOf(session.config, { mode, collect, env: input.process.env });
  const baseline = baselineFor(work, options);
  const checkpoint = baseline === undefined ? undefined : version();
  const settings = { ...settingsOf(session, options), baseline, checkpoint };
  let begun: LocalRun | undefined;
  const run = (): LocalRun => (begun ??= thread.run(work, settings, hooks));
  const quick = baseline === undefined ? Promise.resolve(undefined) : sinceLeft(thread, work, settings, hooks);
  const later = new LaterLooks(thread, work, settings, hooks);
  const local = quick.then(async (part): Promise<Local> => {
    const result = part ?? (await wholeOf(run()));
    const report = reportOf(result, started);
    return {
      snapshot: async () => (part === undefined ? result.snapshot : later.atAll(part)),
      baseline: () => (later.isOther ? undefined : result.baseline),
      get report() {
        const fresh = later.problems.filter((each) => !isAmong(each, report.problems));
        return { ...report, problems: [...report.problems, ...fresh] };
      },
    };
  });
  const { root } = session.config.static;
  const whenAtRest: LocalHalf['atRest'] = async (missing, from) => {
    const part = await quick;
    if (part?.snapshot === from && wasAtRest(root, missing, { snapshot: from, atMs }, part.folders())) return from;
    const snapshot = await (await local).snapshot();
    return atRest(root, missing, { snapshot, atMs }, () => later.anew(), new Pacer(hooks));
  };
  for (const each of [quick, local]) each.catch(() => undefined); // whoever comes to it hears of its failure
  return {
    local,
    since: quick,
    arrivals: arrivalsOf(quick, run),
    atRest: work.kind === 'scan' && guards === 'heed' ? whenAtRest : undefined,
    contents: {
      take: (digest) => (begun?.contents ?? later.contents)?.take(digest),
      of: (digest) => (begun?.contents ?? later.contents)?.of(digest),
    },
  };
}

function isAmong({ path, code }: Problem, problems: readonly Problem[]): boolean {
  return problems.some((each) => each.path === path && each.code === code);
}

/** What has changed since a run before left a checkpoint or a baseline; undefined where all is to be looked at. */
export async function sinceLeft(...on: Parameters<typeof sinceBaseline>): Promise<Since | undefined> {
  return (await collectSinceCheckpoint(...on)) ?? sinceBaseline(...on);
}

/** What a baseline is made for: all that decides what is made of the files. Undefined where all is to be looked at. */
export function baselineFor(
  work: LocalWork,
  { mode, reread, guards }: Pick<LocalOptions, 'mode' | 'reread' | 'guards'>,
): string | undefined {
  const isQuick = mode === 'write' && reread === undefined && guards === 'heed' && work.kind !== 'collectstatic';
  return isQuick ? JSON.stringify([version(), work]) : undefined;
}

/** Of the run that looks at all, if there is to be one: for each target from the first one on. */
function arrivalsOf(quick: Promise<unknown>, run: () => LocalRun): NonNullable<CycleOptions['arrivals']> {
  return { [Symbol.asyncIterator]: () => batchesOf(quick, run) };
}

async function* batchesOf(quick: Promise<unknown>, run: () => LocalRun): AsyncGenerator<readonly Entry[], void> {
  const isWhole = await quick.then(
    (part) => part === undefined,
    () => false,
  );
  if (isWhole) yield* run().arrivals;
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
