/**
 * findDaemon: the daemon of this configuration, if one runs.
 */
import { resolve } from 'node:path';
import { CONFIG_NAME, loadUnasked, locateConfig } from '../config/load.js';
import { type Client, connectDaemon } from '../control/client.js';
import type { SocketSettings } from '../control/socket-path.js';
import { ConfigError, ControlError } from '../errors.js';
import type { CommandInput } from './command-input.js';
import { daemonPlaces, notedSocket } from './daemon-places.js';
import { makeLog } from './log.js';
import { workingFolder } from './working-folder.js';

export async function findDaemon(
  settings: SocketSettings,
  { process, signal }: CommandInput,
): Promise<Client | undefined> {
  const { configured, former } = daemonPlaces(settings, process.env);
  return (await connectDaemon(...configured)) ?? connectFormer(former, settings, signal);
}

/** The daemon of this configuration at a place that it has no more. */
export async function connectFormer(
  place: string | undefined,
  { file }: SocketSettings,
  signal: AbortSignal,
): Promise<Client | undefined> {
  try {
    const client = place === undefined ? undefined : await connectDaemon(place);
    return (await client?.status(signal))?.config === file ? client : undefined;
  } catch (error) {
    if (error instanceof ControlError) return undefined; // it is somebody else's, or does not say whose
    throw error;
  }
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

/** The project is not asked: to speak to a daemon, it need not even be in order. */
async function settingsOf({
  output,
  process,
}: CommandInput): Promise<{ readonly settings: SocketSettings; readonly fault?: ConfigError }> {
  const { config: named } = output.flags;
  const place = {
    ...(named === undefined ? {} : { file: named }),
    cwd: workingFolder(process),
    env: process.env,
  };
  try {
    const settings = await loadUnasked(place);
    const log = await makeLog(settings, output);
    if (log !== undefined) output.logTo(log);
    return { settings };
  } catch (fault) {
    if (!(fault instanceof ConfigError)) throw fault;
    // Where there is no file any more, it was here.
    const file = await locateConfig(place).catch(() => resolve(place.cwd, named ?? CONFIG_NAME));
    return { settings: { file, daemon: { socket: notedSocket(file, process.env) ?? 'auto' } }, fault };
  }
}
