/**
 * `pushstatic sync` and `pushstatic diff`.
 *
 * The thread that reads the local files is started before anything else is loaded: it has the longest way to go.
 */
import { LocalThread } from '../../collect/thread/in-thread.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import type { SyncOptions } from '../sync-run.js';

export async function syncCommand(
  input: CommandInput,
  names: readonly string[],
  options: SyncOptions,
): Promise<ExitStatus> {
  const thread = new LocalThread(undefined, 'small');
  const [{ runSync, showSync }, { openSession }, { handOver }] = await Promise.all([
    import('../sync-run.js'),
    import('../session.js'),
    import('../hand-over.js'),
  ]);
  const session = await openSession(input);
  if (options.standalone !== true && options.dryRun !== true) {
    const status = await handOver(session, input, names, options);
    if (status !== undefined) return status;
  }
  const run = await runSync(thread, session, input, names, options);
  showSync(run, input.output);
  return run.status;
}

export async function diffCommand(
  input: CommandInput,
  names: readonly string[],
  options: { readonly exitCode?: boolean; readonly delete: boolean },
): Promise<ExitStatus> {
  const thread = new LocalThread();
  const [{ runSync, showSync }, { openSession }] = await Promise.all([
    import('../sync-run.js'),
    import('../session.js'),
  ]);
  const session = await openSession(input);
  const run = await runSync(thread, session, input, names, { dryRun: true, collect: true, delete: options.delete });
  showSync(run, input.output);
  const { collect, targets } = run.document;
  const isCollected = collect.copied + collect.hashed + collect.removed === 0;
  const differs = !isCollected || targets.some(({ changes = [] }) => changes.length > 0);
  return run.status === EXIT.done && differs && options.exitCode === true ? EXIT.differences : run.status;
}
