/**
 * makeLog: the log of a run, JSON lines on stderr by pino. Used where `log.format` asks for it; a person gets a face.
 */
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { Output } from './output.js';

/** Undefined where plain lines are wanted: `auto` means them for a run that somebody started by hand. */
export async function makeLog({ log }: Config, output: Output): Promise<Logger | undefined> {
  if (log.format !== 'json') return undefined;
  const { default: pino } = await import('pino');
  return pino(
    { name: 'pushstatic', level: levelOf(log.level, output.flags.verbosity) },
    { write: (line) => output.paint(line) },
  );
}

/** -q and -v count more than the configuration. */
function levelOf(configured: Config['log']['level'], verbosity: number): Config['log']['level'] {
  if (verbosity < 0) return 'error';
  if (verbosity === 0) return configured;
  return verbosity === 1 ? 'debug' : 'trace';
}
