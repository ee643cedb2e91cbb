/** What the file says and what the project says become one configuration. The project is an answer here, without Python. */
import { mkdir, realpath, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { AskProject } from '../src/config/check.js';
import { describeConfig } from '../src/config/describe.js';
import { loadConfig, loadUnasked } from '../src/config/load.js';
import type { Asked, Config, DjangoSource } from '../src/config/schema.js';
import { ConfigError, SourceError } from '../src/errors.js';
import { plant, temporaryFolder } from './support/tree.js';

const ASKING = 'source: { django: {} }\n';

let folder: string;

beforeEach(async () => {
  folder = await realpath(await temporaryFolder());
});

function answer(change: Partial<Asked> = {}): Asked {
  return {
    django: '5.2.12',
    python: '3.12.4',
    interpreter: 'python3',
    settings: 'shop.settings',
    dirs: [{ path: join(folder, 'blog/static'), prefix: '', isOptional: true }],
    knowsSources: true,
    savesCopies: true,
    ignore: ['*.scss'],
    root: join(folder, 'out'),
    url: '/s/',
    storage: 'manifest',
    why: 'its storage is ManifestStaticFilesStorage',
    rules: '5.2',
    permissions: { file: null, dir: 0o2755 },
    manifest: { name: 'names.json', root: folder, jsModules: true, keepIntermediateFiles: true, maxPasses: 9 },
    faults: { storage: [], sources: [], djangoOnly: [] },
    warnings: [],
    files: [join(folder, 'manage.py')],
    looked: [],
    listed: [],
    ...change,
  };
}

async function load(text: string, ask: AskProject = async () => answer()): Promise<Config> {
  await plant(folder, { 'pushstatic.yaml': text });
  return loadConfig({ cwd: folder, env: { HOME: '/home/ann' }, ask });
}

/** The message of the ConfigError, with the temporary folder written as HERE. */
async function complaint(text: string, change: Partial<Asked> = {}): Promise<string> {
  const error = await load(text, async () => answer(change)).then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConfigError)) throw error;
  return error.message.replaceAll(folder, 'HERE');
}

describe('a file of three lines', () => {
  test('takes all there is to say from the project', async () => {
    const config = await load(ASKING);
    expect(config).toMatchObject({
      site: `${folder.split('/').at(-1)}:out`,
      source: {
        dirs: [{ path: join(folder, 'blog/static'), prefix: '', isOptional: true }],
        ignore: ['*.scss'],
        django: { manage: join(folder, 'manage.py') },
      },
      asked: answer(),
    });
    expect(config.static).toEqual({
      root: join(folder, 'out'),
      url: '/s/',
      storage: 'manifest',
      django: '5.2',
      python: '3.12',
      permissions: { file: null, dir: 0o2755 },
      manifest: {
        name: 'names.json',
        root: folder,
        jsModules: true,
        keepIntermediateFiles: true,
        maxPasses: 9,
        missing: [],
        stale: 'remove',
      },
    });
  });

  test.each([
    'source: { django: {} }',
    'source:\n  django:\n',
    'source: { django: {} }\nstatic:\n',
    ASKING + 'static: {}',
  ])('may be written as %j', async (text) => {
    await expect(load(text)).resolves.toHaveProperty('static.storage', 'manifest');
  });

  test('says by which Python and which settings', async () => {
    const asked: DjangoSource[] = [];
    const ask: AskProject = async (source) => {
      asked.push(source);
      return answer();
    };
    await load('source: { django: { manage: web/manage.py, python: env/bin/python, settings: a.b } }', ask);
    await load('source: { django: { python: python3.12 } }', ask);
    await load(ASKING, ask);
    expect(asked).toEqual([
      { manage: join(folder, 'web/manage.py'), python: join(folder, 'env/bin/python'), settings: 'a.b' },
      { manage: join(folder, 'manage.py'), python: 'python3.12' },
      { manage: join(folder, 'manage.py') },
    ]);
  });
});

