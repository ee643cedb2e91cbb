/**
 * `pushstatic completion SHELL`: a script with which the shell completes commands and options.
 */
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { completionFor, type Shell, type Words } from '../completion.js';

/** For a command line of these words. */
export function completionCommand(words: Words) {
  return async ({ output }: CommandInput, shell: Shell): Promise<ExitStatus> => {
    const script = completionFor(shell, words);
    output.print(script.trimEnd());
    output.document({ ok: true, shell, script });
    return EXIT.done;
  };
}
