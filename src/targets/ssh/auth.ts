/**
 * Logging in: finds the keys and the password a user may have meant, offers them one after another, and says in the
 * end what was tried. Each key is offered once, from the agent or from its file, since servers count the tries
 * (OpenSSH's MaxAuthTries is 6). A wrong password is tried once, so that nobody is locked out by a program.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import ssh2, {
  type AnyAuthMethod,
  type AuthenticationType,
  type BaseAgent,
  type KeyboardInteractiveCallback,
  type ParsedKey,
  type Prompt,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';
import { TargetError } from '../../errors.js';
import { codeOf, reasonOf, whyUnreadable } from '../../system-error.js';
import type { HostSettings } from './config.js';
import { publicPartOf } from './public-part.js';
import { printable } from './text.js';

/** The files that ssh looks for by itself, as far as ssh2 reads their kind. */
const USUAL_FILES = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

const PASSWORD = 'a password'; // as messages call it
const PUBLIC = 'it is a public key; name the private one, or load that with ssh-add';
const LOCKED = 'it is encrypted; name its passphrase with passphraseEnv, or load it with ssh-add';

/** RFC 7468: what openssl and the consoles of clouds hand out, and ssh2 does not read. */
const PKCS8 = /^\s*-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----/;

export interface CredentialSettings {
  readonly resolved: HostSettings;
  readonly home: string;
  /** The one key to log in with; then no other is looked for. */
  readonly identityFile: string | undefined;
  readonly passphrase: string | undefined;
  readonly password: string | undefined;
  /** How long the agent may take to list its keys, in milliseconds. */
  readonly timeoutMs: number;
  readonly onWarning: (text: string) => void;
}

/** Finds everything there is to offer. Throws a TargetError 'auth' if `identityFile` cannot be used. */
export async function findCredentials(settings: CredentialSettings): Promise<Login> {
  const keys =
    settings.identityFile === undefined ? await findKeys(settings) : await explicitKey(settings, settings.identityFile);
  const password = settings.password === undefined ? [] : [{ kind: 'password', password: settings.password } as const];
  return new Login(settings.resolved.user, [...keys.offers, ...password], keys.notes);
}

type Offer =
  | { readonly kind: 'file'; readonly name: string; readonly key: ParsedKey }
  | { readonly kind: 'agent'; readonly agent: BaseAgent; readonly keys: readonly ParsedKey[] }
  | { readonly kind: 'password'; readonly password: string };

/** `notes` are for the message should all offers be refused. */
interface Found {
  readonly offers: readonly Offer[];
  readonly notes: readonly string[];
}

/** One login: what was offered, in which order, and what the server said to it. */
export class Login {
  readonly #user: string;
  readonly #offers: readonly Offer[];
  readonly #waiting: Offer[];
  /** What was tried last. */
  #last: Offer | undefined;
  #isSecondStep = false;
  readonly #tried: string[] = [];
  readonly #notes: string[];
  #accepted: readonly AuthenticationType[] | undefined;
  #takesNoPassword = false;

  constructor(user: string, offers: readonly Offer[], notes: readonly string[]) {
    this.#user = user;
    this.#offers = offers;
    this.#waiting = [...offers];
    this.#notes = [...notes];
  }

