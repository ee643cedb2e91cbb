/**
 * `pushstatic verify`: the index against what really lies on the targets; with --repair, their agreement with STATIC_ROOT.
 */

import { LocalThread } from '../../collect/in-thread.js';
import type { Finding } from '../../core/audit.js';
import { chooseTargets, cycleOptions, jobsOf } from '../../cycle/jobs.js';
import { broughtFiles, commonStatus, errorOf, statusOfError, type TargetReport } from '../../cycle/report.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import { IndexStore } from '../../push/index-store.js';
import { look } from '../../push/survey.js';
import { admit, type Depth, verify } from '../../push/verify.js';
import type { CycleOptions, TargetJob } from '../../sync.js';
import type { CommandInput } from '../command-input.js';
import { beginLocal } from '../local-run.js';
import { findingLines, problemLines } from '../render.js';
import { jobMeans, openSession, signingIn } from '../session.js';
import { runTargets } from '../targets-run.js';
import { files } from '../units.js';

interface Verified {
  readonly name: string;
  readonly checked: number;
  readonly findings: readonly Finding[];
  readonly error?: unknown;
}

export async function verifyCommand(
  input: CommandInput,
  names: readonly string[],
  options: { content?: boolean; repair?: boolean },
): Promise<ExitStatus> {
  const session = await openSession(input);
  const licence = { deletion: 'delete', guards: 'heed' } as const;
  const jobs = await jobsOf(chooseTargets(session.config, names), licence, jobMeans(session, input));
  const depth = options.content === true ? 'content' : 'listing';
  const cycle = { ...cycleOptions(session.config), signal: input.signal, act: 'push' } as const;
  const verified = await Promise.all(
    jobs.map((job) => verifyTarget(job, depth, options.repair === true ? 'repair' : 'report', cycle)),
  );
  for (const each of verified) show(each, input);

  const has = (...kinds: Finding['kind'][]): boolean =>
    verified.some(({ findings }) => findings.some(({ kind }) => kinds.includes(kind)));
  const isUnequal = has('changed', 'missing');
  const isPartial = has('unreadable');
  const failures = verified.flatMap(({ error }) => (error === undefined ? [] : [statusOfError(error)]));
  const hasFailed = failures.length > 0;
  if (options.repair !== true || !isUnequal || hasFailed) {
    input.output.document({
      ok: !isUnequal && !isPartial && !hasFailed,
      targets: verified.map((each) => verifiedReport(each, undefined)),
    });
    if (hasFailed) return commonStatus(failures);
    return isPartial ? EXIT.failed : isUnequal ? EXIT.differences : EXIT.done;
  }
  const thread = new LocalThread();
  const { local } = beginLocal(
    thread,
    session,
    { collect: 'scan', reread: undefined, contents: 'drop', mode: 'write', guards: 'heed' },
    input,
  );
  const run = await runTargets(session, jobs, local, { ...cycle, ...signingIn(thread, input) }, input);
  const repairs = new Map(run.reports.map((report) => [report.name, report]));
  for (const report of run.reports) {
    const { name, ok, problems } = report;
    input.output.print(
      `${name}: ${ok ? 'repaired' : 'repaired in part'}: ${files(broughtFiles(report))} brought again`,
    );
    for (const line of problemLines(problems)) input.output.trouble(`${name}: ${line}`);
  }
  input.output.document({
    ok: run.status === EXIT.done && !isPartial,
    targets: verified.map((each) => verifiedReport(each, repairs.get(each.name))),
  });
  return run.status === EXIT.done && isPartial ? EXIT.failed : run.status;
}

async function verifyTarget(
  job: TargetJob,
  depth: Depth,
  act: 'repair' | 'report',
  options: CycleOptions,
): Promise<Verified> {
  const { name } = job;
  try {
    const target = await job.open();
    const store = new IndexStore(target, { ...options, cache: job.cache });
    try {
      const first = await store.load();
      // Whoever publishes meanwhile would be taken for trouble.
      const isOld = act === 'repair' && first.kind === 'index' && !(await store.holdStill());
      const loaded = isOld ? await store.load() : first;
      if (loaded.kind !== 'index') {
        const reason =
          loaded.kind === 'missing' ? 'has no index yet' : `has an index that cannot be believed: ${loaded.reason}`;
        return {
          name,
          checked: 0,
          findings: [
            {
              kind: 'missing',
              path: '.pushstatic/head' as never,
              message: `${job.url} ${reason}; "pushstatic sync" makes one from what lies there`,
            },
          ],
        };
      }
      const { index } = await look(target, loaded, options.site);
      const findings = await verify(target, index, { depth, naming: store.naming, signal: options.signal });
      if (act === 'repair') await admit(store, index, findings);
      return { name, checked: index.entries.length, findings };
    } finally {
      await store.release('done');
      await target.close();
    }
  } catch (error) {
    return { name, checked: 0, findings: [], error };
  }
}

function show({ name, checked, findings, error }: Verified, { output }: CommandInput): void {
  if (error !== undefined) {
    output.trouble(`${name}: ${errorOf(error).message}`);
    return output.details(error);
  }
  const amount = (kind: Finding['kind']): number => findings.filter((finding) => finding.kind === kind).length;
  output.print(
    `${name}: ${files(checked - amount('unreadable'))} checked, ${amount('changed')} changed, ${amount('missing')} missing, ${amount('foreign')} foreign`,
    ...findingLines(findings.filter(({ kind }) => kind !== 'unreadable')),
  );
  for (const line of findingLines(findings.filter(({ kind }) => kind === 'unreadable')))
    output.trouble(`${name}:${line}`);
}

function verifiedReport({ name, checked, findings, error }: Verified, repair: TargetReport | undefined): object {
  const paths = (kind: Finding['kind']): object[] =>
    findings.filter((finding) => finding.kind === kind).map(({ path, message }) => ({ path, message }));
  return {
    name,
    ok: error === undefined && findings.every((finding) => finding.kind === 'foreign'),
    checked,
    changed: paths('changed'),
    missing: paths('missing'),
    foreign: paths('foreign'),
    unreadable: paths('unreadable'),
    ...(error === undefined ? {} : { error: errorOf(error) }),
    ...(repair === undefined ? {} : { repaired: repairedReport(repair) }),
  };
}

function repairedReport({ ok, uploaded, patched, linked, problems }: TargetReport): object {
  return { ok, uploaded, patched, linked, problems };
}
