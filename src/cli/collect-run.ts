/**
 * runCollect: the local half alone, for whoever wants to know no more than what it did.
 */
import { Hand } from '../collect/thread/hand.js';
import { type LocalThread, wholeOf } from '../collect/thread/in-thread.js';
import { workOf } from '../cycle/local-work.js';
import type { CollectReport } from '../cycle/report.js';
import type { CommandInput } from './command-input.js';
import {
  baselineFor,
  type LocalOptions,
  localHooks,
  reportOf,
  settingsOf,
  sinceLeft,
  tellStorage,
} from './local-run.js';
import type { Output } from './output.js';
import { collectLine, problemLines } from './render.js';
import type { Session } from './session.js';
import { version } from './version.js';

/** Collects what has changed since the last time, where that is known. */
export async function runCollect(
  thread: LocalThread,
  session: Session,
  options: Pick<LocalOptions, 'mode' | 'guards'>,
  input: CommandInput,
): Promise<CollectReport> {
  const started = performance.now();
  tellStorage(session, 'collect', input);
  const work = workOf(session.config, { mode: options.mode, collect: 'collect', env: input.process.env });
  const how = { ...options, reread: undefined, contents: 'drop' } as const;
  const baseline = baselineFor(work, how);
  const settings = { ...settingsOf(session, how), baseline, checkpoint: version() };
  const hooks = localHooks(session, input);
  const quick = options.guards === 'pass' ? undefined : await sinceLeft(thread, work, settings, hooks);
  const run = () => wholeOf(thread.run(work, { ...settings, snapshot: 'drop' }, { ...hooks, helper: new Hand() }));
  return reportOf(quick ?? (await run()), started);
}

export function showCollect(report: CollectReport, mode: LocalOptions['mode'], output: Output): void {
  output.document({ ok: report.problems.length === 0, collect: report });
  output.print(collectLine(report, mode === 'dry-run' ? 'only-plan' : 'push'));
  for (const line of problemLines(report.problems)) output.trouble(line);
}
