/**
 * `pushstatic status`: of the daemon if one runs; what each target holds by its index, and how its last run from this
 * machine ended.
 */

import type { Config } from '../../config/schema.js';
import { chooseTargets, cycleOptions, jobsOf } from '../../cycle/jobs.js';
import { type LastRun, recallLastRun } from '../../cycle/last-run.js';
import type { DaemonStatus, TargetStatus as Standing } from '../../daemon/status.js';
import { EXIT, type ExitStatus, type Failure } from '../../errors.js';
import { IndexStore } from '../../push/index/store.js';
import type { CycleOptions, TargetJob } from '../../sync.js';
import { failureOf } from '../../system-error.js';
import type { CommandInput } from '../command-input.js';
import { daemonLines, standingLines } from '../cycle-lines.js';
import { findDaemon, requireDaemon } from '../find-daemon.js';
import { jobMeans, openSession } from '../session.js';
import { bytes, files } from '../units.js';

interface TargetStatus {
  readonly name: string;
  readonly url: string;
  readonly state: 'settled' | 'pending' | 'empty' | 'damaged' | 'unreachable';
  readonly generation: number;
  readonly files: number;
  readonly bytes: number;
  readonly pending: number;
  /** When the index was last committed, from whatever machine. */
  readonly committedAt: string | null;
  readonly lastRun: LastRun | null;
  readonly error?: Failure;
}

export async function statusCommand(input: CommandInput, names: readonly string[]): Promise<ExitStatus> {
  const session = await openSession(input).catch((error: unknown) => showDaemonAlone(input, error));
  const licence = { deletion: 'keep', guards: 'heed' } as const;
  const jobs = await jobsOf(chooseTargets(session.config, names), licence, {
    ...jobMeans(session, input),
    secrets: 'when connecting',
  });
  const options = { ...cycleOptions(session.config), signal: input.signal, act: 'only-plan' } as const;
  const [daemon, statuses] = await Promise.all([
    daemonStatus(session.config, input),
    Promise.all(jobs.map((job) => look(job, options))),
  ]);
  const ok = statuses.every(({ state }) => state === 'settled');
  input.output.document({ ok, daemon, targets: statuses });
  if (daemon !== null) input.output.print(...daemonLines(daemon));
  for (const status of statuses) {
    const standing = daemon?.targets.find(({ name }) => name === status.name);
    input.output.print(...(standing === undefined ? lines(status) : linesBeside(standing, status)));
    if (status.error !== undefined) input.output.troubleInResult(`${status.name}: ${indexLine(status)}`);
  }
  return statuses.some(({ error }) => error !== undefined) ? EXIT.failed : EXIT.done;
}

async function look(job: TargetJob, options: CycleOptions): Promise<TargetStatus> {
  const lastRun = await recallLastRun(job);
  const base = {
    name: job.name,
    url: job.url,
    generation: 0,
    files: 0,
    bytes: 0,
    pending: 0,
    committedAt: null,
    lastRun,
  };
  try {
    const target = await job.open();
    try {
      const loaded = await new IndexStore(target, { ...options, cache: job.cache }).load();
      if (loaded.kind === 'missing') return { ...base, state: 'empty' };
      if (loaded.kind === 'damaged')
        return { ...base, state: 'damaged', error: { code: 'INDEX', message: loaded.reason } };
      const { generation, files: held, bytes: size, pending, committedAt } = loaded.head;
      const state = pending > 0 ? 'pending' : 'settled';
      return {
        ...base,
        state,
        generation,
        files: held,
        bytes: size,
        pending,
        committedAt: new Date(committedAt).toISOString(),
      };
    } finally {
      await target.close();
    }
  } catch (error) {
    options.signal?.throwIfAborted();
    return { ...base, state: 'unreachable', error: failureOf(error) };
  }
}

/** What is wrong by now says nothing of the targets; the daemon that goes by what was right still does. */
async function showDaemonAlone(input: CommandInput, fault: unknown): Promise<never> {
  const daemon = await requireDaemon(input).catch(() => undefined);
  if (daemon === undefined) throw fault;
  const status = await daemon.status(input.signal);
  input.output.document({ ok: false, daemon: status, targets: [] });
  input.output.print(...daemonLines(status));
  for (const target of status.targets) input.output.print(...titled(target.name, standingLines(target)));
  throw fault;
}

async function daemonStatus(config: Config, input: CommandInput): Promise<DaemonStatus | null> {
  const daemon = await findDaemon(config, input);
  return daemon === undefined ? null : daemon.status(input.signal);
}

function lines(status: TargetStatus): string[] {
  const { name, url, lastRun } = status;
  return titled(name, [indexLine(status), url, ...(lastRun === null ? [] : runLines(lastRun))]);
}

function runLines({ at, ok, error, succeededAt }: LastRun): string[] {
  if (ok) return [`last run from here ${at}: done`];
  const before = succeededAt === null ? [] : [`the last one that went well: ${succeededAt}`];
  return [`last run from here ${at}: failed: ${error}`, ...before];
}

/** What the daemon says counts first, and what it said of an error is not said again. */
function linesBeside(standing: Standing, status: TargetStatus): string[] {
  const isKnown = status.state === 'unreachable' && standing.error !== null;
  return titled(status.name, [...standingLines(standing), ...(isKnown ? [] : [indexLine(status)]), status.url]);
}

function titled(name: string, [first = '', ...rest]: readonly string[]): string[] {
  return [`${name}: ${first}`, ...rest.map((line) => `  ${line}`)];
}

function indexLine({ state, generation, files: held, bytes: size, pending, committedAt, error }: TargetStatus): string {
  const holds = `generation ${generation}: ${files(held)}, ${bytes(size)}`;
  return {
    settled: `${holds}, committed ${committedAt}`,
    pending: `${holds}, and ${files(pending)} in an uncertain state: the next sync settles them`,
    empty: 'no index yet: nothing was pushed there',
    damaged: `its index cannot be believed (${error?.message}): the next sync makes it anew from what lies there`,
    unreachable: error?.message ?? '',
  }[state];
}
