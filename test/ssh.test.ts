import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AuthContext } from 'ssh2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError, TargetError } from '../src/errors.js';
import type { SftpChannel } from '../src/targets/sftp/channel.js';
import type { SftpConnection } from '../src/targets/sftp/connection.js';
import { writesOf } from '../src/targets/sftp/pour.js';
import { OPEN } from '../src/targets/sftp/wire.js';
import { connectSsh, type SshOptions, type SshSettings } from '../src/targets/ssh/ssh.js';
import { startRelay } from './bench/relay.js';
import { fingerprintOfFile, freePort, makeKey, type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { countLogins, type SftpServer, startSftpServer } from './support/sftp-server.js';

const run = promisify(execFile);

let server: OpenSshServer;
/** Host keys of two types. */
let twoKeys: OpenSshServer;
/** A home folder with nothing in it but .ssh, fresh for every test. */
let home: string;
let warnings: string[];
const cleanUps: (() => Promise<unknown> | undefined)[] = [];

beforeAll(async () => {
  [server, twoKeys] = await Promise.all([startOpenSsh(), startOpenSsh({ hostKeys: ['rsa', 'ed25519'] })]);
});

afterAll(async () => {
  await Promise.all([server.stop(), twoKeys.stop()]);
});

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pushstatic-ssh-'));
  await mkdir(join(home, '.ssh'));
  warnings = [];
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  await rm(home, { recursive: true, force: true });
});

type Reachable = Pick<OpenSshServer, 'host' | 'port' | 'user' | 'identityFile' | 'knownHosts'>;

/** Everything that is needed to get in. */
function allOf({ host, port, user, identityFile, knownHosts }: Reachable): SshSettings {
  return { host, port, user, identityFile, knownHosts, sshConfig: false };
}

/** Everything but the right port. */
function at(port: number): SshSettings {
  return { ...allOf(server), port };
}

function withPassword(inProcess: SftpServer, password: string): SshSettings {
  return { ...allOf(inProcess), identityFile: undefined, password };
}

/** The same for ssh_config, as the host `name`. */
function hostLines(name: string, { port, identityFile, knownHosts }: OpenSshServer): string {
  return `Host ${name}
  HostName 127.0.0.1
  Port ${port}
  IdentityFile ${identityFile}
  UserKnownHostsFile ${knownHosts}
`;
}

async function connect(settings: SshSettings, options: Partial<SshOptions> = {}): Promise<SftpConnection> {
  const env = { HOME: home, PATH: process.env['PATH'], ...options.env };
  const connection = await connectSsh(settings, { onWarning: (text) => warnings.push(text), ...options, env });
  cleanUps.push(() => connection.close());
  return connection;
}

async function isFolder(channel: SftpChannel, path: string): Promise<boolean> {
  return ((await channel.stat(path)).mode & 0o170000) === 0o040000;
}

async function failureOf(settings: SshSettings, options: Partial<SshOptions> = {}): Promise<TargetError> {
  const failure: unknown = await connect(settings, options).catch((error: unknown) => error);
  if (failure instanceof TargetError) return failure;
  throw new Error('no TargetError', { cause: failure });
}

async function fileWith(name: string, content: string): Promise<string> {
  const path = join(home, name);
  await writeFile(path, content);
  return path;
}

async function publicKeyOf(privateKey: string): Promise<string> {
  return (await readFile(`${privateKey}.pub`, 'utf8')).trim();
}

