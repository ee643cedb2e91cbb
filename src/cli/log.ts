/**
 * makeLog: the log of a run on stderr by pino, for whoever reads it: JSON lines for programs, lines with a priority for
 * the journal. A person at a terminal gets a face instead.
 */
import type { Logger } from 'pino';
import type { Config } from '../config/schema.js';
import type { Output } from './output.js';
import { printableLines } from './printable.js';

type Level = Config['log']['level'];

const SECRETS = ['password', 'passphrase', 'privateKey', 'token', 'authorization', 'cookie'];
const DEPTHS = ['', '*.', '*.*.'];
const REDACT = { paths: DEPTHS.flatMap((depth) => SECRETS.map((key) => depth + key)), censor: '[hidden]' };

/**
 * Undefined where plain lines are wanted. `log.format: auto` means a log for the journal where stderr goes there, JSON for
 * a `service` that no terminal is attached to, and plain lines for everything else.
 */
export async function makeLog(
  { log }: Pick<Config, 'log'>,
  output: Output,
  { service = false }: { readonly service?: boolean } = {},
): Promise<Logger | undefined> {
  const format = log.format === 'auto' ? formatFor(output, service) : log.format;
  if (format === 'pretty') return undefined;
  const { default: pino } = await import('pino');
  const options = { level: levelOf(log.level, output.flags.verbosity), redact: REDACT };
  return format === 'json'
    ? pino({ ...options, name: 'pushstatic' }, { write: (record) => output.paint(record) })
    : // The journal adds the time, the process and the host itself.
      pino({ ...options, base: null, timestamp: false }, { write: (record) => output.paint(journalLines(record)) });
}

function formatFor(output: Output, isService: boolean): 'json' | 'pretty' | 'journal' {
  if (output.isJournal) return 'journal';
  return isService && !output.isTerminal ? 'json' : 'pretty';
}

/** -q and -v count more than the configuration. */
function levelOf(configured: Level, verbosity: number): Level {
  if (verbosity < 0) return 'error';
  if (verbosity === 0) return configured;
  return verbosity === 1 ? 'debug' : 'trace';
}

/** A record as text: the message, then the other fields. Each line has its priority in front, as in sd-daemon(3). */
function journalLines(record: string): string {
  const { level, msg, ...fields } = JSON.parse(record) as { readonly level: number; readonly msg?: string };
  const words = Object.entries(fields).map(([key, value]) => `${key}=${wordFor(value)}`);
  const text = printableLines([...(msg === undefined ? [] : [msg]), ...words].join(' '));
  return text
    .split('\n')
    .map((line) => `<${priorityOf(level)}>${line}\n`)
    .join('');
}

function wordFor(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function priorityOf(level: number): number {
  if (level >= 50) return 3; // SD_ERR
  if (level >= 40) return 4; // SD_WARNING
  return level >= 30 ? 6 : 7; // SD_INFO, SD_DEBUG
}
