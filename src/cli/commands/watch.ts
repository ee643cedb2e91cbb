/**
 * `pushstatic watch`: in the foreground: sync, then keep syncing as sources change.
 */
import { Daemon } from '../../daemon/daemon.js';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { openSession, reloadConfig } from '../session.js';
import { version } from '../version.js';

export async function watchCommand(input: CommandInput): Promise<ExitStatus> {
  const { output, process, signal } = input;
  const { config, state } = await openSession(input);
  const daemon = await Daemon.make({
    config,
    state,
    load: () => reloadConfig(config, input),
    env: process.env,
    version: version(),
    pid: process.pid,
  });
  daemon.subscribe((event) => {
    if (event.kind === 'warning') output.warn(event.text);
    if (event.kind === 'cycle') output.document(event.cycle);
  });
  signal.addEventListener('abort', () => daemon.stop());
  await daemon.run();
  return EXIT.done;
}
