/** When a project is asked again, and when what it said holds. Each Python that is started leaves a mark. */
import { execFileSync } from 'node:child_process';
import { appendFile, chmod, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Asked } from '../src/config/schema.js';
import { askProject } from '../src/django/ask.js';
import { StateFolder } from '../src/fs/state.js';
import { djangoEnv, djangoProject, settingsWith, storageOf } from './support/django-project.js';
import { plant, type Tree, temporaryFolder } from './support/tree.js';

const ENVIRONMENT = { SHOP_URL: '/a/', UNRELATED: '1', SHLVL: '1' };
const SETTINGS = `import os
STATIC_URL = os.environ.get('SHOP_URL')
INSTALLED_APPS = ['django.contrib.staticfiles'] + (BASE_DIR / 'apps.txt').read_text().split()
try:
    from .local import *
except ImportError:
    pass
`;

interface Scene {
  readonly folder: string;
  readonly state: StateFolder;
  readonly ask: (change?: {
    env?: Readonly<Record<string, string>>;
    settings?: string;
    from?: 'project';
  }) => Promise<Asked>;
  /** How often Python was started since this was asked last. */
  readonly starts: () => Promise<number>;
}

/** A project that was asked once, with a quiet moment before it. */
async function askedOnce(tree: Tree = {}): Promise<Scene> {
  const folder = await djangoProject({
    'shop/settings.py': settingsWith(SETTINGS),
    'apps.txt': 'blog',
    'more/__init__.py': '',
    python: '#!/bin/sh\necho >> starts.log\nexec python3 "$@"\n',
    ...tree,
  });
  for (const name of ['python', 'git', 'release'])
    if (name === 'python' || name in tree) await chmod(join(folder, name), 0o755);
  await nextMillisecond();
  const state = new StateFolder(await temporaryFolder());
  const log = join(folder, 'starts.log');
  const scene: Scene = {
    folder,
    state,
    ask: ({ env = ENVIRONMENT, settings, from } = {}) => {
      const source = { manage: join(folder, 'manage.py'), python: join(folder, 'python') };
      return askProject(
        { ...source, ...(settings !== undefined && { settings }) },
        { env: djangoEnv('5.2', env), state, from: from ?? 'cache' },
      );
    },
    starts: async () => {
      const text = await readFile(log, 'utf8').catch(() => '');
      await rm(log, { force: true });
      return text.length;
    },
  };
  await scene.ask();
  expect(await scene.starts()).toBe(1);
  return scene;
}

/** What was written before is older than what begins now, by a clock of whole milliseconds. */
async function nextMillisecond(): Promise<void> {
  for (const start = Date.now(); Date.now() <= start; ) await setImmediate();
}

test('what was said holds as long as nothing changes, and no Python is started', async () => {
  const { ask, starts } = await askedOnce();
  const first = await ask();
  expect(await ask()).toEqual(first);
  expect(await ask({ env: { ...ENVIRONMENT, UNRELATED: '2', SHLVL: '3' } })).toEqual(first);
  expect(await starts()).toBe(0);
});

test.each<[string, (scene: Scene) => Promise<unknown>]>([
  ['the settings', ({ folder }) => appendFile(join(folder, 'shop/settings.py'), '\n')],
  ['manage.py', ({ folder }) => appendFile(join(folder, 'manage.py'), '\n')],
  ['a file that the settings read', ({ folder }) => plant(folder, { 'apps.txt': 'more' })],
  ['a module that was missing', ({ folder }) => plant(folder, { 'shop/local.py': '' })],
  ['an app that gets a configuration', ({ folder }) => plant(folder, { 'blog/apps.py': '' })],
  ['the Python', ({ folder }) => appendFile(join(folder, 'python'), '#\n')],
  ['only a time', ({ folder }) => utimes(join(folder, 'shop/settings.py'), 1, 1)],
])('a project is asked again after a change of %s', async (_, change) => {
  const scene = await askedOnce();
  await change(scene);
  await nextMillisecond();
  await scene.ask();
  expect(await scene.starts()).toBe(1);
  await scene.ask();
  expect(await scene.starts()).toBe(0);
});

