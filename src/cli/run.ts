/**
 * run: from the words of a command line to an exit status. Every error ends here, as one sentence and a status.
 */
import { setMaxListeners } from 'node:events';
import { CommanderError } from 'commander';
import { errorOf, statusOfError } from '../cycle/report.js';
import { codeOf, EXIT, type ExitStatus, InterruptedError, PushstaticError } from '../errors.js';
import type { Process } from './command-input.js';
import { Output } from './output.js';
import { type Context, makeProgram } from './program.js';
import { splitClusters } from './split-clusters.js';

const SIGNALS = { SIGHUP: EXIT.hungUp, SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

const HELP = { short: '-h', long: '--help', required: false }; // the parser keeps it apart from the others

export async function run(words: readonly string[], process: Process): Promise<ExitStatus> {
  outliveReaders(process);
  const abort = new AbortController();
  setMaxListeners(0, abort.signal); // everything that waits listens to it, hundreds of files at once
  const interruption = watchSignals(process, abort);
  const output = new Output(process, { verbosity: 0, json: false, color: true });
  const context: Context = { process, signal: abort.signal, status: EXIT.done, output, endsWell: false };
  try {
    const program = makeProgram(context);
    const flags = [HELP, ...[program, ...program.commands].flatMap(({ options }) => options)];
    await program.parseAsync(splitClusters(words, flags), { from: 'user' });
    return context.endsWell ? context.status : (interruption.status ?? context.status);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    return interruption.status === undefined
      ? report(error, context.output)
      : interrupted(interruption.status, context.output);
  } finally {
    interruption.stop();
  }
}

/** A reader that has seen enough (`| head`), or a terminal that is gone, does not stop the work: what is said is lost. */
function outliveReaders({ stdout, stderr }: Process): void {
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error) => {
      if (!['EPIPE', 'EIO'].includes(codeOf(error))) throw error;
    });
  }
}

/** The first signal ends the work in good order; the second one ends the process. */
function watchSignals(process: Process, abort: AbortController): { status: ExitStatus | undefined; stop: () => void } {
  const state = { status: undefined as ExitStatus | undefined, stop };
  const listeners = Object.entries(SIGNALS).map(([name, status]) => {
    const listener = (): void => {
      // To what lasts it means something else, while that listens to it.
      if (name === 'SIGHUP' && process.listenerCount(name) > 1) return;
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

function report(error: unknown, output: Output): ExitStatus {
  const { code, message } = errorOf(error);
  const isOurs = error instanceof PushstaticError;
  output.failure(code, isOurs ? message : `this should not happen: ${message}`);
  output.details(error);
  if (!isOurs && output.flags.verbosity < 2) output.note('pushstatic: run again with -vv to see where');
  return statusOfError(error);
}

function interrupted(status: ExitStatus, output: Output): ExitStatus {
  report(new InterruptedError(), output);
  return status;
}
