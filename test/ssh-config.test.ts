import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError } from '../src/errors.js';
import { type HostRequest, type HostSettings, resolveHost } from '../src/targets/ssh/config.js';
import { temporaryFolder } from './support/tree.js';

const { username: account, homedir: home } = userInfo();

let folder: string;
let file: string;
let noPrograms: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-ssh-config-'));
  file = join(folder, 'config');
  noPrograms = join(folder, 'bin');
  await mkdir(noPrograms);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

type Asked = Omit<HostRequest, 'file' | 'env'> & { readonly env?: NodeJS.ProcessEnv };

/** What OpenSSH says to `text`, and what is read without it. */
async function bothWays(text: string, asked: Asked): Promise<[HostSettings, HostSettings]> {
  await writeFile(file, text);
  const withSsh = { ...asked.env, PATH: process.env['PATH'] };
  const without = { ...asked.env, PATH: noPrograms };
  return [await resolveHost({ ...asked, file, env: withSsh }), await resolveHost({ ...asked, file, env: without })];
}

const PLAIN = {
  hostname: 'web1',
  port: 22,
  user: account,
  identityFiles: undefined,
  userKnownHostsFiles: undefined,
  proxyJump: undefined,
  proxyCommand: undefined,
  identityAgent: undefined,
  identitiesOnly: false,
} satisfies HostSettings;

const CASES: readonly { says: string; text: string; asked?: Asked; expected: Partial<HostSettings> }[] = [
  { says: 'nothing', text: '', expected: {} },
  { says: 'another host', text: 'Host web2\n  User bob\n', expected: {} },
  {
    says: 'where the host really is',
    text: 'Host web1\n  HostName 10.0.0.1\n  Port 2222\n  User bob\n',
    expected: { hostname: '10.0.0.1', port: 2222, user: 'bob' },
  },
  {
    says: 'a name made from the alias',
    text: 'Host web*\n  HostName %h.example.com\n',
    expected: { hostname: 'web1.example.com' },
  },
  {
    says: 'less than the URL',
    text: 'Host web1\n  Port 2222\n  User bob\n',
    asked: { host: 'web1', port: 22, user: 'eve' },
    expected: { port: 22, user: 'eve' },
  },
  {
    says: 'the first value of several',
    text: 'Host web1\n  User first\nHost *\n  User second\n  Port 2200\n',
    expected: { user: 'first', port: 2200 },
  },
  {
    says: 'several keys, with tokens',
    text: 'Host web1\n  HostName web1.example.com\n  User bob\n  Port 2222\n  IdentityFile ~/.ssh/%n\n  IdentityFile %d/k-%h-%p-%r-%u-%%\n',
    expected: {
      hostname: 'web1.example.com',
      user: 'bob',
      port: 2222,
      identityFiles: [`${home}/.ssh/web1`, `${home}/k-web1.example.com-2222-bob-${account}-%`],
    },
  },
  {
    says: 'keys by a variable, the machine and the account',
    text: 'IdentityFile ${PLACE}/deploy\nIdentityFile /k/%L-%i\nIdentityAgent ${PLACE}/agent\n',
    asked: { host: 'web1', env: { PLACE: '/srv/keys' } },
    expected: {
      identityFiles: ['/srv/keys/deploy', `/k/${hostname().replace(/\..*/, '')}-${process.getuid?.()}`],
      identityAgent: '/srv/keys/agent',
    },
  },
  {
    says: 'one of the keys that ssh would try anyway',
    text: 'IdentityFile ~/.ssh/id_rsa\n',
    expected: { identityFiles: [`${home}/.ssh/id_rsa`] },
  },
  { says: 'that there are no keys', text: 'IdentityFile none\n', expected: { identityFiles: [] } },
  {
    says: 'files of known hosts',
    text: 'UserKnownHostsFile ~/.ssh/ours /etc/known\n',
    expected: { userKnownHostsFiles: [`${home}/.ssh/ours`, '/etc/known'] },
  },
  {
    says: 'a file with a space in its name',
    text: 'UserKnownHostsFile "/srv/with space/known" /etc/known\nIdentityFile "/srv/with space/key"\n',
    expected: { userKnownHostsFiles: ['/srv/with space/known', '/etc/known'], identityFiles: ['/srv/with space/key'] },
  },
  {
    says: 'hosts to jump over',
    text: 'ProxyJump bob@gate:2200,inner\n',
    expected: { proxyJump: 'bob@gate:2200,inner' },
  },
  { says: 'that nothing is to be jumped over', text: 'ProxyJump none\n', expected: {} },
  { says: 'a program to go through', text: 'ProxyCommand nc %h %p\n', expected: { proxyCommand: 'nc %h %p' } },
  { says: 'to offer the named keys only', text: 'IdentitiesOnly yes\n', expected: { identitiesOnly: true } },
  {
    says: 'the keywords in any case',
    text: 'host web1\n  PORT 2222\n  user=bob\n',
    expected: { port: 2222, user: 'bob' },
  },
  {
    says: 'nothing about the agent, so that it is the one of the environment',
    text: '',
    asked: { host: 'web1', env: { SSH_AUTH_SOCK: '/run/agent' } },
    expected: { identityAgent: '/run/agent' },
  },
  {
    says: 'an agent of its own',
    text: 'IdentityAgent ~/agent\n',
    asked: { host: 'web1', env: { SSH_AUTH_SOCK: '/run/agent' } },
    expected: { identityAgent: `${home}/agent` },
  },
  {
    says: 'that there is no agent',
    text: 'IdentityAgent none\n',
    asked: { host: 'web1', env: { SSH_AUTH_SOCK: '/run/agent' } },
    expected: { identityAgent: undefined },
  },
  {
    says: 'the variable with the agent',
    text: 'IdentityAgent $OTHER_AGENT\n',
    asked: { host: 'web1', env: { OTHER_AGENT: '/run/other', SSH_AUTH_SOCK: '/run/agent' } },
    expected: { identityAgent: '/run/other' },
  },
];

