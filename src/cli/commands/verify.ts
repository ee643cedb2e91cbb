/**
 * `pushstatic verify`: the index against what really lies on the targets; with --repair, their agreement with STATIC_ROOT.
 */

import { LocalThread } from '../../collect/thread/in-thread.js';
import type { Finding } from '../../core/audit.js';
import { chooseTargets, cycleOptions, jobsOf } from '../../cycle/jobs.js';
import { commonStatus, statusOfError, type TargetReport } from '../../cycle/report.js';
import { EXIT, type ExitStatus, type Problem, TargetError } from '../../errors.js';
import { HEAD, IndexStore, type Loaded } from '../../push/index/store.js';
import { retry } from '../../push/retry.js';
import { type Depth, doubt, repairFolders, verify, verifyIndex } from '../../push/verify.js';
import type { CycleOptions, TargetJob } from '../../sync.js';
import { failureOf } from '../../system-error.js';
import type { CommandInput } from '../command-input.js';
import { beginLocal } from '../local-run.js';
import { comparedLine, findingLines, problemLines, repairLine, verifiedLine } from '../render.js';
import { jobMeans, openSession, type Session, signingIn } from '../session.js';
import { RETRIES, runTargets } from '../targets-run.js';

interface Verified {
  readonly name: string;
  readonly checked: number;
  /** How many files were read back. */
  readonly read: number;
  readonly findings: readonly Finding[];
  /** How many folders have got their mode again, and what stood against that. */
  readonly folders: number;
  readonly problems: readonly Problem[];
  readonly error?: unknown;
}

/** How to look, and whether a repair is to follow. */
interface Look {
  readonly depth: Depth;
  readonly act: 'repair' | 'report';
}

const COMPARED = ['names', 'sizes', 'times', 'modes'] as const;

export async function verifyCommand(
  input: CommandInput,
  names: readonly string[],
  options: { content?: boolean; repair?: boolean },
): Promise<ExitStatus> {
  const session = await openSession(input);
  const licence = { deletion: 'delete', guards: 'heed' } as const;
  const jobs = await jobsOf(chooseTargets(session.config, names), licence, jobMeans(session, input));
  const depth = options.content === true ? 'content' : 'listing';
  const act = options.repair === true ? 'repair' : 'report';
  const cycle = { ...cycleOptions(session.config), signal: input.signal, act: 'push' } as const;
  const verified = await Promise.all(
    jobs.map((job, i) => verifyPatiently(job, { depth, act }, { ...cycle, run: `${cycle.run}-${i}` }, input)),
  );
  for (const each of verified) {
    show(each, input);
    if (act === 'report' && each.findings.some(isFound)) input.output.troubleInResult(differenceLine(each));
  }
  const checked = sum(verified, 'checked');
  if (checked > 0) input.output.print(comparedLine(depth, sum(verified, 'read'), checked));

  const failures = verified.flatMap(({ error }) => (error === undefined ? [] : [statusOfError(error)]));
  const repairable = jobs.filter((_, i) => verified[i]?.error === undefined);
  const isRepaired = act === 'repair' && repairable.length > 0;
  const repair = isRepaired ? await repairTargets(session, repairable, verified, cycle, input) : undefined;
  if (repair !== undefined && repair.status !== EXIT.done) failures.push(repair.status);
  if (verified.some(({ findings }) => findings.some(({ kind }) => kind === 'unreadable'))) failures.push(EXIT.failed);
  const isUnequal = repair === undefined && verified.some(({ findings }) => findings.some(isDifference));
  const status = failures.length > 0 ? commonStatus(failures) : isUnequal ? EXIT.differences : EXIT.done;
  input.output.document({
    ok: status === EXIT.done,
    compared: depth === 'content' ? [...COMPARED, 'contents'] : COMPARED,
    targets: verified.map((each) => verifiedReport(each, repair?.reports.get(each.name))),
  });
  return status;
}

/** What is foreign is nothing of ours to mend. */
function isDifference({ kind }: Finding): boolean {
  return kind !== 'foreign';
}

/** What could not be looked at is told as trouble of its own. */
function isFound(finding: Finding): boolean {
  return isDifference(finding) && finding.kind !== 'unreadable';
}

function sum(verified: readonly Verified[], what: 'read' | 'checked'): number {
  return verified.reduce((total, each) => total + each[what], 0);
}

/** A cycle for each target, whatever was found there: STATIC_ROOT may be ahead of what the index says. */
async function repairTargets(
  session: Session,
  jobs: readonly TargetJob[],
  verified: readonly Verified[],
  cycle: CycleOptions,
  input: CommandInput,
): Promise<{ readonly reports: ReadonlyMap<string, TargetReport>; readonly status: ExitStatus }> {
  const thread = new LocalThread();
  const { local, atRest } = beginLocal(
    thread,
    session,
    { collect: 'scan', reread: undefined, contents: 'drop', mode: 'write', guards: 'heed' },
    input,
  );
  const run = await runTargets(session, jobs, local, { ...cycle, ...signingIn(thread, input), atRest }, input);
  const before = new Map(verified.map((each) => [each.name, each]));
  const reports = run.reports.map((report) => withFolders(report, before.get(report.name) ?? NOTHING));
  for (const report of reports) showRepair(report, input);
  const isWhole = reports.every(({ ok }) => ok);
  const status = run.status === EXIT.done && !isWhole ? EXIT.failed : run.status;
  return { reports: new Map(reports.map((report) => [report.name, report])), status };
}

