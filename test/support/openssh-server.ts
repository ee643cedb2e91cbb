/**
 * A real OpenSSH server for tests: on 127.0.0.1, a free port, as the user who runs the tests, with keys of its own in a
 * folder of its own. Needs no root and touches nothing outside that folder (as root, sshd insists on /run/sshd).
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SSHD = ['/usr/sbin/sshd', '/usr/bin/sshd', '/usr/local/sbin/sshd'].find((path) => existsSync(path)) ?? 'sshd';
const READY_TRIES = 1200;
const READY_PAUSE_MS = 25;
const FIRST_PORT = 10_240;
const PORTS = 4096; // for each worker of the tests; all below those that a system gives by itself
const WORKERS = 5;

export type KeyType = 'ed25519' | 'rsa' | 'ecdsa';

export interface OpenSshOptions {
  /** The first one is the one that `knownHosts` and `fingerprint` are about. Default: ed25519. */
  readonly hostKeys?: readonly KeyType[];
  /** Lines for sshd_config, before ours: the first value of a keyword counts. */
  readonly extra?: readonly string[];
  /** Lets clients run programs and forward ports, which plain SFTP does without. */
  readonly shell?: boolean;
}

export interface OpenSshServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly user: string;
  /** A file with the private key that lets the user in. */
  readonly identityFile: string;
  readonly knownHosts: string;
  /** 'SHA256:…' of the first host key. */
  readonly fingerprint: string;
  /** The private host key; the public one lies beside it, with `.pub`. */
  readonly hostKeyFile: string;
  /** Everything of this server lies here. */
  readonly folder: string;
  /** The URL of an absolute path on this server. */
  url(path: string): string;
  log(): string;
  /** Kills the process of every session; the server goes on listening. */
  dropSessions(): void;
  /** Kills it with its sessions, and starts it again `afterMs` later: the same port, the same keys. */
  restart(afterMs?: number): Promise<void>;
  /** Stops every session in the middle, for good: the connection stays, and nothing comes over it any more. */
  freezeSessions(): void;
  /** Ends the server and every session; `up` starts it again on the same port, with the keys that lie there then. */
  down(): Promise<void>;
  up(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOpenSsh(options: OpenSshOptions = {}): Promise<OpenSshServer> {
  const folder = await mkdtemp(join(tmpdir(), 'pushstatic-sshd-'));
  const types = options.hostKeys ?? ['ed25519'];
  const hostKeys = await Promise.all(types.map((type) => makeKey(join(folder, `host_${type}`), type)));
  const identityFile = await makeKey(join(folder, 'id_ed25519'), 'ed25519');
  await copyFile(`${identityFile}.pub`, join(folder, 'authorized_keys'));
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });

  const port = await freePort();
  const config = join(folder, 'sshd_config');
  const logFile = join(folder, 'sshd.log');
  await writeFile(config, configFor(folder, port, hostKeys, options));
  let daemon = await startDaemon(config, logFile, port);

  const hostKeyFile = hostKeys[0] ?? '';
  const knownHosts = join(folder, 'known_hosts');
  await writeFile(knownHosts, `[127.0.0.1]:${port} ${await readFile(`${hostKeyFile}.pub`, 'utf8')}`);
  const user = userInfo().username;
  return {
    host: '127.0.0.1',
    port,
    user,
    identityFile,
    knownHosts,
    fingerprint: await fingerprintOfFile(`${hostKeyFile}.pub`),
    hostKeyFile,
    folder,
    url: (path) => `sftp://${user}@127.0.0.1:${port}${path.startsWith('/') ? path : `/${path}`}`,
    log: () => readFileSync(logFile, 'utf8'),
    restart: async (afterMs = 0) => {
      await stopDaemon(daemon);
      await pause(afterMs);
      daemon = await startDaemon(config, logFile, port);
    },
    dropSessions: () => signalSessions(daemon, 'SIGKILL'),
    freezeSessions: () => signalSessions(daemon, 'SIGSTOP'),
    down: () => stopDaemon(daemon),
    up: async () => void (daemon = await startDaemon(config, logFile, port)),
    stop: async () => {
      await stopDaemon(daemon);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Makes a key pair with ssh-keygen and returns `path`. */
export async function makeKey(path: string, type: KeyType, passphrase = ''): Promise<string> {
  const bits = type === 'rsa' ? ['-b', '2048'] : [];
  await run('ssh-keygen', ['-q', '-t', type, ...bits, '-N', passphrase, '-C', 'test', '-f', path]);
  return path;
}

/** The fingerprint of a public key file, as ssh-keygen prints it. */
export async function fingerprintOfFile(publicKey: string): Promise<string> {
  const { stdout } = await run('ssh-keygen', ['-l', '-f', publicKey]);
  return stdout.split(' ')[1] ?? '';
}

/** A port on which nothing listens at this moment, and which is given to nobody who asks for any one: it is not kept. */
export async function freePort(): Promise<number> {
  const worker = Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS;
  for (;;) {
    const port = FIRST_PORT + PORTS * worker + Math.floor(Math.random() * PORTS);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

function configFor(folder: string, port: number, hostKeys: readonly string[], options: OpenSshOptions): string {
  const lines = [
    ...(options.extra ?? []),
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    ...hostKeys.map((key) => `HostKey ${key}`),
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'MaxStartups 200',
    'LogLevel VERBOSE',
  ];
  // A second Subsystem line is an error, not overruled by the first as other keywords are.
  if (!lines.some((line) => line.startsWith('Subsystem'))) lines.push('Subsystem sftp internal-sftp');
  if (options.shell !== true && !lines.some((line) => line.startsWith('ForceCommand'))) {
    lines.push(`ForceCommand ${subsystemOf(lines)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** ForceCommand takes the place of the subsystem, with its arguments; so it must repeat them. */
function subsystemOf(lines: readonly string[]): string {
  const line = lines.find((each) => each.startsWith('Subsystem'));
  return line?.split(/\s+/).slice(2).join(' ') ?? 'internal-sftp';
}

async function startDaemon(config: string, logFile: string, port: number): Promise<ChildProcess> {
  const log = await open(logFile, 'a');
  const daemon = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: ['ignore', log.fd, log.fd] });
  await once(daemon, 'spawn');
  await log.close();
  for (let tries = 0; tries < READY_TRIES && daemon.exitCode === null; tries++) {
    if (await speaksSsh(port)) return daemon;
    await pause(READY_PAUSE_MS);
  }
  await stopDaemon(daemon);
  throw new Error(`sshd did not start: ${await readFile(logFile, 'utf8')}`);
}

async function stopDaemon(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exited = once(daemon, 'exit');
  daemon.kill('SIGSTOP'); // so that no session begins between the look and the kill
  signalSessions(daemon, 'SIGKILL');
  daemon.kill('SIGKILL');
  await exited;
}

/** Each session leads a process group of its own: killing the daemon, or its group, would leave them running. */
function signalSessions(daemon: ChildProcess, signal: NodeJS.Signals): void {
  const children = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').split(' ').filter(Boolean);
  for (const child of children) {
    try {
      process.kill(-Number(child), signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // gone already
    }
  }
}

function speaksSsh(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', (greeting) => settle(greeting.toString('latin1').startsWith('SSH-')));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
    function settle(speaks: boolean): void {
      socket.destroy();
      resolve(speaks);
    }
  });
}
