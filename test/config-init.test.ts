import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Facts, lookAround, proposeConfig, questionsFor, readAnswers } from '../src/config/init.js';
import { loadConfig, loadUnasked } from '../src/config/load.js';
import type { Config } from '../src/config/schema.js';

let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pushstatic-init-')));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function load(text: string): Promise<Config> {
  await writeFile(join(folder, 'pushstatic.yaml'), text);
  return loadConfig({ cwd: folder, env: { HOME: folder } });
}

describe('the first configuration', () => {
  const bare: Facts = { folderName: 'shop', hasManagePy: false, sourceDirs: [], hosts: [] };

  test('is proposed from what lies in the folder', async () => {
    for (const dir of [
      'static',
      'cart/static',
      'blog/static',
      'venv/static',
      '.git/static',
      'node_modules/static',
      '.ssh',
    ]) {
      await mkdir(join(folder, dir), { recursive: true });
    }
    await writeFile(join(folder, 'manage.py'), '');
    await writeFile(join(folder, 'assets'), 'a file, no folder');
    await writeFile(join(folder, '.ssh/config'), 'Host web1 web2\n  User me\nHost *.example.com !x\nhost = web3\n');
    expect(await lookAround(folder, { HOME: folder })).toEqual({
      folderName: folder.split('/').at(-1),
      hasManagePy: true,
      sourceDirs: ['static', 'blog/static', 'cart/static'],
      hosts: ['web1', 'web2', 'web3'],
    });
  });

  test('takes an ssh_config that cannot be understood for none', async () => {
    await mkdir(join(folder, '.ssh'));
    await writeFile(join(folder, '.ssh/config'), 'Host web1 "web2\n');
    expect(await lookAround(folder, { HOME: folder })).toMatchObject({ hosts: [], sourceDirs: [] });
  });

  test('loads, without a target, where nothing is known', async () => {
    const config = await load(proposeConfig(bare, '00c0ffee'));
    expect(config).toMatchObject({ site: 'shop-00c0ffee', targets: [], static: { storage: 'plain', url: '/static/' } });
    expect(config.source.dirs).toEqual([{ path: join(folder, 'static'), prefix: '' }]);
  });

  test('loads with what was answered, whatever characters it holds', async () => {
    const odd: Facts = {
      folderName: "it's: #1\n- x",
      hasManagePy: false,
      sourceDirs: ['a b', '*x', '- y', 'null', '1'],
      hosts: ['h\n# x'],
    };
    const config = await load(
      proposeConfig(odd, 'deadbeef', {
        ...readAnswers(odd, {
          targetUrl: 'sftp://me@h/srv/a: b',
          staticRoot: 'out # x',
          staticUrl: 'https://cdn.example/s',
        }),
      }),
    );
    expect(config.site).toBe("it's: #1\n- x-deadbeef");
    expect(config.source.dirs.map(({ path }) => path.slice(folder.length + 1))).toEqual([
      'a b',
      '*x',
      '- y',
      'null',
      '1',
    ]);
    expect(config.static).toMatchObject({ root: join(folder, 'out # x'), url: 'https://cdn.example/s/' });
    expect(config.targets).toMatchObject([
      { name: 'production', address: { user: 'me', host: 'h', path: '/srv/a: b' } },
    ]);
    await expect(load(proposeConfig(odd, 'deadbeef'))).resolves.toMatchObject({ targets: [] });
  });

  test('has a Django project say by itself what is collected, and asks for the target only', async () => {
    const project: Facts = { ...bare, hasManagePy: true, sourceDirs: ['static'] };
    const text = proposeConfig(project, '00c0ffee', readAnswers(project, { targetUrl: 'file:///srv/x' }));
    const written = text.split('\n').filter((line) => line !== '' && !line.trim().startsWith('#'));
    expect(written.slice(0, 5)).toEqual([
      'site: shop-00c0ffee',
      'source:',
      '  django: {}',
      'targets:',
      '  production:',
    ]);
    await writeFile(join(folder, 'pushstatic.yaml'), text);
    await expect(loadUnasked({ cwd: folder, env: {} })).resolves.toHaveProperty('file');
    expect(questionsFor(project)).toMatchObject([
      { key: 'targetUrl', message: expect.stringContaining('static files published') },
    ]);
  });

  test('with its commented target brought in loads too', async () => {
    const text = proposeConfig({ ...bare, hosts: ['web1'] }, '00c0ffee').replaceAll(/^# (?=targets:| {2,})/gm, '');
    expect((await load(text)).targets).toMatchObject([{ address: { host: 'web1', path: '/srv/static' } }]);
  });

  test('asks what cannot be seen, and takes what is left empty as proposed', () => {
    const facts = { ...bare, sourceDirs: ['static', 'blog/static'] };
    expect(questionsFor(facts).map(({ key, initial }) => [key, initial])).toEqual([
      ['sourceDirs', 'static, blog/static'],
      ['staticRoot', 'var/static'],
      ['staticUrl', '/static/'],
      ['targetUrl', ''],
    ]);
    expect(readAnswers(facts, { sourceDirs: ' a,, b ', staticRoot: ' ', targetUrl: '' })).toEqual({
      sourceDirs: ['a', 'b'],
      staticRoot: 'var/static',
      staticUrl: '/static/',
      targetUrl: undefined,
    });
    expect(readAnswers(facts, {}).sourceDirs).toEqual(['static', 'blog/static']);
  });
});
