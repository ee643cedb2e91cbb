/**
 * run: from the words of a command line to an exit status. Every error ends here, as one sentence and a status.
 */
import { CommanderError } from 'commander';
import { EXIT, type ExitStatus, PushstaticError, reasonOf } from '../errors.js';
import type { Terminal } from './output.js';
import { makeProgram } from './program.js';

const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

/** What a run needs of the process. */
export type Process = Terminal & Pick<NodeJS.Process, 'env' | 'cwd' | 'on' | 'off' | 'exit'>;

export async function run(words: readonly string[], process: Process): Promise<ExitStatus> {
  const abort = new AbortController();
  const interruption = watchSignals(process, abort);
  const context = { process, signal: abort.signal, status: EXIT.done as ExitStatus };
  const program = makeProgram(context);
  try {
    await program.parseAsync(words, { from: 'user' });
    return interruption.status ?? context.status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return interruption.status === undefined
      ? report(error, words, process)
      : interrupted(interruption.status, process);
  } finally {
    interruption.stop();
  }
}

/** The first signal ends the work in good order; the second one ends the process. */
function watchSignals(process: Process, abort: AbortController): { status: ExitStatus | undefined; stop: () => void } {
  const state = { status: undefined as ExitStatus | undefined, stop };
  const listeners = Object.entries(SIGNALS).map(([name, status]) => {
    const listener = (): void => {
      if (state.status !== undefined) process.exit(status);
      state.status = status;
      abort.abort();
    };
    process.on(name as NodeJS.Signals, listener);
    return [name as NodeJS.Signals, listener] as const;
  });
  return state;

  function stop(): void {
    for (const [name, listener] of listeners) process.off(name, listener);
  }
}

function report(error: unknown, words: readonly string[], { stderr }: Process): ExitStatus {
  const isOurs = error instanceof PushstaticError;
  stderr.write(`pushstatic: ${isOurs ? error.message : `this should not happen: ${reasonOf(error)}`}\n`);
  const isDetailed =
    words.some((word) => /^-v{2,}$/.test(word)) ||
    words.filter((word) => word === '-v' || word === '--verbose').length > 1;
  if (error instanceof Error && isDetailed) stderr.write(`${error.stack}\n${causes(error)}`);
  else if (!isOurs) stderr.write('pushstatic: run again with -vv to see where\n');
  return isOurs ? error.exitStatus : EXIT.failed;
}

function causes(error: Error): string {
  return error.cause instanceof Error ? `caused by ${error.cause.stack}\n${causes(error.cause)}` : '';
}

function interrupted(status: ExitStatus, { stderr }: Process): ExitStatus {
  stderr.write('pushstatic: interrupted; nothing half done is visible, and the next run goes on from here\n');
  return status;
}