describe('what the file says by hand', () => {
  test.each<[string, string, object]>([
    ['static.root', 'static: { root: by-hand }', { root: 'HERE/by-hand' }],
    ['static.url', 'static: { url: /by-hand/ }', { url: '/by-hand/' }],
    ['static.storage', 'static: { storage: plain }', { storage: 'plain' }],
    ['static.django', "static: { django: '4.2' }", { django: '4.2' }],
    ['one of the modes', "static: { permissions: { file: '0600' } }", { permissions: { file: 0o600, dir: 0o2755 } }],
    ['a mode that is null', 'static: { permissions: { dir: null } }', { permissions: { file: null, dir: null } }],
    [
      'the name of the manifest',
      'static: { manifest: { name: m.json } }',
      { manifest: { name: 'm.json', maxPasses: 9 } },
    ],
    [
      'another key of the manifest',
      'static: { manifest: { jsModules: false, maxPasses: 3, root: m } }',
      { manifest: { name: 'names.json', jsModules: false, keepIntermediateFiles: true, maxPasses: 3, root: 'HERE/m' } },
    ],
  ])('wins, and the rest is asked: %s', async (_, text, expected) => {
    const { static: found } = await load(ASKING + text);
    const shown = JSON.parse(JSON.stringify(found).replaceAll(folder, 'HERE')) as object;
    expect(shown).toMatchObject({ root: 'HERE/out', url: '/s/', storage: 'manifest', django: '5.2', ...expected });
  });

  test('stands for all sources of the project, or all its ignore patterns', async () => {
    const dirs = await load('source: { django: {}, dirs: [mine] }');
    expect(dirs.source).toMatchObject({ dirs: [{ path: join(folder, 'mine') }], ignore: ['*.scss'] });
    const ignore = await load('source: { django: {}, ignore: [] }');
    expect(ignore.source).toMatchObject({ dirs: answer().dirs, ignore: [] });
  });

  test('puts the manifest beside the files, where it names their folder', async () => {
    const config = await load(`${ASKING}static: { manifest: { root: out } }`);
    expect(config.static.manifest).not.toHaveProperty('root');
  });

  test('is checked before anybody is asked', async () => {
    const ask: AskProject = () => expect.unreachable();
    await expect(load(`${ASKING}static: { storage: plian }\n`, ask)).rejects.toThrow('did you mean "plain"?');
    await expect(load(`${ASKING}watch: { sweep: 1ms }\n`, ask)).rejects.toThrow('watch.sweep');
  });
});

describe('the effective configuration of an asked project', () => {
  test('is a file that says the same, and asks as before', async () => {
    const config = await load(`${ASKING}static: { manifest: { missing: warn, stale: keep } }`);
    expect(describeConfig(config)).toMatchObject({
      source: { django: {}, dirs: [{ path: join(folder, 'blog/static'), optional: true }] },
      static: { url: '/s/', django: '5.2', manifest: { root: folder, missing: 'warn' } },
    });
    expect(await load(stringify(describeConfig(config)))).toEqual(config);
  });
});

