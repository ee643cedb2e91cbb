/**
 * run: from the words of a command line to an exit status. Every error ends here, as one sentence and a status.
 */
import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { type Command, CommanderError } from 'commander';
import { statusOfError } from '../cycle/report.js';
import { EXIT, type ExitStatus, InterruptedError, PushstaticError } from '../errors.js';
import { codeOf, failureOf, reasonOf } from '../system-error.js';
import type { Process } from './command-input.js';
import { Output } from './output.js';
import { type Context, makeProgram } from './program.js';
import { splitClusters } from './split-clusters.js';

const SIGNALS = { SIGHUP: EXIT.hungUp, SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

const HELP = { short: '-h', long: '--help', required: false }; // the parser keeps it apart from the others

export async function run(words: readonly string[], process: Process): Promise<ExitStatus> {
  const abort = new AbortController();
  setMaxListeners(0, abort.signal); // everything that waits listens to it, hundreds of files at once
  const interruption = watchSignals(process, abort);
  const output = new Output(process, { verbosity: 0, json: false, color: true });
  const context: Context = { process, signal: abort.signal, status: EXIT.done, output, endsWell: false };
  const results = outliveReaders(context);
  const status = await statusOf(words, context, interruption);
  await setImmediate(); // by then it is heard what became of the last words
  return results.areLost && status === EXIT.done && !context.endsWell ? EXIT.failed : status;
}

async function statusOf(words: readonly string[], context: Context, interruption: Interruption): Promise<ExitStatus> {
  const program = makeProgram(context);
  const flags = [HELP, ...[program, ...program.commands].flatMap(({ options }) => options)];
  try {
    await program.parseAsync(splitClusters(words, flags), { from: 'user' });
    return context.endsWell ? context.status : (interruption.status ?? context.status);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : misused(error, program, context);
    if (interruption.status === undefined) return report(error, context.output);
    if (context.endsWell) return EXIT.done;
    report(error instanceof InterruptedError ? error : new InterruptedError(), context.output);
    return interruption.status;
  } finally {
    interruption.stop();
  }
}

/**
 * A reader that has seen enough (`| head`), a terminal that is gone or a full disk does not stop the work: what is said is
 * lost. Where a result was still wanted, that is told once.
 */
function outliveReaders(context: Context): { readonly areLost: boolean } {
  const { stdout, stderr } = context.process;
  const results = { areLost: false };
  stderr.on('error', () => {}); // there is no place left to tell it
  stdout.on('error', (error) => {
    if (results.areLost || ['EPIPE', 'EIO'].includes(codeOf(error))) return;
    results.areLost = true;
    context.output.trouble(`cannot write the result: ${reasonOf(error)}`);
  });
  return results;
}

interface Interruption {
  readonly status: ExitStatus | undefined;
  readonly stop: () => void;
}

/** The first signal ends the work in good order; the second one ends the process. */
function watchSignals(process: Process, abort: AbortController): Interruption {
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

/** What is wrong with the command line has been said on stderr by the parser; --json may stand anywhere in it. */
function misused({ code, message }: CommanderError, program: Command, { process, output }: Context): ExitStatus {
  const { json = false } = program.opts<{ json?: boolean }>();
  const isBare = code === 'commander.help'; // the parser has shown the help
  const text = isBare
    ? 'there is no command; --help shows what is possible'
    : message.replace(/^error: /, '').replaceAll('\n', ' ');
  new Output(process, { ...output.flags, json }).document({ ok: false, error: { code: 'USAGE', message: text } });
  return EXIT.usage;
}

function report(error: unknown, output: Output): ExitStatus {
  const { code, message } = failureOf(error);
  const isOurs = error instanceof PushstaticError;
  output.failure(code, isOurs ? message : `this should not happen: ${message}`);
  output.details(error);
  if (!isOurs && output.flags.verbosity < 2) output.note('pushstatic: run again with -vv to see where');
  return statusOfError(error);
}
