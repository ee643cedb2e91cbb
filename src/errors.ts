/**
 * Every error class of the project, with the exit status each one leads to.
 *
 * An error stops a cycle. Trouble with one file is not an error but a `Problem`, which is data.
 * A message is one sentence for a person: "cannot <verb> <what>: <reason>", and what they can do about it.
 */

/** The exit statuses that scripts may rely on. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  differences: 3,
  locked: 4,
  refused: 5,
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Why a path could not be brought to its wanted state. Machine readable: scripts match on it. */
export type ProblemCode =
  | 'BAD_NAME' // the name is not valid UTF-8, or cannot be a path on a target
  | 'BROKEN_LINK'
  | 'LINK_LOOP'
  | 'NOT_A_FILE' // a FIFO, socket or device
  | 'UNREADABLE'
  | 'CHANGED' // the file changed while it was read
  | 'OBSTRUCTED' // something that is not ours stands where the file or its folder should be
  | 'NO_SPACE'
  | 'DENIED'
  | 'READ_ONLY'
  | 'SECRET' // it holds a private key
  | 'OTHER_DEVICE' // it lies on another file system than the control area of the target
  | 'HELD_BACK' // not published, because something that it may refer to failed
  | 'FAILED';

/** The step at which trouble met a file. */
export type ProblemStep = 'collect' | 'scan' | 'stage' | 'publish' | 'remove' | 'verify';

/** Trouble with one path, as data. `message` is one sentence without the path in front. */
export interface Problem {
  readonly path: string;
  readonly step: ProblemStep;
  readonly code: ProblemCode;
  readonly message: string;
}

/** What went wrong with something as a whole, as data: the code of an error, and one sentence that says what to do. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** The base of all errors this project throws. */
export abstract class PushstaticError extends Error {
  abstract readonly code: string;
  readonly exitStatus: ExitStatus = EXIT.failed;
  /** Whether the same operation may succeed when it is tried again a little later: `retry` and a daemon go by it. */
  readonly retryable: boolean = false;
}

/** The user can fix it in the configuration, the environment or the command line. */
export class ConfigError extends PushstaticError {
  override readonly name = 'ConfigError';
  override readonly code = 'CONFIG';
  override readonly exitStatus = EXIT.usage;
  override readonly retryable: boolean;

  constructor(message: string, { retryable = false, ...options }: ErrorOptions & { retryable?: boolean } = {}) {
    super(message, options);
    this.retryable = retryable;
  }
}

/** Broken off by a person or a signal, in good order. */
export class InterruptedError extends PushstaticError {
  override readonly name = 'InterruptedError';
  override readonly code = 'INTERRUPTED';
  override readonly exitStatus = EXIT.interrupted;

  constructor(message = 'interrupted; nothing half done is visible, and the next run goes on from here') {
    super(message);
  }
}

/**
 * Trouble with one file, on its way to become a Problem: thrown where the file is read, caught where its outcome is
 * made. It never stops a cycle.
 */
export class FileError extends PushstaticError {
  override readonly name = 'FileError';
  override readonly code: ProblemCode;

  constructor(code: ProblemCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A source folder or STATIC_ROOT cannot be used as a whole. */
export class SourceError extends PushstaticError {
  override readonly name = 'SourceError';
  override readonly code = 'SOURCE';
}

/** The files cannot be post-processed, where Django could not do it either. STATIC_ROOT is as it was. */
export class ManifestError extends PushstaticError {
  override readonly name = 'ManifestError';
  override readonly code = 'MANIFEST';
}

/** A guard refused to go on. Its message says what the way past it is, where there is one: `--force`, or a setting. */
export class SafetyError extends PushstaticError {
  override readonly name = 'SafetyError';
  override readonly code = 'REFUSED';
  override readonly exitStatus = EXIT.refused;
}

/** Another run writes to the target, or wrote to it since this one looked. Nothing of this run was recorded over it. */
export class LockedError extends PushstaticError {
  override readonly name = 'LockedError';
  override readonly code = 'LOCKED';
  override readonly exitStatus = EXIT.locked;
  override readonly retryable: boolean;

  constructor(message: string, { retryable = false, ...options }: ErrorOptions & { retryable?: boolean } = {}) {
    super(message, options);
    this.retryable = retryable;
  }
}

/** Bytes of an index that do not say what an index must say. `reason` names the first rule that was broken. */
export class IndexError extends PushstaticError {
  override readonly name = 'IndexError';
  override readonly code = 'INDEX';
  readonly reason: 'damaged' | 'foreign-version';

  constructor(message: string, reason: 'damaged' | 'foreign-version', options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** What went wrong at a target, told by cause and not by the protocol's number. */
export const TARGET_ERROR_KINDS = [
  'not-found',
  'exists',
  'not-a-directory',
  'not-a-file',
  'not-empty',
  'bad-name', // nothing can have that path there
  'denied',
  'no-space',
  'read-only',
  'other-device', // two file systems, between which nothing is renamed
  'unsupported',
  'unreachable', // no connection, or it broke
  'drifted', // what lies there is not what was known of it; the next try knows better
  'control-gone', // what is ours there was removed under a run
  'line-lost', // one of several connections broke
  'auth', // the server let nobody in
  'host-key',
  'failed',
] as const;

export type TargetErrorKind = (typeof TARGET_ERROR_KINDS)[number];

/** The next try may find the target there, or knows better what lies on it. */
const RETRYABLE: ReadonlySet<TargetErrorKind> = new Set(['unreachable', 'drifted', 'control-gone']);

/** A target could not do what was asked. */
export class TargetError extends PushstaticError {
  override readonly name = 'TargetError';
  override readonly code: string;
  override readonly retryable: boolean;
  readonly kind: TargetErrorKind;

  constructor(kind: TargetErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.code = kind.toUpperCase().replaceAll('-', '_');
    this.retryable = RETRYABLE.has(kind);
  }
}

/** Why a running daemon could not be asked, or why it refused the request itself. */
export type ControlErrorCode =
  | 'BAD_REQUEST'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'WRONG_METHOD'
  | 'TOO_LARGE'
  | 'NOT_RUNNING'
  | 'UNEXPECTED' // a fault of the daemon's own
  | 'LOST'; // the connection ended before the answer

/** A running daemon could not be asked, or refused the request itself. */
export class ControlError extends PushstaticError {
  override readonly name = 'ControlError';
  override readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
