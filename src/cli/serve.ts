/**
 * serve: a daemon from its first breath to its last: claimed, spoken to, told of signals.
 */

import { daemonToken } from '../config/secrets.js';
import { openControl } from '../control/control.js';
import { socketPathsFor } from '../control/socket-path.js';
import { Daemon } from '../daemon/daemon.js';
import type { CommandInput } from './command-input.js';
import { reloadConfig, type Session } from './session.js';
import { version } from './version.js';

export interface ServeOptions {
  readonly statusPage: 'open' | 'none';
  /** Called when the daemon can be spoken to, before it begins. */
  readonly onOpen: (daemon: Daemon, statusPage: string | undefined) => void;
  /** Called with what a SIGHUP asks for. */
  readonly onReload?: (work: () => Promise<void>) => Promise<void>;
}

/** Resolves when the daemon has ended in good order. Throws a LockedError if there is one for this configuration. */
export async function serve(
  { config, state }: Session,
  { process, signal }: CommandInput,
  { statusPage, onOpen, onReload = (work) => work() }: ServeOptions,
): Promise<void> {
  const daemon = await Daemon.make({
    config,
    state,
    load: () => reloadConfig(config, process),
    env: process.env,
    version: version(),
    pid: process.pid,
  });
  const control = await openControl(daemon, {
    socketPath: socketPathsFor(config, process.env)[0],
    http: statusPage === 'open' ? config.daemon.http : false,
    token: await daemonToken(config.daemon, process.env),
  });
  const stop = (): void => daemon.stop();
  const reload = (): void => void onReload(() => daemon.reload().catch(() => undefined)); // it says itself why the old one stays
  signal.addEventListener('abort', stop, { once: true });
  process.on('SIGHUP', reload);
  try {
    if (signal.aborted) return;
    onOpen(daemon, control.url);
    await daemon.run();
  } finally {
    process.off('SIGHUP', reload);
    await control.close();
  }
}
