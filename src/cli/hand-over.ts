/**
 * handOver: lets the running daemon do a sync, and shows its progress.
 */
import { existsSync } from 'node:fs';
import { statusOfReport } from '../cycle/report.js';
import { ConfigError, type ExitStatus } from '../errors.js';
import type { CommandInput } from './command-input.js';
import { daemonPlaces } from './daemon-places.js';
import { followTrigger } from './follow-trigger.js';
import type { Session } from './session.js';
import { showReport } from './show-report.js';
import type { SyncOptions } from './sync-run.js';

/**
 * Undefined where no daemon runs for this configuration. Throws a ConfigError for what only a run by itself can do.
 */
export async function handOver(
  { config, face }: Session,
  input: CommandInput,
  targets: readonly string[],
  options: SyncOptions,
): Promise<ExitStatus | undefined> {
  // What it takes to speak to a daemon is only loaded where there may be one.
  const { configured, former } = daemonPlaces(config, input.process.env);
  if (![...configured, former].some((path) => path !== undefined && existsSync(path))) return undefined;
  const { findDaemon } = await import('./find-daemon.js');
  const daemon = await findDaemon(config, input);
  if (daemon === undefined) return undefined;
  if (!options.collect || !options.delete) {
    throw new ConfigError(
      'the running daemon collects and removes as the configuration says; to do otherwise beside it, add --standalone',
    );
  }
  const { force = false, checksum = false } = options;
  const document = await followTrigger(
    daemon,
    { targets, force, checksum },
    (event) => {
      if (event.kind === 'progress') face.event(event.event);
      if (event.kind === 'warning') input.output.warn(event.text);
    },
    input.signal,
  );
  face.end();
  showReport(document, input.output);
  return statusOfReport(document);
}
