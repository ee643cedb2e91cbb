/**
 * connectSsh: one SSH connection to a server that offers SFTP, and everything that must be right before it is one:
 * which host is meant, how it is reached, whether it is the right one, and who we are to it.
 *
 * Every failure leaves as a TargetError that says what the user can do.
 */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { Client, ClientChannel, CompressionAlgorithm, ConnectConfig } from 'ssh2';
import { ConfigError, PushstaticError, TargetError } from '../../errors.js';
import { reasonOf } from '../../system-error.js';
import { openSftpChannel, type SftpChannel } from '../sftp/channel.js';
import type { SftpConnection } from '../sftp/connection.js';
import type { Login } from './auth.js';
import { type HostSettings, resolveHost } from './config.js';
import { Handshake } from './handshake.js';
import { hostKeyPolicy } from './host-key.js';
import { loadSsh2 } from './load-ssh2.js';
import { connected, openSocket } from './socket.js';
import { unreachable } from './text.js';

const TIMEOUT_MS = 20_000; // for the TCP connection, and again for the login
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TRIES = 4; // so one that died silently is noticed in 50 s, before others take its lease over
const HEED_MS = 100; // signs of life that come faster say nothing new
const CLOSE_MS = 2000; // how long a server may take to say goodbye
const MAX_HOPS = 8; // more of them are a circle in ssh_config

/** Counter mode last: it needs a second pass for the checksum, which ciphers with a built-in one do not. */
const COUNTER_MODE = ['aes128-ctr', 'aes192-ctr', 'aes256-ctr'] as const;
const CIPHERS = { remove: [...COUNTER_MODE], prepend: [], append: [...COUNTER_MODE] };

/** A server that does not compress takes the second one. */
const COMPRESSED: CompressionAlgorithm[] = ['zlib@openssh.com', 'none'];
const PLAIN: CompressionAlgorithm[] = ['none'];

export interface SshSettings {
  /** A name, an address, or a Host of ssh_config. */
  readonly host: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly identityFile?: string | undefined;
  readonly password?: string | undefined;
  readonly passphrase?: string | undefined;
  /** A known_hosts file; default: those of ssh_config, else the usual ones. */
  readonly knownHosts?: string | undefined;
  /** 'SHA256:…': the one host key to trust. Counts more than any known_hosts file. */
  readonly hostKey?: string | undefined;
  /** The path of an ssh_config; false for none, undefined for ~/.ssh/config. */
  readonly sshConfig?: string | false | undefined;
  /** Whether what is said is compressed, if the server does that. Default: off. */
  readonly compress?: 'on' | 'off' | undefined;
}

export interface SshOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Ends the attempt, and later the connection. */
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
  /** How long the TCP connection may take, and again the login, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** How often a server that says nothing is asked whether it is there, in milliseconds; it may be silent for five times as long. */
  readonly keepaliveMs?: number | undefined;
}

/** Throws a ConfigError for settings that cannot be, else a TargetError: 'unreachable', 'host-key', 'auth', … */
export async function connectSsh(settings: SshSettings, options: SshOptions): Promise<SftpConnection> {
  const attempt = new Attempt(settings, options);
  try {
    return await attempt.connect();
  } catch (error) {
    attempt.cleanUp();
    const { signal } = options;
    if (signal?.aborted === true) throw new TargetError('failed', interrupted(settings.host), { cause: signal.reason });
    if (error instanceof PushstaticError) throw error;
    throw new TargetError('failed', `cannot connect to ${settings.host}: ${reasonOf(error)}`, { cause: error });
  }
}

/** A host on the way, or at its end. `label` is for messages. */
interface Peer {
  readonly label: string;
  readonly resolved: HostSettings;
  readonly settings: SshSettings;
}

/** Keys of a server that are none that is trusted by its fingerprint: it may have that one beside them. */
interface RefusedKeys {
  readonly kinds: readonly string[];
  /** Of the first one. */
  readonly complaint: TargetError;
  /** Nothing of it was used: nobody was trusted. */
  readonly login: Login;
}

/** The work of connecting: opens one thing after another, and remembers them to be closed in the reverse order. */
class Attempt {
  readonly #settings: SshSettings;
  readonly #options: SshOptions;
  readonly #home: string;
  readonly #timeoutMs: number;
  readonly #cleanUps: (() => void)[] = [];
  #isOver = false;
  #isCompressed = false;

  constructor(settings: SshSettings, options: SshOptions) {
    this.#settings = settings;
    this.#options = options;
    this.#home = options.env['HOME'] || homedir();
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  }

