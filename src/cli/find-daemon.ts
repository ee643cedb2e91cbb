/**
 * findDaemon: the daemon of this configuration, if one runs.
 */
import { locateConfig } from '../config/load.js';
import { type Client, connectDaemon } from '../control/client.js';
import { type SocketSettings, socketPathsFor } from '../control/socket-path.js';
import { ConfigError, ControlError } from '../errors.js';
import type { CommandInput } from './command-input.js';
import { openSession } from './session.js';

export function findDaemon(settings: SocketSettings, { process }: CommandInput): Promise<Client | undefined> {
  return connectDaemon(...socketPathsFor(settings, process.env));
}

/**
 * A file that is wrong by now keeps nobody from the daemon that still goes by the old one. Throws what is wrong with the
 * file if there is none, and a ControlError if nothing is.
 */
export async function requireDaemon(input: CommandInput): Promise<Client> {
  const { settings, fault } = await settingsOf(input);
  const daemon = await findDaemon(settings, input);
  if (daemon !== undefined) return daemon;
  throw (
    fault ??
    new ControlError(
      'NOT_RUNNING',
      `no daemon runs for ${settings.file}; start one with "pushstatic daemon" or "pushstatic watch"`,
    )
  );
}

async function settingsOf(
  input: CommandInput,
): Promise<{ readonly settings: SocketSettings; readonly fault?: ConfigError }> {
  try {
    return { settings: (await openSession(input)).config };
  } catch (fault) {
    if (!(fault instanceof ConfigError)) throw fault;
    const { config: named } = input.output.flags;
    const file = await locateConfig({ ...(named === undefined ? {} : { file: named }), cwd: input.process.cwd() });
    return { settings: { file, daemon: { socket: 'auto' } }, fault };
  }
}
