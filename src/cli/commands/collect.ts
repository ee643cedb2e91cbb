/**
 * `pushstatic collect`: sources -> STATIC_ROOT, and nothing else.
 */
import { LocalThread } from '../../collect/in-thread.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { collectAlone } from '../cycle.js';
import { collectLine, problemLines } from '../render.js';
import { openSession } from '../session.js';

export async function collectCommand(
  input: CommandInput,
  options: { readonly dryRun?: boolean; readonly force?: boolean; readonly check?: boolean },
): Promise<ExitStatus> {
  if (options.check === true) return (await import('../check-run.js')).runCheck(input);
  const thread = new LocalThread();
  const session = await openSession(input);
  const isDry = options.dryRun === true;
  const guards = options.force === true ? 'pass' : 'heed';
  const run = collectAlone(thread, session, { mode: isDry ? 'dry-run' : 'write', guards }, input);
  const report = await run.finally(() => session.face.end());
  const ok = report.problems.length === 0;
  input.output.document({ ok, collect: report });
  input.output.print(collectLine(report, isDry ? 'only-plan' : 'push'));
  for (const line of problemLines(report.problems)) input.output.trouble(line);
  return ok ? EXIT.done : EXIT.failed;
}