function withFolders(
  report: TargetReport,
  { folders, problems }: Pick<Verified, 'folders' | 'problems'>,
): TargetReport {
  const { ok, modes } = report;
  return {
    ...report,
    ok: ok && problems.length === 0,
    modes: modes + folders,
    problems: [...problems, ...report.problems],
  };
}

/** As a sync, a connection that breaks is not the end of it. */
async function verifyPatiently(
  job: TargetJob,
  look: Look,
  options: CycleOptions,
  { output, signal }: CommandInput,
): Promise<Verified> {
  const { name } = job;
  let tries = 0;
  try {
    return await retry(() => verifyTarget(job, look, { ...options, run: `${options.run}-v${tries++}` }), {
      retries: RETRIES,
      signal,
      onRetry: (error) => output.note(`${name}: ${error.message}; trying again`),
    });
  } catch (error) {
    signal.throwIfAborted();
    return { ...NOTHING, name, error };
  }
}

const NOTHING = { checked: 0, read: 0, findings: [], folders: 0, problems: [] } as const;

async function verifyTarget(job: TargetJob, { depth, act }: Look, options: CycleOptions): Promise<Verified> {
  const { name, folderMode } = job;
  const target = await job.open();
  const store = new IndexStore(target, { ...options, cache: job.cache });
  try {
    const first = await store.load();
    // Whoever publishes meanwhile would be taken for trouble.
    const isOld = act === 'repair' && first.kind === 'index' && !(await store.holdStill());
    const loaded = isOld ? await store.load() : first;
    if (loaded.kind !== 'index') return { ...NOTHING, name, findings: [withoutIndex(loaded, job)] };
    const { index } = loaded;
    let read = 0;
    const [faults, files] = await Promise.all([
      verifyIndex(store),
      verify(target, index, {
        depth,
        folderMode,
        naming: store.naming,
        signal: options.signal,
        onFile: () => read++,
      }),
    ]);
    const findings = [...faults, ...files];
    const found = { ...NOTHING, name, checked: index.entries.length, read, findings };
    if (act === 'report' && findings.length > 0 && !(await store.isCurrent())) throw publishedMeanwhile(target.url);
    if (act === 'report') return found;
    const repaired = await repairFolders(target, findings, folderMode);
    await doubt(store, index, findings);
    return { ...found, ...repaired };
  } finally {
    await store.release('done');
    await target.close();
  }
}

/** What it was compared with is not what was meant to lie there by then. */
function publishedMeanwhile(url: string): TargetError {
  return new TargetError(
    'drifted',
    `${url} was published to while it was verified; verify it again when nothing is pushed`,
  );
}

function withoutIndex(loaded: Exclude<Loaded, { kind: 'index' }>, { url }: TargetJob): Finding {
  const reason =
    loaded.kind === 'missing' ? 'has no index yet' : `has an index that cannot be believed: ${loaded.reason}`;
  return {
    kind: 'missing',
    path: HEAD,
    message: `${url} ${reason}; "pushstatic sync" makes one from what lies there`,
  };
}

/** What was found differing; where nothing could be compared, why. */
function differenceLine(verified: Verified): string {
  const [only] = verified.findings;
  return verified.checked === 0 && only !== undefined ? `${verified.name}: ${only.message}` : sumLine(verified);
}

function sumLine({ name, checked, findings }: Verified): string {
  const closed = findings.filter(({ kind }) => kind === 'unreadable');
  return verifiedLine(name, checked - closed.length, findings);
}

function show(verified: Verified, { output }: CommandInput): void {
  const { name, findings, error } = verified;
  if (error === undefined) {
    const closed = findings.filter(({ kind }) => kind === 'unreadable');
    const told = findings.filter(({ kind }) => kind !== 'unreadable');
    output.print(sumLine(verified), ...findingLines(told));
    for (const line of findingLines(closed)) output.trouble(`${name}:${line}`);
    return;
  }
  output.trouble(`${name}: ${failureOf(error).message}`);
  output.details(error);
}

function showRepair(report: TargetReport, { output }: CommandInput): void {
  const { name, error, problems } = report;
  if (error !== undefined) output.trouble(`${name}: not repaired: ${error.message}`);
  else output.print(repairLine(report));
  for (const line of problemLines(problems)) output.trouble(`${name}: ${line}`);
}

function verifiedReport({ name, checked, findings, error }: Verified, repair: TargetReport | undefined): object {
  const paths = (kind: Finding['kind']): object[] =>
    findings.filter((finding) => finding.kind === kind).map(({ path, message }) => ({ path, message }));
  return {
    name,
    ok: error === undefined && !findings.some(isDifference),
    checked,
    changed: paths('changed'),
    missing: paths('missing'),
    unsettled: paths('unsettled'),
    foreign: paths('foreign'),
    unreadable: paths('unreadable'),
    ...(error === undefined ? {} : { error: failureOf(error) }),
    ...(repair === undefined ? {} : { repaired: repairedReport(repair) }),
  };
}

function repairedReport({ ok, uploaded, patched, linked, removed, modes, problems, error }: TargetReport): object {
  return { ok, uploaded, patched, linked, removed, modes, problems, ...(error === undefined ? {} : { error }) };
}