async function startAgent(...keys: readonly string[]): Promise<{ socket: string; kill(): Promise<void> }> {
  const socket = join(home, 'agent.sock');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(agent, 'exit');
  await once(agent.stdout, 'data'); // it prints its socket once that is there
  const kill = async () => {
    agent.kill('SIGKILL');
    await exited;
  };
  cleanUps.push(kill);
  for (const key of keys) await run('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
  return { socket, kill };
}

async function startInProcess(...options: Parameters<typeof startSftpServer>): Promise<SftpServer> {
  const started = await startSftpServer(...options);
  cleanUps.push(() => started.stop());
  return started;
}

/** A server that speaks no SSH. It reads what it is sent, so that it notices the end. */
async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const listener = createServer((socket) => onConnection(socket.resume())).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  cleanUps.push(async () => {
    listener.close();
    await once(listener, 'close');
  });
  const address = listener.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('a connection', () => {
  test('lists, and opens further channels beside its own', async () => {
    const connection = await connect(allOf(server));
    const names = (await connection.channel.list(server.folder)).map((entry) => entry.name);
    expect(names).toContain('sshd_config');
    const channel = await connection.openChannel();
    expect(channel).not.toBe(connection.channel);
    expect(await isFolder(channel, server.folder)).toBe(true);
    expect(connection.host).toBe(`${server.user}@127.0.0.1:${server.port}`);
  });

  test('says so when the server opens no more channels', async () => {
    const small = await startOpenSsh({ extra: ['MaxSessions 1'] });
    cleanUps.push(() => small.stop());
    const connection = await connect(allOf(small));
    await expect(connection.openChannel()).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('cannot open another SFTP channel'),
    });
    expect(await isFolder(connection.channel, small.folder)).toBe(true);
  });

  test('tells without an error when it was closed by us', async () => {
    const connection = await connect(allOf(server));
    const ends: unknown[] = [];
    connection.onClose((error) => ends.push(error));
    await connection.close();
    connection.onClose((error) => ends.push(error));
    expect(ends).toEqual([undefined, undefined]);
  });

  test('tells with an error when the server dies, and fails what is asked of it', async () => {
    const connection = await connect(allOf(server));
    const end = new Promise((resolve) => connection.onClose(resolve));
    server.dropSessions();
    expect(await end).toMatchObject({ kind: 'unreachable', retryable: true });
    await expect(connection.openChannel()).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('fails the requests in flight when the network breaks', async () => {
    const inProcess = await startInProcess({ fault: ({ kind }) => (kind === 'LSTAT' ? 'drop' : undefined) });
    const connection = await connect(allOf(inProcess));
    const end = new Promise((resolve) => connection.onClose(resolve));
    await expect(connection.channel.lstat('/')).rejects.toMatchObject({ kind: 'unreachable', retryable: true });
    expect(await end).toMatchObject({ kind: 'unreachable' });
  });

  test('ends when the signal is given', async () => {
    const abort = new AbortController();
    const connection = await connect(allOf(server), { signal: abort.signal });
    const end = new Promise((resolve) => connection.onClose(resolve));
    abort.abort();
    expect(await end).toMatchObject({ kind: 'failed', message: expect.stringContaining('interrupted') });
  });
});

describe('a host key', () => {
  test('that is not known is refused, with its fingerprint and what to do', async () => {
    const knownHosts = join(home, 'known_hosts');
    const failure = await failureOf({ ...allOf(server), knownHosts });
    expect(failure.kind).toBe('host-key');
    expect(failure.retryable).toBe(false);
    expect(failure.message).toContain(`ssh-ed25519 ${server.fingerprint} is not known`);
    expect(failure.message).toContain(`run: ssh-keyscan -p ${server.port} 127.0.0.1 >> ${knownHosts}`);
    expect(failure.message).toContain(`hostKey: '${server.fingerprint}'`);
    expect(server.log()).not.toContain('Failed publickey');
  });

  test('that is not known is refused with a command that works where there is no folder for it yet', async () => {
    const knownHosts = join(home, 'none', 'known_hosts');
    const { message } = await failureOf({ ...allOf(server), knownHosts });
    const command = /run: (mkdir .* >> \S+)/.exec(message)?.[1] ?? '';
    await run('sh', ['-c', command]);
    await expect(connect({ ...allOf(server), knownHosts })).resolves.toBeDefined();
  });

  test('that has changed is refused, with both fingerprints and the line that expected another', async () => {
    const stranger = await makeKey(join(home, 'stranger'), 'ed25519');
    const line = `[127.0.0.1]:${server.port} ${await publicKeyOf(stranger)}\n`;
    const knownHosts = await fileWith('known_hosts', `# one line before\n${line}`);
    const failure = await failureOf({ ...allOf(server), knownHosts });
    const expected = await fingerprintOfFile(`${stranger}.pub`);
    expect(failure.kind).toBe('host-key');
    expect(failure.message).toContain(`Expected ssh-ed25519 ${expected} (${knownHosts}:2)`);
    expect(failure.message).toContain(`found ssh-ed25519 ${server.fingerprint}`);
    expect(failure.message).toContain(`ssh-keygen -R '[127.0.0.1]:${server.port}' -f ${knownHosts}`);
  });

  test.each(['rsa', 'ed25519'])('of type %s is asked for when the server has others, too', async (type) => {
    const key = await publicKeyOf(join(twoKeys.folder, `host_${type}`));
    const knownHosts = await fileWith('known_hosts', `[127.0.0.1]:${twoKeys.port} ${key}\n`);
    await expect(connect({ ...allOf(twoKeys), knownHosts })).resolves.toBeDefined();
  });

  test('that is revoked is refused even though it is known', async () => {
    const knownHosts = join(home, 'known_hosts');
    await copyFile(server.knownHosts, knownHosts);
    await appendFile(knownHosts, `@revoked * ${await publicKeyOf(server.hostKeyFile)}\n`);
    const failure = await failureOf({ ...allOf(server), knownHosts });
    expect(failure).toMatchObject({
      kind: 'host-key',
      message: expect.stringContaining(`is revoked in ${knownHosts}:2`),
    });
  });

  test('that only a certificate authority vouches for is refused with the reason', async () => {
    const knownHosts = await fileWith('known_hosts', `@cert-authority * ${await publicKeyOf(server.hostKeyFile)}\n`);
    const failure = await failureOf({ ...allOf(server), knownHosts });
    expect(failure).toMatchObject({ kind: 'host-key', message: expect.stringContaining('by certificate') });
  });

  test('is found under a hashed name', async () => {
    const knownHosts = join(home, 'known_hosts');
    await copyFile(server.knownHosts, knownHosts);
    await run('ssh-keygen', ['-H', '-f', knownHosts]);
    await expect(connect({ ...allOf(server), knownHosts })).resolves.toBeDefined();
  });

  test('is found in ~/.ssh/known_hosts if nothing else is named', async () => {
    await copyFile(server.knownHosts, join(home, '.ssh', 'known_hosts'));
    await expect(connect({ ...allOf(server), knownHosts: undefined })).resolves.toBeDefined();
  });

  test('that is pinned needs no known_hosts, and counts more than one', async () => {
    const stranger = await publicKeyOf(await makeKey(join(home, 'stranger'), 'ed25519'));
    const knownHosts = await fileWith('known_hosts', `[127.0.0.1]:${server.port} ${stranger}\n`);
    await expect(connect({ ...allOf(server), knownHosts, hostKey: server.fingerprint })).resolves.toBeDefined();
  });

  test('that is pinned is found where the server has one of another kind as well', async () => {
    const empty = await fileWith('known_hosts', '');
    const pinned = { ...allOf(twoKeys), knownHosts: empty };
    await expect(connect({ ...pinned, hostKey: twoKeys.fingerprint })).resolves.toBeDefined();
    const failure = await failureOf({ ...pinned, hostKey: 'SHA256:AAAA' });
    expect(failure).toMatchObject({ kind: 'host-key', message: expect.stringContaining('its key is ssh-ed25519 SHA') });
  });

  test('other than the pinned one is refused even though it is known', async () => {
    const failure = await failureOf({ ...allOf(server), hostKey: 'SHA256:AAAA' });
    expect(failure.kind).toBe('host-key');
    expect(failure.message).toContain(server.fingerprint);
    expect(failure.message).toContain('hostKey says SHA256:AAAA');
  });
});

describe('a key file', () => {
  test('that is missing is named', async () => {
    const failure = await failureOf({ ...allOf(server), identityFile: join(home, 'none') });
    expect(failure).toMatchObject({
      kind: 'auth',
      retryable: false,
      message: `cannot use the key ${join(home, 'none')}: there is no such file; correct the path, or make the file`,
    });
  });

  test('that others may read is refused', async () => {
    const identityFile = join(home, 'key');
    await copyFile(server.identityFile, identityFile);
    await chmod(identityFile, 0o644);
    const failure = await failureOf({ ...allOf(server), identityFile });
    expect(failure).toMatchObject({ kind: 'auth', message: expect.stringContaining(`chmod 600 ${identityFile}`) });
    expect(failure.message).toContain('mode 644');
  });

  test('that is no key is refused', async () => {
    const identityFile = await fileWith('key', 'hello');
    await chmod(identityFile, 0o600);
    const failure = await failureOf({ ...allOf(server), identityFile });
    expect(failure).toMatchObject({ kind: 'auth', message: expect.stringContaining('not a private key') });
  });

  test.each(['600', '644'])('that is the public half is refused with a hint, whatever its mode: %s', async (mode) => {
    const identityFile = join(home, 'key.pub');
    await copyFile(`${server.identityFile}.pub`, identityFile);
    await chmod(identityFile, Number.parseInt(mode, 8));
    const failure = await failureOf({ ...allOf(server), identityFile });
    expect(failure.message).toBe(
      `cannot use the key ${identityFile}: it is a public key; name the private one, or load that with ssh-add`,
    );
  });

  test('that is a folder is called one', async () => {
    const identityFile = join(home, '.ssh');
    await chmod(identityFile, 0o755);
    const failure = await failureOf({ ...allOf(server), identityFile });
    expect(failure.message).toBe(`cannot use the key ${identityFile}: it is a folder; name a file in it`);
  });

  test('that is empty is called so', async () => {
    const identityFile = await fileWith('key', '');
    const failure = await failureOf({ ...allOf(server), identityFile });
    expect(failure.message).toBe(
      `cannot use the key ${identityFile}: it is empty; put the key there again, or name another one`,
    );
  });

  test.each(['', 'secret'])(
    'in PKCS#8 can be used once it is converted as is said, its passphrase "%s"',
    async (old) => {
      const identityFile = await makeKey(join(home, 'key'), 'rsa');
      await run('ssh-keygen', ['-p', '-q', '-m', 'PKCS8', '-P', '', '-N', old, '-f', identityFile]);
      const failure = await failureOf({ ...allOf(server), identityFile });
      expect(failure.message).toBe(
        `cannot use the key ${identityFile}: it is in the format PKCS#8; "ssh-keygen -p -f ${identityFile}" converts it ` +
          '(one of ed25519 from OpenSSH 9.6 on), or make a new key with ssh-keygen',
      );
      await run('ssh-keygen', ['-p', '-q', '-P', old, '-N', '', '-f', identityFile]);
      expect((await failureOf({ ...allOf(server), identityFile })).message).toContain('the server refused');
    },
  );

  describe('that is encrypted', () => {
    let identityFile: string;

    beforeEach(async () => {
      identityFile = join(home, 'locked');
      await copyFile(server.identityFile, identityFile);
      await copyFile(`${server.identityFile}.pub`, `${identityFile}.pub`);
      await run('ssh-keygen', ['-p', '-q', '-P', '', '-N', 'secret', '-f', identityFile]);
    });

    test('opens with its passphrase', async () => {
      await expect(connect({ ...allOf(server), identityFile, passphrase: 'secret' })).resolves.toBeDefined();
    });

    test('does not open with another', async () => {
      const failure = await failureOf({ ...allOf(server), identityFile, passphrase: 'wrong' });
      expect(failure).toMatchObject({ kind: 'auth', message: expect.stringContaining('the passphrase is wrong') });
    });

    test('asks for one, or for the agent', async () => {
      const failure = await failureOf({ ...allOf(server), identityFile });
      expect(failure.kind).toBe('auth');
      expect(failure.message).toMatch(
        /it is encrypted; name its passphrase with passphraseEnv, or load it with ssh-add$/,
      );
    });

    test('is taken from the agent that has it', async () => {
      const agent = await startAgent(server.identityFile);
      await expect(
        connect({ ...allOf(server), identityFile }, { env: { SSH_AUTH_SOCK: agent.socket } }),
      ).resolves.toBeDefined();
    });

    test('is not replaced by another key of the agent', async () => {
      const agent = await startAgent(await makeKey(join(home, 'other'), 'ed25519'));
      const failure = await failureOf({ ...allOf(server), identityFile }, { env: { SSH_AUTH_SOCK: agent.socket } });
      expect(failure).toMatchObject({ kind: 'auth', message: expect.stringContaining('it is encrypted') });
    });

    test('is passed over with a warning where it is one of the usual files', async () => {
      await copyFile(identityFile, join(home, '.ssh', 'id_ed25519'));
      const usable = join(home, '.ssh', 'id_ecdsa');
      await copyFile(server.identityFile, usable);
      await expect(connect({ ...allOf(server), identityFile: undefined })).resolves.toBeDefined();
      expect(warnings).toEqual([`not using the key ${join(home, '.ssh', 'id_ed25519')}: it is encrypted`]);
    });
  });
});

describe('without a named key', () => {
  test('the agent lets in', async () => {
    const agent = await startAgent(server.identityFile);
    const env = { SSH_AUTH_SOCK: agent.socket };
    await expect(connect({ ...allOf(server), identityFile: undefined }, { env })).resolves.toBeDefined();
  });

  test('an RSA key of the agent signs as servers of today want it', async () => {
    const rsa = await makeKey(join(home, 'rsa'), 'rsa');
    await appendFile(join(server.folder, 'authorized_keys'), `${await publicKeyOf(rsa)}\n`);
    const agent = await startAgent(rsa);
    const env = { SSH_AUTH_SOCK: agent.socket };
    await expect(connect({ ...allOf(server), identityFile: undefined }, { env })).resolves.toBeDefined();
  });

  test('the usual file lets in when the agent is gone, with a warning', async () => {
    const agent = await startAgent();
    await agent.kill();
    await copyFile(server.identityFile, join(home, '.ssh', 'id_ed25519'));
    await connect({ ...allOf(server), identityFile: undefined }, { env: { SSH_AUTH_SOCK: agent.socket } });
    expect(warnings).toEqual([expect.stringContaining(`the agent at ${agent.socket} does not answer`)]);
  });

  test('and with an agent that is gone, the refusal says so', async () => {
    const agent = await startAgent();
    await agent.kill();
    const settings = { ...allOf(server), identityFile: undefined };
    const failure = await failureOf(settings, { env: { SSH_AUTH_SOCK: agent.socket } });
    expect(failure.kind).toBe('auth');
    expect(failure.message).toContain(`the agent at ${agent.socket} does not answer`);
  });

  test('and with nothing at all, the refusal says what to set', async () => {
    const failure = await failureOf({ ...allOf(server), identityFile: undefined });
    expect(failure.kind).toBe('auth');
    expect(failure.message).toContain('there is no key or password to offer');
    expect(failure.message).toContain('Set identityFile or passwordEnv');
  });

  test('everything is tried in its order, each key once, and then named', async () => {
    const inProcess = await startInProcess({ password: 'right' });
    const key = await makeKey(join(home, '.ssh', 'id_ed25519'), 'ed25519');
    const agent = await startAgent(key, await makeKey(join(home, 'second'), 'ed25519'));
    await makeKey(join(home, '.ssh', 'id_ecdsa'), 'ecdsa');
    const settings = { ...allOf(inProcess), identityFile: undefined, password: 'wrong' };
    const failure = await failureOf(settings, { env: { SSH_AUTH_SOCK: agent.socket } });
    expect(failure).toMatchObject({ kind: 'auth', retryable: false });
    expect(failure.message).toContain(
      'refused the agent (2 keys), ~/.ssh/id_ecdsa and a password (it takes publickey and password)',
    );
  });

  test.each(['IdentityFile of ssh_config', 'identityFile'])(
    'a public key as %s means the one that the agent has',
    async (how) => {
      const agent = await startAgent(await makeKey(join(home, 'stranger'), 'ed25519'), server.identityFile);
      const key = join(home, 'key.pub');
      await copyFile(`${server.identityFile}.pub`, key);
      const sshConfig = await fileWith('config', `Host *\n  IdentitiesOnly yes\n  IdentityFile ${key}\n`);
      const named = how === 'identityFile' ? { identityFile: key } : { identityFile: undefined, sshConfig };
      await connect({ ...allOf(server), ...named }, { env: { SSH_AUTH_SOCK: agent.socket } });
      expect(warnings).toEqual([]);
    },
  );

  test('a key that is encrypted is taken from the agent, though no public one lies beside it', async () => {
    const agent = await startAgent(await makeKey(join(home, 'stranger'), 'ed25519'), server.identityFile);
    const key = join(home, 'locked');
    await copyFile(server.identityFile, key);
    await chmod(key, 0o600);
    await run('ssh-keygen', ['-p', '-q', '-P', '', '-N', 'secret', '-f', key]);
    const sshConfig = await fileWith('config', `Host *\n  IdentitiesOnly yes\n  IdentityFile ${key}\n`);
    const settings = { ...allOf(server), identityFile: undefined, sshConfig };
    await connect(settings, { env: { SSH_AUTH_SOCK: agent.socket } });
    expect(warnings).toEqual([]);
  });

  test('the keys that ssh_config names come before the others of a full agent', async () => {
    const strangers = await Promise.all([1, 2, 3, 4, 5, 6, 7].map((n) => makeKey(join(home, `k${n}`), 'ed25519')));
    const agent = await startAgent(...strangers, server.identityFile);
    const sshConfig = await fileWith('config', `IdentityFile ${server.identityFile}\n`);
    const settings = { ...allOf(server), identityFile: undefined, sshConfig };
    await expect(connect(settings, { env: { SSH_AUTH_SOCK: agent.socket } })).resolves.toBeDefined();
  });

  test('a full agent that makes the server hang up is a refusal, not a broken connection', async () => {
    const strangers = await Promise.all([1, 2, 3, 4, 5, 6, 7].map((n) => makeKey(join(home, `k${n}`), 'ed25519')));
    const agent = await startAgent(...strangers);
    const settings = { ...allOf(server), identityFile: undefined };
    const failure = await failureOf(settings, { env: { SSH_AUTH_SOCK: agent.socket } });
    expect(failure).toMatchObject({
      kind: 'auth',
      message: expect.stringContaining('Too many authentication failures'),
    });
  });

  test('with IdentitiesOnly no other key of the agent is offered', async () => {
    const agent = await startAgent(server.identityFile);
    const other = await makeKey(join(home, 'other'), 'ed25519');
    const sshConfig = await fileWith('config', `IdentitiesOnly yes\nIdentityFile ${other}\n`);
    const settings = { ...allOf(server), identityFile: undefined, sshConfig };
    const failure = await failureOf(settings, { env: { SSH_AUTH_SOCK: agent.socket } });
    expect(failure.message).toContain('the server refused ~/other (it takes publickey)');
  });
});

describe('a password', () => {
  test('lets in', async () => {
    const inProcess = await startInProcess({ password: 'right' });
    await expect(connect(withPassword(inProcess, 'right'))).resolves.toBeDefined();
  });

  test('that is wrong is tried once', async () => {
    const logins = countLogins((context: AuthContext) => context.reject(['password', 'keyboard-interactive']));
    const inProcess = await startInProcess({ authenticate: logins.authenticate });
    const failure = await failureOf(withPassword(inProcess, 'wrong'));
    expect(logins.tries).toEqual(['none', 'password']);
    expect(failure).toMatchObject({ kind: 'auth', message: expect.stringContaining('refused a password') });
    expect(failure.message).not.toContain('wrong');
  });

  test('answers the one question of a server that asks for it that way', async () => {
    const logins = countLogins((context: AuthContext) => {
      if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
      context.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) => {
        if (answer === 'right') context.accept();
        else context.reject(['keyboard-interactive']);
      });
    });
    const inProcess = await startInProcess({ authenticate: logins.authenticate });
    await expect(connect(withPassword(inProcess, 'right'))).resolves.toBeDefined();
    expect((await failureOf(withPassword(inProcess, 'wrong'))).kind).toBe('auth');
    expect(logins.tries).toEqual(['none', 'keyboard-interactive', 'none', 'keyboard-interactive']);
  });

  test('is not given to a question that shows what is typed', async () => {
    const answers: string[][] = [];
    const inProcess = await startInProcess({
      authenticate: (context) => {
        if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
        context.prompt([{ prompt: 'One-time code: ', echo: true }], (given) => {
          answers.push(given);
          context.reject();
        });
      },
    });
    const failure = await failureOf(withPassword(inProcess, 'right'));
    expect(answers).toEqual([[]]);
    expect(failure.message).toContain('the server asked "One-time code:"');
  });

  test('that has expired is an error that says so', async () => {
    const inProcess = await startInProcess({
      authenticate: (context) => {
        if (context.method === 'password') context.requestChange('Change your password', () => undefined);
        else context.reject(['password']);
      },
    });
    const failure = await failureOf(withPassword(inProcess, 'old'));
    expect(failure).toMatchObject({
      kind: 'auth',
      message: expect.stringContaining('the server wants a new password'),
    });
  });

  test('that a server does not take is not called missing, and what it takes is said', async () => {
    const inProcess = await startInProcess();
    const failure = await failureOf(withPassword(inProcess, 'right'));
    expect(failure.message).toMatch(
      /^cannot log in to \S+: the server takes no password \(it takes publickey\)\. Set identityFile, or load a key into ssh-agent$/,
    );
  });

  test('that a server does not take is told of beside the key that it refused', async () => {
    const inProcess = await startInProcess();
    const identityFile = await makeKey(join(home, 'stranger'), 'ed25519');
    const failure = await failureOf({ ...allOf(inProcess), identityFile, password: 'right' });
    expect(failure.message).toContain('the server refused ~/stranger, and takes no password (it takes publickey)');
  });

  test('is asked for after a key where a server wants both', async () => {
    const logins = countLogins((context: AuthContext) => {
      if (context.method === 'publickey') return context.reject(['password'], true);
      if (context.method === 'password' && context.password === 'right') return context.accept();
      context.reject(['publickey']);
    });
    const inProcess = await startInProcess({ authenticate: logins.authenticate });
    await expect(connect({ ...allOf(inProcess), password: 'right' })).resolves.toBeDefined();
    expect(logins.tries).toEqual(['publickey', 'password']);
  });
});