test('the answer is another one after a change of what it depends on', async () => {
  const { folder, ask } = await askedOnce();
  await plant(folder, { 'apps.txt': 'blog more', 'shop/local.py': "STATIC_URL = '/local/'\n" });
  const asked = await ask();
  expect(asked.url).toBe('/local/');
  expect(asked.dirs.at(-1)).toMatchObject({ path: join(folder, 'more/static') });
});

test('a variable that the settings read is part of the question, others are not', async () => {
  const { ask, starts } = await askedOnce();
  expect(await ask({ env: { ...ENVIRONMENT, SHOP_URL: '/b/' } })).toMatchObject({ url: '/b/' });
  expect(await starts()).toBe(1);
  expect(await ask({ env: { ...ENVIRONMENT, SHOP_URL: '/b/', OTHER: 'x' } })).toMatchObject({ url: '/b/' });
  expect(await starts()).toBe(0);
});

test('settings that read all variables depend on all of them', async () => {
  const { ask, starts } = await askedOnce({ 'shop/settings.py': settingsWith('import os\nALL = dict(os.environ)') });
  await ask({ env: { ...ENVIRONMENT, SHLVL: '2' } });
  expect(await starts()).toBe(0);
  await ask({ env: { ...ENVIRONMENT, OTHER: 'x' } });
  expect(await starts()).toBe(1);
});

test('other settings are another question', async () => {
  const { ask, starts, folder } = await askedOnce();
  await plant(folder, { 'shop/live.py': settingsWith("STATIC_URL = '/live/'") });
  expect(await ask({ settings: 'shop.live' })).toMatchObject({ url: '/live/' });
  expect(await starts()).toBe(1);
});

test('who wants to hear it from the project itself does', async () => {
  const { ask, starts } = await askedOnce();
  await ask({ from: 'project' });
  expect(await starts()).toBe(1);
});

test('no value of a variable is kept, only a digest of them all', async () => {
  const { state } = await askedOnce({ 'shop/settings.py': settingsWith("import os\nKEY = os.environ['SHOP_URL']") });
  const kept = String(await state.read('asked.json'));
  expect(kept).toContain('SHOP_URL');
  expect(kept).not.toContain('"/a/"');
});

test.each([
  ['cut off', (text: string) => text.slice(0, -10)],
  ['empty', () => ''],
  ['something else', () => '[1]'],
  ['of another version', (text: string) => text.replace(/"format":\d+/, '"format":1')],
  ['not what an answer is', (text: string) => text.replace('"django":"', '"djanga":"')],
  ['without stamps', (text: string) => text.replace('"stamps"', '"stomps"')],
])('a cache that is %s is none', async (_, spoil) => {
  const { state, ask, starts } = await askedOnce();
  await state.write('asked.json', spoil(String(await state.read('asked.json'))));
  await expect(ask()).resolves.toMatchObject({ url: '/a/' });
  expect(await starts()).toBe(1);
});

test('what changed while Python ran is asked again the next time', async () => {
  const { ask, starts } = await askedOnce({
    'shop/settings.py': settingsWith("(BASE_DIR / 'shop/settings.py').touch()"),
  });
  await nextMillisecond();
  await ask();
  await ask();
  expect(await starts()).toBe(2);
});

const LOOKING = `import glob, os
S = 'one' if os.path.isfile(BASE_DIR / 'flag') else 'two' if (BASE_DIR / 'sign').exists() else 'three'
STATIC_URL = '/' + '-'.join([S] + sorted(map(os.path.basename, glob.glob(str(BASE_DIR / 'themes' / '*')))) ) + '/'
INSTALLED_APPS = ['django.contrib.staticfiles']
`;

test.each<[string, Tree, string]>([
  ['a file that was not there', { flag: '' }, '/one-a/'],
  ['a folder that was not there', { 'sign/inside': '' }, '/two-a/'],
  ['a name in a folder that was listed', { 'themes/b/static/x': '' }, '/three-a-b/'],
])('a project is asked again after %s came, whatever asked for it, and not otherwise', async (_, tree, url) => {
  const scene = await askedOnce({ 'shop/settings.py': settingsWith(LOOKING), 'themes/a/static/x': '' });
  const before = await scene.ask();
  expect(before.url).toBe('/three-a/');
  await plant(scene.folder, { 'themes/a/static/y': '', 'beside/x': '' });
  expect(await scene.ask()).toEqual(before);
  expect(await scene.starts()).toBe(0);
  await plant(scene.folder, tree);
  await nextMillisecond();
  expect((await scene.ask()).url).toBe(url);
  expect(await scene.starts()).toBe(1);
  await scene.ask();
  expect(await scene.starts()).toBe(0);
});