  /**
   * What to try next; false if nothing is left. `accepted` is null before the server has refused anything. Where it wants `one step
   * more`, it may want a key that it would not hear of before.
   */
  next(
    accepted: readonly AuthenticationType[] | null,
    step: 'first step' | 'one step more' = 'first step',
  ): AnyAuthMethod | false {
    this.#accepted = accepted ?? undefined;
    if (step === 'one step more' && !this.#isSecondStep) {
      this.#isSecondStep = true;
      const refused = this.#offers.filter((offer) => offer !== this.#last && !this.#waiting.includes(offer));
      this.#waiting.push(...refused.filter(({ kind }) => kind !== 'password'));
    }
    // Which way of taking a password the server has is only known once it has refused something.
    if (accepted === null && !this.#waiting.some((offer) => offer.kind !== 'password')) return this.#ask();
    for (let offer = this.#waiting.shift(); offer !== undefined; offer = this.#waiting.shift()) {
      const method = this.#methodFor(offer, accepted);
      if (method === undefined) {
        this.#takesNoPassword ||= offer.kind === 'password';
        continue;
      }
      this.#tried.push(nameOf(offer));
      this.#last = offer;
      return method;
    }
    return false;
  }

  /** Something that explains a refusal, as a sentence without its full stop. */
  note(text: string): void {
    this.#notes.push(text);
  }

  /** Says that nobody was let in, and what to do. `outcome` where it was not simply the last refusal. */
  refusal(host: string, outcome?: { readonly reason: string; readonly advice: string }): TargetError {
    const tried = this.#tried.length === 0 ? undefined : enumerate(this.#tried);
    const reason =
      outcome === undefined
        ? `${this.#refused(tried)}${this.#accepts()}`
        : `${outcome.reason} after ${tried ?? 'no try'}`;
    const text = [reason, ...this.#notes].join('; ');
    return new TargetError('auth', `cannot log in to ${host}: ${text}. ${outcome?.advice ?? this.#advice()}`);
  }

  #ask(): AnyAuthMethod {
    return { type: 'none', username: this.#user };
  }

  #methodFor(offer: Offer, accepted: readonly AuthenticationType[] | null): AnyAuthMethod | undefined {
    const takes = (type: AuthenticationType) => accepted === null || accepted.includes(type);
    const username = this.#user;
    if (offer.kind === 'password') {
      const { password } = offer;
      if (takes('password')) return { type: 'password', username, password };
      if (!takes('keyboard-interactive')) return undefined;
      return { type: 'keyboard-interactive', username, prompt: this.#answerOnce(password) };
    }
    if (!takes('publickey')) return undefined;
    if (offer.kind === 'file') return { type: 'publickey', username, key: offer.key };
    return { type: 'agent', username, agent: new KeyRing(offer.agent, offer.keys) };
  }

  /** Answers the one question that a server puts instead of asking for the password. A second one is not for us. */
  #answerOnce(password: string) {
    let answered = false;
    return (_name: string, _text: string, _lang: string, prompts: Prompt[], finish: KeyboardInteractiveCallback) => {
      const isPassword = prompts.length === 1 && prompts[0]?.echo !== true && !answered;
      if (!isPassword) this.note(`the server asked ${prompts.map((each) => `"${printable(each.prompt)}"`).join(', ')}`);
      answered = true;
      finish(isPassword ? [password] : []);
    };
  }

  #refused(tried: string | undefined): string {
    if (tried !== undefined)
      return `the server refused ${tried}${this.#takesNoPassword ? ', and takes no password' : ''}`;
    return this.#takesNoPassword ? 'the server takes no password' : 'there is no key or password to offer';
  }

  #accepts(): string {
    if (this.#accepted === undefined) return '';
    return ` (it takes ${this.#accepted.length === 0 ? 'nothing more' : enumerate(this.#accepted)})`;
  }

  #advice(): string {
    if (this.#tried.length === 0)
      return `Set identityFile${this.#takesNoPassword ? '' : ' or passwordEnv'}, or load a key into ssh-agent`;
    const triedKeys = this.#tried.some((name) => name !== PASSWORD);
    const inKeys = `that the public key stands in ${this.#user}'s authorized_keys on the server`;
    return `Check the user name, and ${triedKeys ? inKeys : 'the password'}`;
  }
}

/** An agent that shows some of its keys only. */
class KeyRing extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: BaseAgent;
  readonly #keys: readonly ParsedKey[];

  constructor(agent: BaseAgent, keys: readonly ParsedKey[]) {
    super();
    this.#agent = agent;
    this.#keys = keys;
  }

  override getIdentities(callback: Parameters<BaseAgent<ParsedKey>['getIdentities']>[0]): void {
    callback(null, [...this.#keys]);
  }

  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    if (typeof options === 'function') this.#agent.sign(key, data, options);
    else this.#agent.sign(key, data, options, done);
  }
}

async function explicitKey(settings: CredentialSettings, path: string): Promise<Found> {
  const identity = await readIdentity(path, settings.passphrase);
  if (identity.kind === 'key') return { offers: [fileOffer(path, identity.key, settings.home)], notes: [] };
  if (identity.kind === 'unusable') throw unusable(path, identity.reason);
  const agent = await askAgent(settings);
  const wanted = await publicPartOf(path);
  const keys = agent.keys.filter((key) => wanted === undefined || key.getPublicSSH().equals(wanted));
  if (agent.agent === undefined || keys.length === 0) {
    throw unusable(path, identity.kind === 'public' ? PUBLIC : LOCKED);
  }
  return { offers: [{ kind: 'agent', agent: agent.agent, keys }], notes: agent.notes };
}

/** The agent's keys, then those of ssh_config, then the usual files. */
async function findKeys(settings: CredentialSettings): Promise<Found> {
  const { resolved, home } = settings;
  const paths = resolved.identityFiles ?? USUAL_FILES.map((name) => join(home, '.ssh', name));
  const agent = await askAgent(settings);
  const named = await Promise.all(paths.map((path) => publicPartOf(path)));
  const isNamed = (key: ParsedKey) => named.some((bytes) => bytes?.equals(key.getPublicSSH()) === true);
  // Keys that the user named come first, since the server may stop listening before the end of a full agent.
  const unnamed = resolved.identitiesOnly ? [] : agent.keys.filter((key) => !isNamed(key));
  const keys = [...agent.keys.filter((key) => isNamed(key)), ...unnamed];
  // What the agent has needs no file.
  const isOffered = (bytes: Buffer | undefined) => keys.some((key) => bytes?.equals(key.getPublicSSH()) === true);
  const others = paths.filter((_, at) => !isOffered(named[at]));
  const files = await Promise.all(others.map((path) => tryFile(path, settings)));
  const fresh = files.flat().filter((offer) => !isOffered(offer.key.getPublicSSH()));
  const fromAgent: Offer[] =
    agent.agent === undefined || keys.length === 0 ? [] : [{ kind: 'agent', agent: agent.agent, keys }];
  return { offers: [...fromAgent, ...fresh], notes: agent.notes };
}