describe('ssh_config', () => {
  test('says everything about an alias', async () => {
    const sshConfig = await fileWith(
      'config',
      `Host web1
  HostName 127.0.0.1
  Port ${server.port}
  User ${server.user}
  IdentityFile ${server.identityFile}
  UserKnownHostsFile ${server.knownHosts}
`,
    );
    const connection = await connect({ host: 'web1', sshConfig });
    expect(connection.host).toBe(`${server.user}@web1:${server.port} (127.0.0.1)`);
  });

  test('is read from ~/.ssh if none is named, and not if it is false', async () => {
    await fileWith('.ssh/config', `Host web1.invalid\n  HostName 127.0.0.1\n  Port ${server.port}\n`);
    const settings = { ...allOf(server), host: 'web1.invalid', port: undefined };
    await expect(connect({ ...settings, sshConfig: undefined })).resolves.toBeDefined();
    await expect(connect({ ...settings, sshConfig: false }, { timeoutMs: 5000 })).rejects.toThrow('cannot connect to');
  });

  test('with a ProxyCommand is refused rather than half obeyed', async () => {
    const sshConfig = await fileWith('config', 'ProxyCommand nc %h %p\n');
    await expect(connect({ ...allOf(server), sshConfig })).rejects.toThrow(ConfigError);
  });
});