const RESOLVING = `STATICFILES_DIRS = [(BASE_DIR / 'builds/current').resolve(), BASE_DIR / 'assets']
STATICFILES_DIRS += sorted(path for path in (BASE_DIR / 'assets/themes').iterdir())
`;

test('a project is asked again after a link that the settings follow leads elsewhere', async () => {
  const scene = await askedOnce({ 'shop/settings.py': settingsWith(RESOLVING), 'assets/themes/a/x': '' });
  for (const [build, starts] of [
    ['one', 1],
    ['one', 0],
    ['two', 1],
    ['two', 0],
  ] as const) {
    await plant(scene.folder, { [`builds/${build}/x`]: '' });
    await rm(join(scene.folder, 'builds/current'), { force: true });
    await symlink(build, join(scene.folder, 'builds/current'));
    await nextMillisecond();
    expect((await scene.ask()).dirs[0]?.path).toBe(join(scene.folder, 'builds', build));
    expect(await scene.starts()).toBe(starts);
  }
});

test('a project is asked again after a folder of a source that the settings list holds another name', async () => {
  const scene = await askedOnce({ 'shop/settings.py': settingsWith(RESOLVING), 'assets/themes/a/x': '' });
  await plant(scene.folder, { 'assets/other/y': '', 'assets/themes/a/y': '' });
  await scene.ask();
  expect(await scene.starts()).toBe(0);
  await plant(scene.folder, { 'assets/themes/b/x': '' });
  await nextMillisecond();
  expect((await scene.ask()).dirs.map(({ path }) => path)).toContain(join(scene.folder, 'assets/themes/b'));
  expect(await scene.starts()).toBe(1);
});

test('a project is asked again after an app has got a collectstatic of its own', async () => {
  const scene = await askedOnce({
    'shop/settings.py': settingsWith("INSTALLED_APPS = ['blog', 'django.contrib.staticfiles']"),
  });
  await plant(scene.folder, {
    'blog/management/__init__.py': '',
    'blog/management/commands/__init__.py': '',
    'blog/management/commands/collectstatic.py': '',
  });
  expect((await scene.ask()).storage).toBe('django');
});

test('a project is asked again after a change of what its storage imports', async () => {
  const scene = await askedOnce({
    'shop/settings.py': settingsWith(storageOf('shop.storage.Own')),
    'shop/storage.py': `from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from .release import RELEASE
class Own(ManifestStaticFilesStorage):
    manifest_name = f'static-{RELEASE}.json'
`,
    'shop/release.py': 'from shop.numbers import *\n',
    'shop/numbers.py': 'RELEASE = 1\n',
  });
  execFileSync('python3', ['-m', 'compileall', '-q', join(scene.folder, 'shop')]); // then nobody reads the texts any more
  await scene.ask({ from: 'project' });
  await plant(scene.folder, { 'shop/numbers.py': 'RELEASE = 22\n' });
  expect((await scene.ask()).manifest.name).toBe('static-22.json');
});

const STARTING = (program: string, words = ''): string => `import subprocess
STATIC_URL = '/' + subprocess.check_output([str(BASE_DIR / '${program}'), *'${words}'.split()], cwd=BASE_DIR / 'shop', text=True).strip() + '/'
`;

test('settings that ask git are asked again after a commit', async () => {
  const scene = await askedOnce({
    'shop/settings.py': settingsWith(STARTING('git', 'rev-parse HEAD')),
    '.git/HEAD': 'ref: refs/heads/main\n',
    '.git/logs/HEAD': 'one\n',
    git: '#!/bin/sh\ntail -n 1 ../.git/logs/HEAD\n',
  });
  await scene.ask();
  expect(await scene.starts()).toBe(0);
  await appendFile(join(scene.folder, '.git/logs/HEAD'), 'two\n');
  await nextMillisecond();
  expect((await scene.ask()).url).toBe('/two/');
  await scene.starts();
  await scene.ask();
  expect(await scene.starts()).toBe(0);
});

