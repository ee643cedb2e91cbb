/**
 * findDaemon: the daemon of this configuration, if one runs.
 */
import type { Config } from '../config/schema.js';
import { type Client, connectDaemon } from '../control/client.js';
import { socketPathsFor } from '../control/socket-path.js';
import { ControlError } from '../errors.js';
import type { CommandInput } from './command-input.js';
import { openSession } from './session.js';

export function findDaemon(config: Config, { process }: CommandInput): Promise<Client | undefined> {
  return connectDaemon(...socketPathsFor(config, process.env));
}

/** Throws a ControlError if there is none. */
export async function requireDaemon(input: CommandInput): Promise<Client> {
  const { config } = await openSession(input);
  const daemon = await findDaemon(config, input);
  if (daemon !== undefined) return daemon;
  throw new ControlError(
    'NOT_RUNNING',
    `no daemon runs for ${config.file}; start one with "pushstatic daemon" or "pushstatic watch"`,
  );
}