type FileOffer = Extract<Offer, { kind: 'file' }>;

/** A key that nobody named for this target alone: one that is not there or cannot be used is no failure. */
async function tryFile(path: string, settings: CredentialSettings): Promise<FileOffer[]> {
  const identity = await readIdentity(path, settings.passphrase);
  if (identity.kind === 'key') return [fileOffer(path, identity.key, settings.home)];
  if (identity.kind === 'locked') settings.onWarning(`not using the key ${path}: it is encrypted`);
  if (identity.kind === 'public') settings.onWarning(`not using the key ${path}: ${PUBLIC}`);
  if (identity.kind === 'unusable' && !identity.missing)
    settings.onWarning(`not using the key ${path}: ${identity.reason}`);
  return [];
}

interface Agent {
  readonly agent: BaseAgent | undefined;
  readonly keys: readonly ParsedKey[];
  readonly notes: readonly string[];
}

async function askAgent({ resolved, timeoutMs, onWarning }: CredentialSettings): Promise<Agent> {
  const socket = resolved.identityAgent;
  if (socket === undefined) return { agent: undefined, keys: [], notes: [] };
  try {
    const agent = ssh2.createAgent(socket);
    return { agent, keys: await keysOf(agent, timeoutMs), notes: [] };
  } catch (error) {
    const note = `the agent at ${socket} does not answer (${reasonOf(error)})`;
    onWarning(note);
    return { agent: undefined, keys: [], notes: [note] };
  }
}

function keysOf(agent: BaseAgent, timeoutMs: number): Promise<ParsedKey[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TargetError('auth', 'it took too long')), timeoutMs);
    agent.getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) reject(new TargetError('auth', error.message));
      else resolve((keys ?? []).filter((key) => typeof key === 'object' && 'getPublicSSH' in key));
    });
  });
}

type Identity =
  | { readonly kind: 'key'; readonly key: ParsedKey }
  | { readonly kind: 'locked' | 'public' }
  | { readonly kind: 'unusable'; readonly reason: string; readonly missing: boolean };

async function readIdentity(path: string, passphrase: string | undefined): Promise<Identity> {
  try {
    const file = await open(path);
    try {
      const { mode, uid } = await file.stat();
      const identity = parseIdentity(path, await file.readFile(), passphrase);
      const isTooOpen = uid === process.getuid?.() && (mode & 0o077) !== 0;
      const isPrivate = identity.kind === 'key' || identity.kind === 'locked';
      return isTooOpen && isPrivate ? cannotUse(tooOpen(path, mode)) : identity;
    } finally {
      await file.close();
    }
  } catch (error) {
    return { kind: 'unusable', reason: whyUnreadable(error), missing: codeOf(error) === 'ENOENT' };
  }
}

function parseIdentity(path: string, bytes: Buffer, passphrase: string | undefined): Identity {
  if (bytes.length === 0) return cannotUse('it is empty; put the key there again, or name another one');
  if (PKCS8.test(bytes.toString('latin1')))
    return cannotUse(
      `it is in the format PKCS#8; "ssh-keygen -p -f ${path}" converts it (one of ed25519 from OpenSSH 9.6 on), or make a new key with ssh-keygen`,
    );
  const parsed = ssh2.utils.parseKey(bytes);
  if (!(parsed instanceof Error)) {
    return parsed.isPrivateKey() ? { kind: 'key', key: parsed } : { kind: 'public' };
  }
  if (!/encrypted/i.test(parsed.message))
    return cannotUse(`it is not a private key that can be read (${parsed.message}); name one that ssh-keygen made`);
  if (passphrase === undefined) return { kind: 'locked' };
  const unlocked = ssh2.utils.parseKey(bytes, passphrase);
  return unlocked instanceof Error
    ? cannotUse('the passphrase is wrong; correct what passphraseEnv or passphraseFile names')
    : { kind: 'key', key: unlocked };
}

function cannotUse(reason: string): Identity {
  return { kind: 'unusable', reason, missing: false };
}

/** As OpenSSH has it: a private key that others may read is private no more. */
function tooOpen(path: string, mode: number): string {
  return `others may read it (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`;
}

function fileOffer(path: string, key: ParsedKey, home: string): FileOffer {
  return { kind: 'file', name: path.startsWith(join(home, '/')) ? `~${path.slice(home.length)}` : path, key };
}

function unusable(path: string, reason: string): TargetError {
  return new TargetError('auth', `cannot use the key ${path}: ${reason}`);
}

function nameOf(offer: Offer): string {
  if (offer.kind === 'file') return offer.name;
  if (offer.kind === 'password') return PASSWORD;
  return `the agent (${offer.keys.length} ${offer.keys.length === 1 ? 'key' : 'keys'})`;
}

function enumerate(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
