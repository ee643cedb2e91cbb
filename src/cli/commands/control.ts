/**
 * `pushstatic trigger`, `pause`, `resume`, `reload`, `stop` and `healthcheck`: they talk to the running daemon.
 */
import type { Client } from '../../control/client.js';
import { healthOf } from '../../control/health.js';
import { statusOfReport } from '../../cycle/report.js';
import { ControlError, EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { requireDaemon } from '../find-daemon.js';
import { followTrigger } from '../follow-trigger.js';
import { showReport } from '../show-report.js';

export async function triggerCommand(
  input: CommandInput,
  targets: readonly string[],
  { wait, force, checksum }: { readonly wait?: boolean; readonly force?: boolean; readonly checksum?: boolean },
): Promise<ExitStatus> {
  const daemon = await requireDaemon(input);
  const options = { targets, force: force === true, checksum: checksum === true };
  if (wait !== true) {
    await daemon.triggerOnly(options, input.signal);
    return said('a cycle begins', input);
  }
  const document = await followTrigger(daemon, options, undefined, input.signal);
  showReport(document, input.output);
  return statusOfReport(document);
}

export const pauseCommand = asking(
  (daemon, signal) => daemon.pause(signal),
  'paused: changes are noticed, and nothing is pushed',
);
export const resumeCommand = asking((daemon, signal) => daemon.resume(signal), 'it goes on');
export const reloadCommand = asking((daemon, signal) => daemon.reload(signal), 'the configuration is in force');
export const stopCommand = asking(stopAndWait, 'it has ended');

export async function healthcheckCommand(input: CommandInput): Promise<ExitStatus> {
  const daemon = await requireDaemon(input);
  const health = healthOf(await daemon.status(input.signal), Date.now());
  input.output.document(health);
  if (health.ok) input.output.print(`in sync as of ${health.inSyncAt ?? 'never'}`);
  else for (const reason of health.reasons) input.output.trouble(reason);
  return health.ok ? EXIT.done : EXIT.failed;
}

/** Resolves when its place is free for another one. */
async function stopAndWait(daemon: Client, signal: AbortSignal): Promise<void> {
  const events = daemon.events(signal);
  // To be heard, it has to be asked before the end begins.
  await Promise.all([untilEnd(events), daemon.stop(signal)]);
}

async function untilEnd(events: ReturnType<Client['events']>): Promise<void> {
  try {
    for await (const _ of events);
  } catch (error) {
    if (!(error instanceof ControlError)) throw error; // it ended in the middle of a word
  }
}

function asking(question: (daemon: Client, signal: AbortSignal) => Promise<void>, answer: string) {
  return async (input: CommandInput): Promise<ExitStatus> => {
    await question(await requireDaemon(input), input.signal);
    return said(answer, input);
  };
}

function said(line: string, { output }: CommandInput): ExitStatus {
  output.document({ ok: true });
  output.print(line);
  return EXIT.done;
}
