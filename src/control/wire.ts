/**
 * wire: what goes over the control socket besides the documents of the daemon, written and read. Pure.
 *
 * A request is JSON or nothing. A reply is one JSON document, or lines of JSON for as long as something happens.
 */
import type { SyncReport } from '../cycle/report.js';
import type { DaemonEvent, TriggerOptions } from '../daemon/service.js';
import {
  ConfigError,
  ControlError,
  type ControlErrorCode,
  type Failure,
  LockedError,
  PushstaticError,
  SafetyError,
  SourceError,
  TARGET_ERROR_KINDS,
  TargetError,
} from '../errors.js';

/** One line of the reply to a trigger that is waited for; the last one is a result or an error. */
export type TriggerLine =
  | DaemonEvent
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'result'; readonly document: SyncReport }
  | { readonly kind: 'error'; readonly error: Failure };

export interface TriggerRequest extends TriggerOptions {
  /** Whether the reply is to go on until the cycle is over. */
  readonly wait: boolean;
}

const MOST_TARGETS = 10_000;

const STATUSES: Readonly<Record<ControlErrorCode, number>> = {
  BAD_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  WRONG_METHOD: 405,
  TOO_LARGE: 413,
  NOT_RUNNING: 503,
  UNEXPECTED: 500,
  LOST: 500,
};

/** The status of HTTP for an error: whose fault it was. */
export function httpStatusOf(error: unknown): number {
  if (error instanceof ControlError) return STATUSES[error.code];
  if (error instanceof ConfigError) return 400;
  return error instanceof PushstaticError ? 409 : 500;
}

/** The error that was written down, in its own class again. */
export function revive({ code, message }: Failure): PushstaticError {
  if (code === 'CONFIG') return new ConfigError(message);
  if (code === 'SOURCE') return new SourceError(message);
  if (code === 'REFUSED') return new SafetyError(message);
  if (code === 'LOCKED') return new LockedError(message);
  if (code in STATUSES) return new ControlError(code as ControlErrorCode, message);
  const kind = TARGET_ERROR_KINDS.find((each) => each.toUpperCase().replaceAll('-', '_') === code);
  return kind === undefined ? new ControlError('UNEXPECTED', message) : new TargetError(kind, message);
}

/** Throws a ControlError for anything but what a trigger may say; what is left out is false, or all targets. */
export function parseTrigger(value: unknown): TriggerRequest {
  const { targets = [], force = false, checksum = false, wait = false, ...others } = mapping(value);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw bad(`unknown key ${JSON.stringify(unknown.slice(0, 60))}`);
  if (!isTexts(targets) || targets.length > MOST_TARGETS) throw bad('targets: expected a list of names');
  return { targets, force: flag('force', force), checksum: flag('checksum', checksum), wait: flag('wait', wait) };
}

function mapping(value: unknown): Record<string, unknown> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('expected a mapping');
  return { ...value };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function flag(key: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw bad(`${key}: expected true or false`);
}

function bad(what: string): ControlError {
  return new ControlError('BAD_REQUEST', `cannot read the request: ${what}`);
}