test('a server that wants a password first, and then a key, gets both', async () => {
  let hasPassword = false;
  const logins = countLogins((context: AuthContext) => {
    if (context.method === 'password') {
      hasPassword = true;
      context.reject(['publickey'], true);
    } else if (context.method === 'publickey' && hasPassword) context.accept();
    else context.reject(['password']);
  });
  const inProcess = await startInProcess({ authenticate: logins.authenticate });
  await expect(connect({ ...allOf(inProcess), password: 'right' })).resolves.toBeDefined();
  expect(logins.tries.filter((method) => method === 'password')).toHaveLength(1);
});

describe('ProxyJump', () => {
  let gate: OpenSshServer;
  let second: OpenSshServer;

  beforeAll(async () => {
    [gate, second] = await Promise.all([startOpenSsh({ shell: true }), startOpenSsh({ shell: true })]);
  });

  afterAll(() => Promise.all([gate.stop(), second.stop()]));

  test('goes through another host, which is logged in to with its own settings', async () => {
    const sshConfig = await fileWith(
      'config',
      `${hostLines('gate', gate)}${hostLines('inner', server)}  ProxyJump gate\n`,
    );
    const connection = await connect({ host: 'inner', sshConfig });
    expect(await isFolder(connection.channel, server.folder)).toBe(true);
    expect(gate.log()).toContain('Accepted publickey');
  });

  test('goes through several, in their order', async () => {
    const hosts = [hostLines('gate', gate), hostLines('second', second), hostLines('inner', server)].join('');
    const sshConfig = await fileWith('config', `${hosts}  ProxyJump gate,${second.user}@second:${second.port}\n`);
    const connection = await connect({ host: 'inner', sshConfig });
    expect(await isFolder(connection.channel, server.folder)).toBe(true);
    expect(second.log()).toContain('Accepted publickey');
  });

  test('does not trust a host on the way more than the last one', async () => {
    const empty = await fileWith('empty', '');
    const lines = hostLines('gate', { ...gate, knownHosts: empty });
    const sshConfig = await fileWith('config', `${lines}${hostLines('inner', server)}  ProxyJump gate\n`);
    const failure = await failureOf({ host: 'inner', sshConfig });
    expect(failure).toMatchObject({ kind: 'host-key', message: expect.stringContaining(gate.fingerprint) });
  });

  test('never shows the password to a host on the way', async () => {
    const logins = countLogins((context: AuthContext) => context.reject(['password']));
    const spy = await startInProcess({ authenticate: logins.authenticate });
    const known = await fileWith(
      'known',
      `${await readFile(spy.knownHosts, 'utf8')}${await readFile(server.knownHosts, 'utf8')}`,
    );
    const sshConfig = await fileWith('config', `Host inner\n  ProxyJump deploy@127.0.0.1:${spy.port}\n`);
    const failure = await failureOf({ host: 'inner', knownHosts: known, password: 'secret', sshConfig });
    expect(failure).toMatchObject({ kind: 'auth', message: expect.stringContaining(`127.0.0.1:${spy.port}`) });
    expect(logins.tries).toEqual(['none']);
  });

  test('for every host does not mean the jump host itself', async () => {
    const everyHost = 'Host *\n  ProxyJump gate\n';
    const sshConfig = await fileWith('config', `${hostLines('gate', gate)}${hostLines('inner', server)}${everyHost}`);
    await expect(connect({ host: 'inner', sshConfig })).resolves.toBeDefined();
  });

  test('that goes in a circle is an error', async () => {
    const sshConfig = await fileWith('config', 'Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n');
    await expect(connect({ host: 'a', sshConfig })).rejects.toThrow('ProxyJump goes in a circle');
  });

  test('through a host that does not forward says which', async () => {
    const strict = await startOpenSsh({ shell: true, extra: ['AllowTcpForwarding no'] });
    cleanUps.push(() => strict.stop());
    const sshConfig = await fileWith(
      'config',
      `${hostLines('gate', strict)}${hostLines('inner', server)}  ProxyJump gate\n`,
    );
    const failure = await failureOf({ host: 'inner', sshConfig });
    expect(failure).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/@gate\S* .*does not forward/),
    });
  });

  test('ends the connection when the host on the way dies', async () => {
    const sshConfig = await fileWith(
      'config',
      `${hostLines('gate', gate)}${hostLines('inner', server)}  ProxyJump gate\n`,
    );
    const connection = await connect({ host: 'inner', sshConfig });
    const end = new Promise((resolve) => connection.onClose(resolve));
    gate.dropSessions();
    expect(await end).toMatchObject({ kind: 'unreachable' });
  });

  test('ends the connection when the host behind it ends it', async () => {
    const inner = await startOpenSsh();
    cleanUps.push(() => inner.stop());
    const sshConfig = await fileWith(
      'config',
      `${hostLines('gate', gate)}${hostLines('inner', inner)}  ProxyJump gate\n`,
    );
    const connection = await connect({ host: 'inner', sshConfig });
    const end = new Promise((resolve) => connection.onClose(resolve));
    inner.dropSessions();
    expect(await end).toMatchObject({ kind: 'unreachable' });
    await expect(connection.channel.lstat('/')).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('may be named by tokens', async () => {
    const lines = `${hostLines('gate-inner', gate)}${hostLines('inner', server)}  ProxyJump %r@gate-%n\n`;
    const sshConfig = await fileWith('config', lines);
    await expect(connect({ host: 'inner', sshConfig })).resolves.toBeDefined();
  });
});