describe('what stands against an answer', () => {
  test('is said by whoever was asked', async () => {
    const refused = new SourceError('cannot ask the Django project: no');
    await expect(load(ASKING, () => Promise.reject(refused))).rejects.toBe(refused);
  });

  test.each<[string, string, Partial<Asked>, string]>([
    [
      'no STATIC_ROOT',
      ASKING,
      { root: undefined },
      'pushstatic.yaml:1:11: source.django: STATIC_ROOT of the project is not set; set it in its settings, or static.root in this file',
    ],
    [
      'what stops collectstatic',
      ASKING,
      { faults: { storage: ['S'], sources: ['D'], djangoOnly: [] } },
      'pushstatic.yaml:1:11: source.django: S\npushstatic.yaml:1:11: source.django: D',
    ],
    [
      'by hand what only Django itself can collect',
      `${ASKING}static: { storage: plain }`,
      { faults: { storage: [], sources: [], djangoOnly: ['E'] } },
      'pushstatic.yaml:1:11: source.django: E',
    ],
    [
      'STATIC_ROOT in a source',
      ASKING,
      { dirs: [{ path: '/srv', prefix: '' }], root: '/srv/x' },
      'pushstatic.yaml: STATIC_ROOT of the project (/srv/x): it lies inside a source of the project (/srv); the two must lie apart',
    ],
    [
      'STATIC_ROOT by hand in a source',
      `${ASKING}static: { root: blog/static/out }`,
      {},
      'pushstatic.yaml:2:17: static.root: it lies inside a source of the project (HERE/blog/static); the two must lie apart',
    ],
    [
      'this file in STATIC_ROOT',
      'source: { django: {}, dirs: [/srv/a] }',
      {
        get root() {
          return folder;
        },
      },
      'pushstatic.yaml: STATIC_ROOT of the project (HERE): it holds this configuration file, which would be published; give it a folder of its own',
    ],
    [
      'a target in STATIC_ROOT',
      `${ASKING}targets: { a: { url: 'file:///srv/out/x' } }`,
      { root: '/srv/out' },
      'pushstatic.yaml:2:22: targets.a.url: it lies inside STATIC_ROOT of the project (/srv/out); the two must lie apart',
    ],
    [
      'a target in a source, after what stands in the file',
      `${ASKING}targets: { a: { url: 'file:///srv/a/x' } }`,
      { dirs: [{ path: '/srv/a', prefix: '' }], root: '/srv' },
      'pushstatic.yaml:2:22: targets.a.url: it lies inside STATIC_ROOT of the project (/srv); the two must lie apart\n' +
        'pushstatic.yaml:2:22: targets.a.url: it lies inside a source of the project (/srv/a); the two must lie apart\n' +
        'pushstatic.yaml: STATIC_ROOT of the project (/srv): it holds a source of the project (/srv/a); the two must lie apart',
    ],
  ])('is refused: %s', async (_, text, change, expected) => {
    expect(await complaint(text, change)).toBe(expected);
  });

  test.each<[string, string, Partial<Asked>]>([
    ['no STATIC_ROOT, where it is named by hand', `${ASKING}static: { root: x }`, { root: undefined }],
    [
      'a storage that is not used',
      `${ASKING}static: { storage: plain }`,
      { faults: { storage: ['S'], sources: [], djangoOnly: [] } },
    ],
    [
      'sources that are not used',
      'source: { django: {}, dirs: [a] }',
      { faults: { storage: [], sources: ['D'], djangoOnly: [] } },
    ],
    [
      'what only Django itself can collect, where it does',
      ASKING,
      { storage: 'django', faults: { storage: [], sources: [], djangoOnly: ['E'] } },
    ],
    [
      'anything, where another tool fills STATIC_ROOT',
      `${ASKING}static: { storage: none }`,
      { faults: { storage: ['S'], sources: ['D'], djangoOnly: [] } },
    ],
  ])('may be %s', async (_, text, change) => {
    await expect(load(text, async () => answer(change))).resolves.toHaveProperty('asked');
  });

  test("may be what the project's own collectstatic does not heed, where it comes to the same", async () => {
    const text = `${ASKING}static: { url: s/, django: '5.2', manifest: { name: names.json, missing: { '*': fail } } }`;
    await expect(load(text, async () => answer({ storage: 'django' }))).resolves.toHaveProperty('asked');
  });

  test("is what the project's own collectstatic does not heed, where it differs", async () => {
    const text = `${ASKING}static: { url: /x/, django: '4.2', manifest: { name: m.json, missing: warn, maxPasses: 9 } }`;
    expect((await complaint(text, { storage: 'django' })).split('\n')).toEqual(
      ['url', 'django', 'manifest.name', 'manifest.missing'].map((key) =>
        expect.stringMatching(
          `static.${key}: it does not apply to storage: django, where the project's settings say how files are made; remove it$`,
        ),
      ),
    );
  });

  test('is seen through links', async () => {
    await mkdir(join(folder, 'blog/static'), { recursive: true });
    await symlink('blog', join(folder, 'link'));
    expect(await complaint(ASKING, { root: join(folder, 'link/static/out') })).toContain('lies inside a source');
  });
});

describe('without anybody to ask', () => {
  test('what is needed to speak to a daemon is known', async () => {
    await plant(folder, { 'pushstatic.yaml': `${ASKING}daemon: { socket: run/s }\n` });
    expect(await loadUnasked({ cwd: folder, env: {} })).toMatchObject({
      file: join(folder, 'pushstatic.yaml'),
      daemon: { socket: join(folder, 'run/s') },
      log: { level: 'info' },
    });
  });

  test('the rest is not', async () => {
    await plant(folder, { 'pushstatic.yaml': ASKING });
    await expect(loadConfig({ cwd: folder, env: {} })).rejects.toThrow(/source\.django is there, and nobody to ask/);
  });
});
