/**
 * What every command is given besides its own arguments.
 */
import type { Output, Terminal } from './output.js';

/** What a run needs of the process. */
export type Process = Terminal &
  Pick<NodeJS.Process, 'env' | 'pid' | 'stdin' | 'cwd' | 'chdir' | 'on' | 'off' | 'listenerCount' | 'exit' | 'kill'>;

export interface CommandInput {
  readonly output: Output;
  readonly process: Process;
  /** Aborted by SIGINT and SIGTERM, and by SIGHUP where a command does not listen to that itself. */
  readonly signal: AbortSignal;
  /** `well`: to end because of a signal is what the command is expected to do. */
  readonly endOnSignal: (how: 'well') => void;
}