  async connect(): Promise<SftpConnection> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    if (signal !== undefined) this.#cleanUpOnAbort(signal);
    const peer = await this.#resolve(this.#settings);
    const session = await this.#logIn(peer, peer.resolved.proxyJump, 0, async (client, stream) => {
      return { client, stream, channel: await openSftpChannel(await openStream(client)) };
    });
    return new Connection({
      host: peer.label,
      ...session,
      isCompressed: this.#isCompressed,
      signal,
      cleanUp: () => this.cleanUp(),
      again: (compress, also) =>
        connectSsh(
          { ...this.#settings, compress },
          { ...this.#options, signal: signal === undefined ? also : AbortSignal.any([signal, also]) },
        ),
    });
  }

  /** Closes everything that is open, and whatever would be opened after it. */
  cleanUp(): void {
    this.#isOver = true;
    this.#cleanUpFrom(0);
  }

  /** Closes what was opened after the first `count` things. */
  #cleanUpFrom(count: number): void {
    for (const cleanUp of this.#cleanUps.splice(count).toReversed()) cleanUp();
  }

  #keep(cleanUp: () => void): void {
    if (this.#isOver) cleanUp();
    else this.#cleanUps.push(cleanUp);
  }

  #cleanUpOnAbort(signal: AbortSignal): void {
    const onAbort = () => this.cleanUp();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#keep(() => signal.removeEventListener('abort', onAbort));
  }

  async #resolve(settings: SshSettings): Promise<Peer> {
    const { host, port, user, sshConfig } = settings;
    const { env, signal } = this.#options;
    const file = sshConfig === false ? undefined : (sshConfig ?? join(this.#home, '.ssh', 'config'));
    const resolved = await resolveHost({ host, port, user, file, isUsual: sshConfig === undefined, env, signal });
    if (resolved.proxyCommand !== undefined) {
      throw new ConfigError(`cannot connect to ${host}: ProxyCommand in ${file} is not supported; use ProxyJump`);
    }
    return { label: labelOf(host, resolved), resolved, settings };
  }

  /**
   * Logs in to `peer`, over the hosts of `jumps`, and begins there by `start`. Whatever the way, a peer proves who it is.
   * The SSH library is loaded, and keys are read, while the other side takes the connection.
   */
  async #logIn<T>(
    peer: Peer,
    jumps: string | undefined,
    depth: number,
    start: (client: Client, stream: Duplex) => Promise<T>,
    refused?: RefusedKeys,
  ): Promise<T> {
    const { resolved, settings } = peer;
    const opened = this.#cleanUps.length;
    const reaching = this.#reach(peer, jumps, depth);
    reaching.catch(() => undefined); // heard below, unless something else is wrong already
    const ssh2 = await loadSsh2();
    const { findCredentials } = await import('./auth.js');
    const login =
      refused?.login ??
      (await findCredentials({
        resolved,
        home: this.#home,
        identityFile: settings.identityFile,
        passphrase: settings.passphrase,
        password: settings.password,
        timeoutMs: this.#timeoutMs,
        onWarning: this.#options.onWarning ?? (() => undefined),
      }));
    const policy = await hostKeyPolicy({
      host: resolved.hostname,
      port: resolved.port,
      label: peer.label,
      pinned: settings.hostKey,
      files: this.#knownHostsFiles(peer),
      passedOver: refused?.kinds ?? [],
    });
    const sock = await reaching;
    const client = new ssh2.Client();
    this.#keep(() => client.destroy());
    client.on('error', ({ level }) => {
      // What the system still has to send must not arrive when somebody else has taken over.
      if (level === 'client-timeout' && sock instanceof Socket) sock.resetAndDestroy();
    });
    client.on('handshake', ({ cs }) => (this.#isCompressed = cs.compress !== 'none'));
    const compress = settings.compress === 'on' ? COMPRESSED : PLAIN;
    const handshake = new Handshake(peer.label, client, login, this.#timeoutMs);
    const running = handshake.run(async () => {
      if (sock.destroyed || sock.readableEnded) throw new TargetError('unreachable', 'it hung up meanwhile');
      await ready(client, {
        sock,
        username: resolved.user,
        readyTimeout: 0, // the handshake's own covers the opening of the channel, too
        keepaliveInterval: this.#options.keepaliveMs ?? KEEPALIVE_MS,
        keepaliveCountMax: KEEPALIVE_TRIES,
        algorithms: { serverHostKey: policy.algorithms, cipher: CIPHERS, compress },
        hostVerifier: (key: Buffer) => handshake.accepts(policy.check(key)),
        authHandler: (accepted, isPart) => login.next(accepted, isPart ? 'one step more' : 'first step'),
      });
      return start(client, sock);
    });
    return running.catch((error: unknown) => {
      if (!(error instanceof TargetError)) throw error;
      const { refusedKind } = policy;
      const complaint = refused?.complaint ?? error;
      // It has no key of another kind, or was not heard to have one.
      if (refusedKind === undefined) throw handshake.isGreeting ? complaint : error;
      this.#cleanUpFrom(opened);
      return this.#logIn(peer, jumps, depth, start, {
        kinds: [...(refused?.kinds ?? []), refusedKind],
        complaint,
        login,
      });
    });
  }

  /** A stream to the peer: a socket, or a channel forwarded by the last of the hosts to jump over. */
  async #reach(peer: Peer, jumps: string | undefined, depth: number): Promise<Duplex> {
    if (jumps === undefined) return this.#openSocket(peer);
    if (depth === MAX_HOPS) throw new ConfigError(`cannot connect to ${peer.label}: ProxyJump goes in a circle`);
    const before = jumps.split(',');
    const last = before.pop() ?? '';
    const hop = await this.#resolveHop(last, peer.settings);
    // `Host *` with a ProxyJump means the jump host, too, which is not to be reached through itself.
    const configured = hop.resolved.proxyJump === last ? undefined : hop.resolved.proxyJump;
    const earlier = before.length > 0 ? before.join(',') : configured;
    const client = await this.#logIn(hop, earlier, depth + 1, async (loggedIn) => loggedIn);
    return this.#forward(client, hop, peer);
  }

  /** It may wait for an answer that never comes, as where a firewall lets nothing through. */
  async #forward(client: Client, hop: Peer, peer: Peer): Promise<Duplex> {
    const within = AbortSignal.timeout(this.#timeoutMs);
    const tooLate = once(within, 'abort').then(() => {
      const seconds = this.#timeoutMs / 1000;
      throw unreachable(peer.label, `${hop.label} did not connect to it within ${seconds} s`, within.reason);
    });
    tooLate.catch(() => undefined); // it may come when nobody waits any more
    return Promise.race([forward(client, hop, peer), tooLate]);
  }

  /**
   * A jump host gets no password and no pinned key: they are the target's. It gets the target's key where ssh_config
   * names none for it, which gives nothing away.
   */
  async #resolveHop(jump: string, target: SshSettings): Promise<Peer> {
    const { identityFile, passphrase, knownHosts, sshConfig } = target;
    const hop = await this.#resolve({ ...parseJump(jump), passphrase, knownHosts, sshConfig });
    return hop.resolved.identityFiles === undefined ? { ...hop, settings: { ...hop.settings, identityFile } } : hop;
  }

  async #openSocket({ resolved, label }: Peer): Promise<Duplex> {
    const socket = openSocket(resolved);
    this.#keep(() => socket.destroy());
    await connected(socket, resolved, { label, timeoutMs: this.#timeoutMs, signal: this.#options.signal });
    return socket;
  }

  #knownHostsFiles({ settings, resolved }: Peer): string[] {
    const usual = [join(this.#home, '.ssh', 'known_hosts'), join(this.#home, '.ssh', 'known_hosts2')];
    const own = settings.knownHosts === undefined ? (resolved.userKnownHostsFiles ?? usual) : [settings.knownHosts];
    return [...own, '/etc/ssh/ssh_known_hosts'];
  }
}

interface ConnectionParts {
  readonly host: string;
  readonly client: Client;
  /** What the client speaks on. */
  readonly stream: Duplex;
  readonly channel: SftpChannel;
  readonly isCompressed: boolean;
  readonly signal: AbortSignal | undefined;
  /** Cuts whatever is still open on the way to the host. */
  readonly cleanUp: () => void;
  readonly again: SftpConnection['again'];
}

class Connection implements SftpConnection {
  readonly host: string;
  readonly channel: SftpChannel;
  readonly isCompressed: boolean;
  readonly again: SftpConnection['again'];
  readonly #client: Client;
  readonly #stream: Duplex;
  readonly #signal: AbortSignal | undefined;
  readonly #cleanUp: () => void;
  readonly #ended: Promise<void>;
  readonly #listeners: ((error?: TargetError) => void)[] = [];
  #isClosing = false;
  #end: { readonly error: TargetError | undefined } | undefined;
  #cause: Error | undefined;

  constructor(parts: ConnectionParts) {
    const { host, client, stream, channel, signal, cleanUp } = parts;
    this.host = host;
    this.channel = channel;
    this.isCompressed = parts.isCompressed;
    this.again = parts.again;
    this.#client = client;
    this.#stream = stream;
    this.#signal = signal;
    this.#cleanUp = cleanUp;
    client.on('error', (error) => (this.#cause ??= error));
    this.#ended = new Promise((resolve) => {
      client.once('close', () => {
        this.#announceEnd();
        cleanUp();
        resolve();
      });
    });
  }

  async openChannel(): Promise<SftpChannel> {
    if (this.#end !== undefined) throw this.#lost();
    try {
      // A server may open more channels than it can serve: one counts when it has spoken.
      return await openSftpChannel(await openStream(this.#client), this.channel);
    } catch (cause) {
      if (this.#end !== undefined) throw this.#lost(cause);
      const reason = `cannot open another SFTP channel on ${this.host}: ${reasonOf(cause)}`;
      throw new TargetError('failed', reason, { cause });
    }
  }

  onClose(listener: (error?: TargetError) => void): void {
    if (this.#end === undefined) this.#listeners.push(listener);
    else listener(this.#end.error);
  }

  /** Says goodbye. To hear the answer takes a round trip, and is of use to nobody. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const timer = setTimeout(this.#cleanUp, CLOSE_MS);
    this.#ended.then(() => clearTimeout(timer)).catch(() => undefined);
    const said = this.#stream instanceof Socket ? once(this.#stream, 'finish').catch(() => this.#ended) : this.#ended;
    this.#client.end();
    await Promise.race([said, this.#ended]);
    this.#announceEnd();
    if (!(this.#stream instanceof Socket)) return;
    timer.unref();
    this.#stream.unref();
  }

  #announceEnd(): void {
    if (this.#end !== undefined) return;
    this.#end = { error: this.#isClosing ? undefined : this.#lost() };
    for (const listener of this.#listeners.splice(0)) listener(this.#end.error);
  }

  #lost(cause: unknown = this.#cause): TargetError {
    if (this.#signal?.aborted === true) {
      return new TargetError('failed', interrupted(this.host), { cause: this.#signal.reason });
    }
    const reason = cause === undefined ? 'the server closed it' : reasonOf(cause);
    return new TargetError('unreachable', `lost the connection to ${this.host}: ${reason}`, { cause });
  }
}

async function ready(client: Client, config: ConnectConfig & { readonly sock: Duplex }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    // After a key of the agent that cannot be used, the next one is tried.
    client.on('error', (error) => (error.level === 'agent' ? undefined : reject(error)));
    client.connect(config);
  });
  heedAll(client, config.sock);
}

/**
 * Takes whatever comes for a sign of life. To the library nothing but an answer to its own question is one, and on a slow line that
 * question waits behind all that was sent before.
 */
function heedAll(client: Client & { readonly _resetKA?: () => void }, stream: Duplex): void {
  let heardAt = performance.now();
  stream.on('data', () => {
    const now = performance.now();
    if (now - heardAt < HEED_MS) return;
    heardAt = now;
    client._resetKA?.();
  });
}

/** A stream to the server's SFTP subsystem. */
function openStream(client: Client): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.subsys('sftp', (error, stream) => {
      if (error !== undefined) return reject(error);
      stream.stderr.resume(); // what nobody reads would fill the window of the channel
      resolve(stream);
    });
  });
}

function forward(client: Client, hop: Peer, { label, resolved }: Peer): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    client.forwardOut('127.0.0.1', 0, resolved.hostname, resolved.port, (error, stream) => {
      if (error === undefined) {
        // The host on the way only says that nothing more comes, and would wait for us to say so, too.
        stream.once('end', () => stream.destroy());
        resolve(stream);
      } else reject(unreachable(label, `${hop.label} does not forward to it (${error.message})`, error));
    });
  });
}

/** One host of ProxyJump: `[user@]host[:port]`, also as `ssh://…`, an IPv6 address in brackets. */
function parseJump(jump: string): Pick<SshSettings, 'host' | 'port' | 'user'> {
  const parts = /^(?:ssh:\/\/)?(?:(?<user>.+)@)?(?:\[(?<v6>[^\]]+)\]|(?<host>[^:@]+))(?::(?<port>\d{1,5}))?$/.exec(
    jump,
  );
  const host = parts?.groups?.['v6'] ?? parts?.groups?.['host'];
  if (host === undefined) throw new ConfigError(`cannot use the ProxyJump "${jump}": it is not [user@]host[:port]`);
  const port = parts?.groups?.['port'];
  return { host, user: parts?.groups?.['user'], port: port === undefined ? undefined : Number(port) };
}

function labelOf(host: string, { hostname, port, user }: HostSettings): string {
  const at = port === 22 ? host : `${host}:${port}`;
  return hostname === host ? `${user}@${at}` : `${user}@${at} (${hostname})`;
}

function interrupted(host: string): string {
  return `the connection to ${host} was interrupted`;
}
