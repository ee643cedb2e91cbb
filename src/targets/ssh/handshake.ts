/**
 * The time between a stream that is open and a session that is ready: waits for it, bounded, and turns whatever ends
 * it early into one sentence. The libraries report trouble in several ways at once; the first error names the cause.
 */
import type { Client } from 'ssh2';
import { TargetError } from '../../errors.js';
import { reasonOf } from '../../system-error.js';
import type { Login } from './auth.js';
import { printable, unreachable } from './text.js';

const UNLOCK = 'Unlock the key, or name another with identityFile';
const FEWER_TRIES = 'Name the right key with identityFile, so that no others are tried before it';

/** Disconnect messages that mean the login (RFC 4253, 11.1). OpenSSH sends 2, "protocol error", after too many tries. */
const REFUSALS: ReadonlySet<unknown> = new Set([2, 13, 14]);

/** One SSH handshake and login. Listens to the client for as long as that lives, so that no error goes unheard. */
export class Handshake {
  readonly #label: string;
  readonly #client: Client;
  readonly #login: Login;
  readonly #timeoutMs: number;
  #stage: 'greeting' | 'login' | 'session' = 'greeting';
  #refusal: TargetError | undefined;
  #error: Error | undefined;
  #isClosed = false;
  readonly #ended: Promise<never>;
  #end: (reason: Error) => void = () => undefined;

  constructor(label: string, client: Client, login: Login, timeoutMs: number) {
    this.#label = label;
    this.#client = client;
    this.#login = login;
    this.#timeoutMs = timeoutMs;
    this.#ended = new Promise((_, reject) => {
      this.#end = reject;
    });
    client.on('error', (error) => (this.#error ??= error)); // the first one names the cause
    client.once('close', () => {
      this.#isClosed = true;
      this.#end(new TargetError('unreachable', 'the connection was closed'));
    });
    client.on('handshake', () => (this.#stage = 'login'));
    client.on('ready', () => {
      this.#stage = 'session';
      this.#error = undefined; // of a key that was not needed
    });
    client.on('banner', (text) => login.note(`the server says "${printable(text)}"`));
    client.on('change password', (prompt) => {
      const reason = `the server wants a new password ("${printable(prompt)}")`;
      this.#stopWith(login.refusal(label, { reason, advice: 'Log in with ssh once and change it' }));
    });
  }

  /** What `start` promises, unless something ends it before. Throws a TargetError. */
  async run<T>(start: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#stopWith(unreachable(this.#label, this.#tooSlow())), this.#timeoutMs);
    try {
      return await Promise.race([start(), this.#ended]);
    } catch (error) {
      throw this.#explain(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether the two sides have not come to an agreement on how to speak, the key of the server included. */
  get isGreeting(): boolean {
    return this.#stage === 'greeting';
  }

  /** For the host verifier: whether the key is good, that is, whether there is no complaint. */
  accepts(complaint: TargetError | undefined): boolean {
    this.#refusal = complaint;
    return complaint === undefined;
  }

  #stopWith(refusal: TargetError): void {
    this.#refusal = refusal;
    this.#end(refusal);
    this.#client.destroy();
  }

  #tooSlow(): string {
    const within = `within ${this.#timeoutMs / 1000} s`;
    if (this.#stage === 'greeting') return `it took the connection, but did not answer as an SSH server ${within}`;
    return this.#stage === 'login' ? `it did not finish the login ${within}` : `it opened no SFTP session ${within}`;
  }

  #explain(error: unknown): TargetError {
    if (this.#refusal !== undefined) return this.#refusal;
    const cause = this.#error ?? error;
    const reason = reasonOf(cause);
    switch (this.#stage) {
      case 'greeting':
        return this.#explainGreeting(levelOf(cause), reason, cause);
      case 'login':
        return this.#explainLogin(levelOf(cause), reason, cause);
      case 'session':
        break;
    }
    if (this.#isClosed) return unreachable(this.#label, 'the connection broke off', cause);
    const message = `cannot open an SFTP session on ${this.#label}: ${reason}; check that this account may use SFTP`;
    return new TargetError('unsupported', message, { cause });
  }

  #explainGreeting(level: string | undefined, reason: string, cause: unknown): TargetError {
    if (level === 'handshake') {
      return new TargetError('failed', `cannot agree with ${this.#label} on how to speak: ${reason}`, { cause });
    }
    const hint = 'it may be limiting new connections (MaxStartups), blocking this address, or be no SSH server';
    return unreachable(this.#label, `it closed the connection before it spoke SSH; ${hint}`, cause);
  }

  #explainLogin(level: string | undefined, reason: string, cause: unknown): TargetError {
    if (level === 'client-authentication') return this.#login.refusal(this.#label);
    if (level === 'agent')
      return this.#login.refusal(this.#label, { reason: `the agent did not sign (${reason})`, advice: UNLOCK });
    const said = printable(reason);
    if (REFUSALS.has(codeOf(cause))) {
      return this.#login.refusal(this.#label, { reason: `the server hung up ("${said}")`, advice: FEWER_TRIES });
    }
    if (typeof codeOf(cause) === 'number') return unreachable(this.#label, `it hung up ("${said}")`, cause);
    return unreachable(this.#label, 'it closed the connection during the login', cause);
  }
}

/** A number if it is the reason of a disconnect message. */
function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function levelOf(error: unknown): string | undefined {
  return error instanceof Error && 'level' in error ? String(error.level) : undefined;
}