describe('a server', () => {
  test('that is busy with what it is sent is not taken for dead, one that says nothing is (F3, F13)', async () => {
    const relay = await startRelay(server.port, 0);
    cleanUps.push(() => relay.stop());
    const settings = { ...allOf(server), port: relay.port, hostKey: server.fingerprint };
    const { channel } = await connect(settings, { keepaliveMs: 400 });
    const content = Buffer.alloc(1024 * 1024);
    relay.setRate(256 * 1024); // the question whether it is there takes four seconds, and a chunk a quarter of one
    const handle = await channel.open(join(home, 'long'), OPEN.write | OPEN.create);
    await Promise.all(writesOf(channel, handle, content, 0));
    relay.setRate(0.1);
    await expect(channel.close(handle)).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('that falls silent is cut off by a reset, so that nothing still queued reaches it', async () => {
    let isSilent = false;
    const ends: string[] = [];
    const port = await listen((near) => {
      const far = netConnect(server.port, '127.0.0.1');
      near.pipe(far);
      far.on('data', (data) => void (isSilent || near.write(data)));
      near.once('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? ''));
      near.once('end', () => ends.push('in good order'));
      near.once('close', () => far.destroy());
    });
    const { channel } = await connect({ ...allOf(server), port, hostKey: server.fingerprint }, { keepaliveMs: 100 });
    isSilent = true;
    await expect(channel.lstat('/')).rejects.toMatchObject({ kind: 'unreachable' });
    await expect.poll(() => ends).toEqual(['ECONNRESET']);
  });

  test('that is not there is unreachable', async () => {
    const failure = await failureOf(at(await freePort()));
    expect(failure).toMatchObject({ kind: 'unreachable', retryable: true });
    expect(failure.message).toContain('nothing accepts connections on port');
  });

  test('whose name nobody knows is unreachable', async () => {
    const failure = await failureOf({ ...allOf(server), host: 'no-such-host.invalid' });
    expect(failure.kind).toBe('unreachable');
    expect(failure.message).toMatch(/the name no-such-host.invalid is not known|the name server did not answer/);
  });

  test('that hangs up before it says a word is unreachable', async () => {
    const failure = await failureOf(at(await listen((socket) => socket.destroy())));
    expect(failure.kind).toBe('unreachable');
    expect(failure.message).toContain('it closed the connection before it spoke SSH');
    expect(failure.message).toContain('MaxStartups');
  });

  test('that never says a word is given up on', async () => {
    const port = await listen((socket) => cleanUps.push(async () => socket.destroy()));
    const failure = await failureOf(at(port), { timeoutMs: 300 });
    expect(failure.kind).toBe('unreachable');
    expect(failure.message).toContain('did not answer as an SSH server within 0.3 s');
  });

  test('that speaks something else is told from one that is down', async () => {
    const port = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const failure = await failureOf(at(port), { timeoutMs: 2000 });
    expect(failure.message).toContain('be no SSH server');
  });

  test('that never opens the SFTP session is given up on', async () => {
    const stuck = await startOpenSsh({ extra: ['Subsystem sftp sleep 60', 'ForceCommand sleep 60'] });
    cleanUps.push(() => stuck.stop());
    const failure = await failureOf(allOf(stuck), { timeoutMs: 4000 });
    expect(failure).toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('it opened no SFTP session within 4 s'),
    });
  });

  test('that offers no SFTP is told from one that is down', async () => {
    const without = await startOpenSsh({ extra: ['ForceCommand false'] });
    cleanUps.push(() => without.stop());
    const failure = await failureOf(allOf(without));
    expect(failure).toMatchObject({ kind: 'unsupported', retryable: false });
    expect(failure.message).toContain('exit code 1');
  });

  test('with which no way to speak is shared is told from one that is down', async () => {
    const strange = await startOpenSsh({ extra: ['KexAlgorithms sntrup761x25519-sha512@openssh.com'] });
    cleanUps.push(() => strange.stop());
    const failure = await failureOf(allOf(strange));
    expect(failure).toMatchObject({ kind: 'failed', message: expect.stringContaining('no matching key exchange') });
  });

  test('that shows a banner is no trouble', async () => {
    const polite = await startOpenSsh({ extra: [`Banner ${await fileWith('banner', 'Authorised use only\n')}`] });
    cleanUps.push(() => polite.stop());
    await expect(connect(allOf(polite))).resolves.toBeDefined();
    const stranger = await makeKey(join(home, 'stranger'), 'ed25519');
    const failure = await failureOf({ ...allOf(polite), identityFile: stranger });
    expect(failure.message).toContain('the server says "Authorised use only"');
  });

  test('is not waited for once the signal is given', async () => {
    const port = await listen((socket) => cleanUps.push(async () => socket.destroy()));
    const failure = await failureOf(at(port), { signal: AbortSignal.timeout(200) });
    expect(failure).toMatchObject({ kind: 'failed', message: expect.stringContaining('interrupted') });
  });

  test('is not even asked when the signal was given before', async () => {
    const failure = await failureOf(allOf(server), { signal: AbortSignal.abort() });
    expect(failure).toMatchObject({ kind: 'failed', message: expect.stringContaining('interrupted') });
  });
});
