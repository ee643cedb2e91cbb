/**
 * runSync: one cycle for each target, carried out or only planned; and how its result is shown.
 */
import type { LocalThread } from '../collect/thread/in-thread.js';
import type { Digest } from '../core/entry.js';
import { chooseTargets, cycleOptions, jobsOf } from '../cycle/jobs.js';
import { changeReport, type Ending, type SyncReport, type TargetReport } from '../cycle/report.js';
import { EXIT, type ExitStatus } from '../errors.js';
import type { CommandInput } from './command-input.js';
import { beginLocal } from './local-run.js';
import type { Output } from './output.js';
import { changeLines, collectLine, planLine, problemLines, targetLine } from './render.js';
import { jobMeans, type Session, signingIn } from './session.js';
import { runTargets } from './targets-run.js';

export interface SyncOptions {
  readonly dryRun?: boolean;
  readonly collect: boolean;
  readonly checksum?: boolean;
  readonly delete: boolean;
  readonly force?: boolean;
  readonly standalone?: boolean;
}

export interface SyncRun {
  readonly status: ExitStatus;
  readonly document: SyncReport;
  readonly endings: readonly Ending[];
  readonly act: 'push' | 'only-plan';
}

/** Files: from here on the memory of a thread that has nothing to do is missed. */
const BIG_TREE = 20_000;

export async function runSync(
  thread: LocalThread,
  session: Session,
  input: CommandInput,
  names: readonly string[],
  options: SyncOptions,
): Promise<SyncRun> {
  const guards = options.force === true ? 'pass' : 'heed';
  const act = options.dryRun === true ? 'only-plan' : 'push';
  const jobs = await jobsOf(
    chooseTargets(session.config, names),
    { deletion: options.delete ? 'delete' : 'keep', guards },
    jobMeans(session, input),
  );
  const { local, since, contents, arrivals, atRest } = beginLocal(
    thread,
    session,
    {
      collect: options.collect ? 'collect' : 'scan',
      reread: options.checksum === true ? 'all' : undefined,
      mode: act === 'push' ? 'write' : 'dry-run',
      contents: act === 'push' ? 'keep' : 'drop',
      guards,
    },
    input,
  );
  const contentOf = (digest: Digest) => (jobs.length === 1 ? contents.take(digest) : contents.of(digest));
  const baseline = async (): Promise<string | undefined> => (await local).baseline();
  local.then(({ report: { files } }) => (files > BIG_TREE ? thread.putAside() : undefined)).catch(() => undefined);
  const foreign = guards === 'pass' ? ('take-over' as const) : undefined;
  const run = await runTargets(
    session,
    jobs,
    local,
    {
      ...cycleOptions(session.config),
      ...signingIn(thread, input),
      act,
      foreign,
      since,
      baseline,
      arrivals,
      atRest,
      contentOf,
    },
    input,
  );
  const { report: collect } = await local;
  const document = { ok: run.status === EXIT.done, collect, targets: run.reports };
  return { status: run.status, document, endings: run.endings, act };
}

export function showSync({ document, endings, act }: SyncRun, output: Output): void {
  const { collect, targets } = document;
  output.document(document);
  output.print(collectLine(collect, act));
  for (const [i, target] of targets.entries()) showTarget(target, endings[i], act, output);
  for (const line of problemLines(collect.problems)) output.trouble(line);
}

function showTarget(target: TargetReport, ending: Ending | undefined, act: 'push' | 'only-plan', output: Output): void {
  if (ending?.kind === 'error') {
    output.trouble(targetLine(target));
    return output.details(ending.error);
  }
  if (act === 'only-plan') return output.print(planLine(target), ...changeLines(target.changes ?? []));
  output.print(targetLine(target));
  const isItemized = output.flags.verbosity > 0 && ending?.kind === 'result';
  if (isItemized) output.print(...changeLines(ending.result.plan.changes.map(changeReport)));
  for (const line of problemLines(target.problems)) output.trouble(`${target.name}: ${line}`);
}
