/**
 * What every command is given besides its own arguments.
 */
import type { Output, Terminal } from './output.js';

/** What a run needs of the process. */
export type Process = Terminal & Pick<NodeJS.Process, 'env' | 'pid' | 'cwd' | 'on' | 'off' | 'exit'>;

export interface CommandInput {
  readonly output: Output;
  readonly process: Process;
  readonly signal: AbortSignal;
}
