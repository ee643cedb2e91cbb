import { mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config/load.js';
import type { Config, TargetConfig } from '../src/config/schema.js';
import { daemonToken, envForOthers, secretsOf } from '../src/config/secrets.js';
import { ConfigError } from '../src/errors.js';

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pushstatic-secrets-')));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function load(text: string): Promise<Config> {
  await writeFile(join(folder, 'pushstatic.yaml'), text);
  return loadConfig({ cwd: folder, env: { HOME: folder } });
}

/** The one target of a configuration, with these keys besides its URL. */
async function targetWith(keys: string): Promise<TargetConfig> {
  const { targets } = await load(
    `source: { dirs: [a] }\nstatic: { root: out }\ntargets: { web: { url: 'sftp://h/s'${keys} } }`,
  );
  const [target] = targets;
  if (target === undefined) throw new TypeError('the target is missing');
  return target;
}

describe('a secret', () => {
  test('comes from the variable that is named', async () => {
    const target = await targetWith(', passwordEnv: PW, passphraseEnv: PP');
    expect(await secretsOf(target, { PW: ' pass\n', PP: 'phrase' })).toEqual({
      password: ' pass\n',
      passphrase: 'phrase',
    });
  });

  test('comes from the file that is named, without the newline at its end', async () => {
    await writeFile(join(folder, 'pw'), ' pass \n\n');
    await writeFile(join(folder, 'pp'), 'phrase\r\n');
    const target = await targetWith(', passwordFile: pw, passphraseFile: pp');
    expect(await secretsOf(target, {})).toEqual({ password: ' pass \n', passphrase: 'phrase' });
  });

  test('is none where none is named', async () => {
    expect(await secretsOf(await targetWith(''), { PW: 'x' })).toEqual({});
  });

  test.each([
    [
      ', passwordEnv: PW',
      {},
      'cannot log in to web: the environment variable PW is not set; set it, or remove targets.web.passwordEnv',
    ],
    [
      ', passphraseEnv: PP',
      { PP: '' },
      'cannot log in to web: the environment variable PP is empty; set it, or remove targets.web.passphraseEnv',
    ],
    [
      ', passwordFile: no/such',
      {},
      /^cannot log in to web: the file \S*\/no\/such of targets\.web\.passwordFile cannot be read: there is no such file; correct the path, or make the file$/,
    ],
    [
      ', passphraseFile: .',
      {},
      /^cannot log in to web: the file \S* of targets\.web\.passphraseFile cannot be read: it is a folder; name a file in it$/,
    ],
    [
      ', passphraseFile: empty/inside',
      {},
      /^cannot log in to web: .*\.passphraseFile cannot be read: a file is on the way to it, where a folder should be; correct the path$/,
    ],
    [
      ', passphraseFile: circle',
      {},
      /^cannot log in to web: .*\.passphraseFile cannot be read: its symbolic links lead in a circle; name the file itself$/,
    ],
    [
      ', passphraseFile: empty',
      {},
      /^cannot log in to web: the file .*\/empty of targets\.web\.passphraseFile is empty; write it there$/,
    ],
  ])('that cannot be had is said to be missing: %s with %j', async (keys, env, message) => {
    await writeFile(join(folder, 'empty'), '\n');
    await symlink('circle', join(folder, 'circle'));
    const error: unknown = await secretsOf(await targetWith(keys), env).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error instanceof Error && error.message).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
  });
});

describe('the token of the status page', () => {
  const TOKEN = '0123456789abcdef';

  async function tokenWith(keys: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
    const { daemon } = await load(`source: { dirs: [a] }\nstatic: { root: out }\ndaemon: { ${keys} }`);
    return daemonToken(daemon, env);
  }

  test('comes from the variable or the file that is named', async () => {
    await writeFile(join(folder, 'token'), `${TOKEN}\n`);
    expect(await tokenWith('tokenEnv: T', { T: TOKEN })).toBe(TOKEN);
    expect(await tokenWith('tokenFile: token', {})).toBe(TOKEN);
    expect(await tokenWith('', { T: TOKEN })).toBeUndefined();
  });

  test.each([
    [
      'tokenEnv: T',
      {},
      /^cannot protect the status page: the environment variable T is not set; .* remove daemon\.tokenEnv$/,
    ],
    [
      'tokenFile: no/such',
      {},
      /^cannot protect the status page: the file \S*\/no\/such of daemon\.tokenFile cannot be read: there is no such file; /,
    ],
    ['tokenFile: .', {}, /^cannot protect the status page: .* of daemon\.tokenFile cannot be read: it is a folder; /],
    ['tokenEnv: T', { T: TOKEN.slice(1) }, /^cannot protect the status page: .* daemon\.tokenEnv has less than 16/],
  ])('that cannot be had, or is short, is refused without a word of it: %s with %j', async (keys, env, message) => {
    const error: unknown = await tokenWith(keys, env).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error instanceof Error && error.message).toMatch(message);
    expect(error instanceof Error && error.message).not.toContain('123456');
  });
});

test('no program of others gets a secret, also when the configuration does not name it any more', async () => {
  const withOne = `source: { dirs: [a] }\nstatic: { root: out }\ndaemon: { tokenEnv: TOKEN_ONCE }\n`;
  const env = { PATH: '/bin', TOKEN_ONCE: 'a', PW_ONCE: 'b', NOTIFY_SOCKET: 'c' };
  const named = await load(`${withOne}targets: { web: { url: 'sftp://h/s', passwordEnv: PW_ONCE } }`);
  expect(envForOthers(named, env)).toEqual({ PATH: '/bin' });
  const without = await load(`source: { dirs: [a] }\nstatic: { root: out }`);
  expect(envForOthers(without, env)).toEqual({ PATH: '/bin' });
});
