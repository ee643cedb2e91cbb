/**
 * `pushstatic collect`: sources -> STATIC_ROOT, and nothing else.
 *
 * The thread that does the work is started before anything else is loaded: it has the longest way to go.
 */
import { LocalThread } from '../../collect/thread/in-thread.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';

export async function collectCommand(
  input: CommandInput,
  options: { readonly dryRun?: boolean; readonly force?: boolean; readonly check?: boolean },
): Promise<ExitStatus> {
  if (options.check === true) return (await import('../check-run.js')).runCheck(input);
  const thread = new LocalThread(undefined, 'small');
  const [{ runCollect, showCollect }, { openSession }] = await Promise.all([
    import('../collect-run.js'),
    import('../session.js'),
  ]);
  const session = await openSession(input);
  const mode = options.dryRun === true ? 'dry-run' : 'write';
  const guards = options.force === true ? 'pass' : 'heed';
  const report = await runCollect(thread, session, { mode, guards }, input).finally(() => session.face.end());
  showCollect(report, mode, input.output);
  return report.problems.length === 0 ? EXIT.done : EXIT.failed;
}