describe('with OpenSSH and without it, the same is read from a file that says', () => {
  test.each(CASES)('$says', async ({ text, asked = { host: 'web1' }, expected }) => {
    const [withSsh, without] = await bothWays(text, asked);
    expect(withSsh).toEqual({ ...PLAIN, ...expected });
    expect(without).toEqual({ ...PLAIN, ...expected });
  });
});

describe('a host', () => {
  test('that begins with a dash is refused before any program is asked', async () => {
    const env = { PATH: process.env['PATH'] };
    const asking = resolveHost({ host: '-oProxyCommand=touch pwned', file: undefined, env });
    await expect(asking).rejects.toThrow(ConfigError);
  });

  test('that a shell would run is not run', async () => {
    await writeFile(file, '');
    const witness = join(folder, 'witness');
    const env = { PATH: process.env['PATH'] };
    await expect(resolveHost({ host: `a$(touch ${witness})`, file, env })).rejects.toThrow(ConfigError);
    await expect(rm(witness)).rejects.toThrow('ENOENT');
  });

  test('is used as it is where no file is given', async () => {
    expect(await resolveHost({ host: 'web1', file: undefined, env: {} })).toEqual(PLAIN);
  });

  test('is used as it is, without any program, where the file does not exist', async () => {
    const env = { PATH: join(folder, 'not', 'there') };
    expect(await resolveHost({ host: 'web1', port: 2222, file: join(folder, 'none'), isUsual: true, env })).toEqual({
      ...PLAIN,
      port: 2222,
    });
  });
});

describe('a file', () => {
  test('with a mistake is an error that repeats what OpenSSH says to it', async () => {
    await writeFile(file, 'Host web1\n  Prot 22\n');
    const env = { PATH: process.env['PATH'] };
    const asking = resolveHost({ host: 'web1', file, env });
    await expect(asking).rejects.toThrow(/^cannot look up web1 in .*config: .*(line 2|bad configuration option)/i);
  });

  test('that ssh was ended over is tried again', async () => {
    const programs = await temporaryFolder();
    await writeFile(join(programs, 'ssh'), '#!/bin/sh\nkill -KILL $$\n', { mode: 0o755 });
    await writeFile(file, 'Host web1\n');
    await expect(resolveHost({ host: 'web1', file, env: { PATH: programs } })).rejects.toMatchObject({
      name: 'TargetError',
      kind: 'unreachable',
    });
  });

  test('that cannot be read is an error', async () => {
    await expect(resolveHost({ host: 'web1', file: folder, env: {} })).rejects.toThrow(
      `cannot read the ssh_config ${folder}: it is a folder; name a file in it`,
    );
  });

  test('that somebody named and that is not there is an error', async () => {
    const missing = join(folder, 'confg');
    await expect(resolveHost({ host: 'web1', file: missing, env: {} })).rejects.toThrow(
      `cannot read the ssh_config ${missing}: there is no such file; correct the path, or make the file`,
    );
  });

  test('that includes another is followed by OpenSSH', async () => {
    await writeFile(join(folder, 'more'), 'Host web1\n  User bob\n');
    await writeFile(file, `Include ${join(folder, 'more')}\n`);
    const settings = await resolveHost({ host: 'web1', file, env: { PATH: process.env['PATH'] } });
    expect(settings.user).toBe('bob');
  });

  test('is no longer asked for when the signal is given', async () => {
    await writeFile(file, 'Match exec "sleep 5"\n  User bob\n');
    const signal = AbortSignal.timeout(200);
    const asking = resolveHost({ host: 'web1', file, env: { PATH: process.env['PATH'] }, signal });
    await expect(asking).rejects.toThrow(/timeout/);
  });
});