test.each(['describe --tags', '-C /elsewhere log -1', 'log -1 --decorate', 'status'])(
  'settings that ask git for more than a commit are asked each time: %s',
  async (words) => {
    const scene = await askedOnce({
      'shop/settings.py': settingsWith(STARTING('git', words)),
      '.git/HEAD': 'ref: refs/heads/main\n',
      git: '#!/bin/sh\ncat ../number\n',
      number: '1',
    });
    await plant(scene.folder, { number: '2' });
    expect((await scene.ask()).url).toBe('/2/');
  },
);

test('settings that ask git in another folder are asked again after a commit there', async () => {
  const elsewhere = await temporaryFolder();
  await plant(elsewhere, { '.git/HEAD': 'ref: refs/heads/main\n', '.git/logs/HEAD': 'one\n' });
  const scene = await askedOnce({
    'shop/settings.py': settingsWith(`from pathlib import Path
${STARTING('git', 'rev-parse HEAD').replace("BASE_DIR / 'shop'", `Path('${elsewhere}')`)}`),
    '.git/HEAD': 'ref: refs/heads/main\n',
    git: '#!/bin/sh\ntail -n 1 .git/logs/HEAD\n',
  });
  expect((await scene.ask()).url).toBe('/one/');
  await appendFile(join(elsewhere, '.git/logs/HEAD'), 'two\n');
  await nextMillisecond();
  expect((await scene.ask()).url).toBe('/two/');
});

test.each<[how: string, settings: string, tree: Tree]>([
  [
    'by name, where it is missing',
    `import importlib
try:
    STATIC_URL = importlib.import_module('shop.local').STATIC_URL
except ImportError:
    STATIC_URL = '/one/'
`,
    {},
  ],
  [
    'from a file that was compiled before',
    `import importlib.util
spec = importlib.util.spec_from_file_location('own', BASE_DIR / 'shop/local.py')
own = importlib.util.module_from_spec(spec)
spec.loader.exec_module(own)
STATIC_URL = own.STATIC_URL
`,
    { 'shop/local.py': "STATIC_URL = '/one/'\n" },
  ],
])('a module that settings import %s is taken up', async (_, settings, tree) => {
  const scene = await askedOnce({ 'shop/settings.py': settingsWith(settings), ...tree });
  execFileSync('python3', ['-m', 'compileall', '-q', join(scene.folder, 'shop')]);
  expect((await scene.ask({ from: 'project' })).url).toBe('/one/');
  await plant(scene.folder, { 'shop/local.py': "STATIC_URL = '/two-two/'\n" });
  await nextMillisecond();
  expect((await scene.ask()).url).toBe('/two-two/');
});

test('settings that ask another program are asked each time', async () => {
  const scene = await askedOnce({
    'shop/settings.py': settingsWith(STARTING('release')),
    release: '#!/bin/sh\ncat ../number\n',
    number: '1',
  });
  await plant(scene.folder, { number: '2' });
  expect((await scene.ask()).url).toBe('/2/');
});

test.each(['.python-version', '.tool-versions'])('another Python may be chosen by %s', async (name) => {
  const scene = await askedOnce();
  await writeFile(join(scene.folder, name), '3.13.0\n');
  await nextMillisecond();
  await scene.ask();
  expect(await scene.starts()).toBe(1);
});

test('what asks for files in odd ways is answered as ever', async () => {
  const odd = `import os
class Accessor:  # as in pathlib before Python 3.11
    stat = os.stat
Accessor().stat(str(BASE_DIR))
os.stat(path=str(BASE_DIR))
for name in (b'caf\\xe9', 'no\\nkey', 'x' * 5000, 7):
    os.path.exists(name)
os.listdir(BASE_DIR)
try:
    os.stat('a\\0b')
except ValueError:
    STATIC_URL = '/odd/'
`;
  const scene = await askedOnce({ 'shop/settings.py': settingsWith(odd) });
  expect((await scene.ask()).url).toBe('/odd/');
});

test('settings that look at very much are asked each time', async () => {
  const scene = await askedOnce({
    'shop/settings.py': settingsWith('import os\nfor at in range(6000):\n    os.path.exists(BASE_DIR / str(at))\n'),
  });
  await scene.ask();
  expect(await scene.starts()).toBe(1);
});
