/**
 * `pushstatic completion SHELL`: a script with which the shell completes commands and options.
 */
import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { completionFor, type Shell } from '../completion.js';

/** For the command line of `program`. */
export function completionCommand(program: Command) {
  return async ({ output }: CommandInput, shell: Shell): Promise<ExitStatus> => {
    const script = completionFor(shell, program);
    output.print(script.trimEnd());
    output.document({ ok: true, shell, script });
    return EXIT.done;
  };
}
