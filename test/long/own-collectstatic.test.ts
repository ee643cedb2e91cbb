/** Projects whose storage is their own: the built program, with real Django, and what their own collectstatic makes beside it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AskProject } from '../../src/config/check.js';
import { loadConfig } from '../../src/config/load.js';
import { LocalHalf } from '../../src/daemon/local-half.js';
import { askProject } from '../../src/django/ask.js';
import { runCollectstatic } from '../../src/django/run-collectstatic.js';
import { StateFolder } from '../../src/fs/state.js';
import { eventually, lastCycle, QUICK, serves, startDaemon, stateFolder } from '../support/daemon.js';
import { type DjangoVersion, djangoPath } from '../support/django.js';
import { djangoEnv, djangoTree, settingsWith, storageOf } from '../support/django-project.js';
import { inFolder, makeProject, type Project } from '../support/project.js';
import { fillUp, mountSmallDisk } from '../support/small-disk.js';
import { plant, readTree, symlink, type Tree, temporaryFolder } from '../support/tree.js';

// The folders of STATICFILES_DIRS alone: what Django itself brings along is much, and none of this business.
const FINDERS = `import os
STATICFILES_FINDERS = ['django.contrib.staticfiles.finders.FileSystemFinder']
STATIC_ROOT = os.environ.get('ELSEWHERE', STATIC_ROOT)
`;
const ASSETS: Tree = {
  'assets/css/app.css': 'a { background: url(../img/logo.png) }',
  'assets/img/logo.png': 'logo',
  'assets/js/app.js': 'run()',
  'vendor/dist/lib.js': 'library',
};
const THREAD = new URL('../../dist/cli/thread.cjs', import.meta.url);
const IMPORTS = `from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, StaticFilesStorage
from django.core.files.base import ContentFile
`;
const OWN_HASH = `${IMPORTS}
class Own(ManifestStaticFilesStorage):
    def file_hash(self, name, content=None):
        found = super().file_hash(name, content)
        return found and 'own' + found[:5]
`;
const STORAGES: Readonly<Record<string, string>> = {
  'a hash of its own': OWN_HASH,
  'names of its own, which begin with a dot': `${IMPORTS}
import os.path
class Own(ManifestStaticFilesStorage):
    def hashed_name(self, name, content=None, filename=None):
        folder, last = os.path.split(super().hashed_name(name, content, filename))
        return os.path.join(folder, '.' + last)
`,
  'a name that does not follow from the content': `${IMPORTS}
class Own(ManifestStaticFilesStorage):
    def file_hash(self, name, content=None):
        return 'v1'
`,
  'more files for each that was processed': `${IMPORTS}
class Own(ManifestStaticFilesStorage):
    def post_process(self, paths, dry_run=False, **options):
        for name, hashed, processed in super().post_process(paths, dry_run, **options):
            yield name, hashed, processed
        for name in sorted(paths):
            if self.exists(name + '.gz'):
                self.delete(name + '.gz')
            with self.open(name) as file:
                self._save(name + '.gz', ContentFile(b'packed ' + file.read()))
`,
  'a file beside each that is saved': `${IMPORTS}
import gzip
class Own(StaticFilesStorage):
    def _save(self, name, content):
        saved = super()._save(name, content)
        with open(self.path(saved), 'rb') as file:
            packed = gzip.compress(file.read(), mtime=0)
        with open(self.path(saved) + '.gz', 'wb') as file:
            file.write(packed)
        return saved
`,
  'copies that are not what the sources are': `${IMPORTS}
class Own(StaticFilesStorage):
    def _save(self, name, content):
        return super()._save(name, ContentFile(content.read().upper()))
`,
  'patterns of its own': `${IMPORTS}
class Own(ManifestStaticFilesStorage):
    patterns = (('*.css', (r"""(?P<matched>url\\(['"]{0,1}\\s*(?P<url>.*?)["']{0,1}\\))""",)),
                ('*.html', (('(?P<matched>src="(?P<url>[^"]+)")', 'src="%(url)s"'),)))
`,
  'a manifest in a folder of its own': `${IMPORTS}
from django.core.files.storage import FileSystemStorage
import os
class Own(ManifestStaticFilesStorage):
    def __init__(self, *args, **kwargs):
        folder = os.environ.get('ELSEWHERE', os.path.join(os.path.dirname(__file__), '..', 'var', 'static')) + '-names'
        super().__init__(*args, manifest_storage=FileSystemStorage(location=os.path.abspath(folder)), **kwargs)
    def file_hash(self, name, content=None):
        return 'a' + super().file_hash(name, content)[:3]
`,
};

interface Scene extends Project {
  readonly target: string;
  /** What the project's own collectstatic makes of it, in an empty folder. */
  readonly fresh: () => Promise<Tree>;
}

async function makeScene(
  storage: string,
  { settings = '', tree = {}, django = '5.2', backend = 'shop.storage.Own', source = {} }: SceneOptions = {},
): Promise<Scene> {
  const target = join(await temporaryFolder(), 'static');
  const project = await makeProject(
    {
      targets: { web: inFolder(target) },
      source: { django: {}, ...source },
      static: {},
      watch: QUICK,
      daemon: { http: false },
    },
    djangoTree({
      'shop/settings.py': settingsWith(FINDERS + storageOf(backend) + '\n' + settings),
      'shop/storage.py': storage,
      ...ASSETS,
      ...tree,
    }),
  );
  const { folder } = project;
  const fresh = async (): Promise<Tree> => {
    const into = join(await temporaryFolder(), 'static');
    const { status, stderr } = spawnSync('python3', ['manage.py', 'collectstatic', '--noinput'], {
      cwd: folder,
      env: { ...djangoEnv(django, { ELSEWHERE: into, PYTHONDONTWRITEBYTECODE: '1' }) },
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    return { ...(await readTree(into)), ...(await namesIn(`${into}-names`)) };
  };
  return { ...project, target, fresh, program: project.program.with({ PYTHONPATH: djangoPath(django) }) };
}

interface SceneOptions {
  readonly settings?: string;
  readonly tree?: Tree;
  readonly django?: DjangoVersion;
  readonly backend?: string;
  readonly source?: object;
}

/** What is collected. */
async function collected({ root }: Pick<Scene, 'root'>): Promise<Tree> {
  return { ...(await readTree(root)), ...(await namesIn(`${root}-names`)) };
}

async function namesIn(folder: string): Promise<Tree> {
  const found = Object.entries(await readTree(folder));
  return Object.fromEntries(found.map(([path, content]) => [`names/${path}`, content]));
}

/** Collects, and compares. */
async function expectFresh(scene: Scene): Promise<void> {
  expect(await scene.program.run('collect')).toMatchObject({ status: 0 });
  expect(await collected(scene)).toEqual(await scene.fresh());
}

/** As somebody does who restores a backup. */
async function writeOlder(place: string, content: string): Promise<void> {
  await writeFile(place, content);
  await utimes(place, 1_000_000_000, 1_000_000_000);
}

describe.each(Object.entries(STORAGES))('a storage with %s', (_, storage) => {
  it('is collected as its own collectstatic would do it, whatever changes', async () => {
    const scene = await makeScene(storage, { tree: { 'vendor/dist/more.js': 'more' } });
    const { assets, vendor } = scene;
    await expectFresh(scene);
    await writeFile(join(assets, 'img/logo.png'), 'LOGO'); // perhaps in the second of the first run, and of the same size
    await expectFresh(scene);
    await plant(assets, { 'page.html': '<img src="img/logo.png">', 'css/more.css': 'b {}', 'vendor/lib.js': '' });
    await writeOlder(join(assets, 'img/logo.png'), 'old!');
    await writeOlder(join(assets, 'vendor/lib.js'), 'override');
    await expectFresh(scene);
    await rm(join(vendor, 'lib.js'));
    await rm(join(assets, 'css/more.css'));
    await rm(join(assets, 'js'), { recursive: true });
    await expectFresh(scene);
  });
});

describe('a storage of its own', () => {
  it('is chosen by itself, and why is said once in a run', async () => {
    const { program } = await makeScene(OWN_HASH);
    const why =
      "storage django: its storage shop.storage.Own has a file_hash of its own, in shop.storage.Own, so Django's own collectstatic is run";
    expect(await program.run('sync')).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^storage django: .*\nweb: 9 files to change.*\n(?:web: .*\n)*$/),
    });
    expect((await program.run('config')).stdout).toContain(`# ${why}`);
  });

  it('is published by sync as it is collected', async () => {
    const { program, target, fresh } = await makeScene(OWN_HASH);
    expect(await program.run('sync')).toMatchObject({ status: 0 });
    await serves(target, await fresh());
  });

  it('changes nothing in a dry run', async () => {
    const scene = await makeScene(OWN_HASH);
    const { json } = await scene.program.run('collect', '--dry-run', '--json');
    expect(json()).toMatchObject({ collect: { copied: Object.keys(await scene.fresh()).length } });
    expect(await readTree(scene.root)).toEqual({});
  });

  it('writes nothing where nothing changed', async () => {
    const { program } = await makeScene(OWN_HASH);
    await program.run('collect');
    expect((await program.run('collect', '--json')).json()).toMatchObject({ collect: { copied: 0, removed: 0 } });
  });

  it('leaves what others put into STATIC_ROOT alone', async () => {
    const scene = await makeScene(OWN_HASH, { tree: { 'var/static/theirs.txt': 'theirs' } });
    await scene.program.run('collect');
    expect(await readTree(scene.root)).toEqual({ ...(await scene.fresh()), 'theirs.txt': 'theirs' });
  });

  it('leaves STATIC_ROOT as it is when collectstatic fails, and shows what that said', async () => {
    const scene = await makeScene(OWN_HASH);
    await scene.program.run('collect');
    const before = await readTree(scene.root);
    await plant(scene.assets, { 'css/app.css': 'a { background: url(nope.png) }', 'new.txt': 'new' });
    const { status, stderr } = await scene.program.run('collect');
    expect(status).toBe(1);
    expect(stderr).toContain("cannot run the project's own collectstatic: it failed, and STATIC_ROOT stays as it is\n");
    expect(stderr).toMatch(
      / {2}Post-processing 'css\/app\.css' failed!\n.*The file 'css\/nope\.png' could not be found/,
    );
    expect(await readTree(scene.root)).toEqual(before);
    await plant(scene.assets, { 'css/nope.png': 'there' });
    await expectFresh(scene);
  });

  it('shows where the code of the project fails', async () => {
    const scene = await makeScene(
      `${IMPORTS}\nclass Own(StaticFilesStorage):\n    def _save(self, name, content):\n        raise RuntimeError('no room for ' + name)\n`,
    );
    const { status, stderr } = await scene.program.run('collect');
    expect(status).toBe(1);
    expect(stderr).toMatch(/File "shop\/storage\.py", line \d+, in _save\n.*raise.*\n.*RuntimeError: no room for/);
  });

  it('is refused where its files cannot be put elsewhere', async () => {
    const { program, root } = await makeScene(
      `${IMPORTS}\nclass Own(StaticFilesStorage):\n    @property\n    def location(self):\n        return '/nonexistent'\n`,
    );
    const { status, stderr } = await program.run('collect');
    expect(status).toBe(2);
    expect(stderr).toContain('its storage shop.storage.Own cannot be made to keep its files in another folder');
    expect(stderr).toContain('write static.storage: none');
    expect(existsSync(root)).toBe(false);
  });

  it('may have a location of its own', async () => {
    const scene = await makeScene(
      `${IMPORTS}\nimport os\nclass Own(StaticFilesStorage):\n    def __init__(self):\n        super().__init__(os.path.join(os.path.dirname(__file__), '../out'))\n    def url(self, name):\n        return name\n`,
    );
    expect(await scene.program.run('collect')).toMatchObject({ status: 0 });
    expect(Object.keys(await readTree(join(scene.folder, 'out')))).toEqual([
      'css/app.css',
      'img/logo.png',
      'js/app.js',
      'vendor/lib.js',
    ]);
  });

  it('is guarded against sources that are lost', async () => {
    const { program, assets, root } = await makeScene(OWN_HASH);
    await program.run('collect');
    const before = await readTree(root);
    await rm(assets, { recursive: true });
    const { status, stderr } = await program.run('collect');
    expect(status).toBe(5);
    expect(stderr).toContain(`cannot collect from ${assets}: it had 3 files at the last run and has 0 now`);
    expect(await readTree(root)).toEqual(before);
    expect(await program.run('collect', '--force')).toMatchObject({ status: 0 });
  });

  it('is made anew where what was kept of the last run is not right', async () => {
    const scene = await makeScene(OWN_HASH);
    await scene.program.run('collect');
    const kept = join(await stateFolder(scene), 'collectstatic/files');
    await plant(kept, { 'css/app.css': 'meddled', 'more.txt': 'meddled', 'empty/': '' });
    await expectFresh(scene);
    await rm(kept, { recursive: true });
    await expectFresh(scene);
  });

  it('leaves nothing behind in the state folder but what the next run begins with', async () => {
    const scene = await makeScene(OWN_HASH);
    for (const words of [['collect'], ['collect', '--dry-run'], ['collect', '--check']])
      await scene.program.run(...words);
    await plant(scene.assets, { 'css/app.css': 'a { background: url(nope.png) }' });
    await scene.program.run('collect');
    const names = await readdir(await stateFolder(scene));
    expect(names.filter((name) => name.startsWith('collectstatic-'))).toEqual([]);
  });

  it('may be collected by several runs at the same time', async () => {
    const scene = await makeScene(OWN_HASH);
    const runs = await Promise.all([1, 2, 3].map(() => scene.program.run('collect')));
    expect(runs.filter(({ status }) => status !== 0)).toEqual([]);
    expect(await collected(scene)).toEqual(await scene.fresh());
  });

  it('is never seen without its manifest, nor with one that names what is not there', async () => {
    const scene = await makeScene(OWN_HASH);
    await scene.program.run('collect');
    const reader = spawn(process.execPath, ['-e', READER, scene.root], { stdio: ['pipe', 'pipe', 'inherit'] });
    let said = '';
    reader.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually('it reads', () => said.includes('reading'));
    for (let round = 0; round < 4; round++) {
      await plant(scene.assets, { 'img/logo.png': `logo ${round}`, [`img/${round}.png`]: `image ${round}` });
      expect(await scene.program.run('collect')).toMatchObject({ status: 0 });
    }
    reader.stdin.end();
    await once(reader, 'close');
    expect(said).toMatch(/^reading\n\d+ times, 5 manifests\n$/);
  });
});

/** Reads the manifest and looks for all that it names, again and again, until its stdin ends. */
const READER = `
const { existsSync, readFileSync } = require('node:fs');
const root = process.argv[1], seen = new Set();
let times = 0, isOver = false;
process.stdin.on('end', () => (isOver = true)).resume();
console.log('reading');
(function look() {
  let text = '';
  try { text = readFileSync(root + '/staticfiles.json', 'utf8'); } catch (error) { console.log('the manifest: ' + error.code); }
  // What only an old manifest named may go as soon as a new one is there.
  const missing = Object.values(JSON.parse(text || '{"paths":{}}').paths).filter((name) => !existsSync(root + '/' + name));
  if (missing.length > 0 && readFileSync(root + '/staticfiles.json', 'utf8') === text) console.log('missing: ' + missing);
  seen.add(text);
  times++;
  if (!isOver) return setImmediate(look);
  console.log(times + ' times, ' + seen.size + ' manifests');
})();
`;

describe('a project that only its own command knows all of', () => {
  const FINDER = `from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
class Finder(BaseFinder):
    def list(self, ignore_patterns):
        storage = FileSystemStorage(location='hidden')
        for name in sorted(storage.listdir('')[1]):
            yield name, storage
    def find(self, path, **options):
        return []
`;
  const OPTIONS = {
    backend: 'django.contrib.staticfiles.storage.StaticFilesStorage',
    settings: "STATICFILES_FINDERS += ['shop.finder.Finder']",
    tree: { 'shop/finder.py': FINDER, 'hidden/a.txt': 'a' },
  };

  it('is collected with the finder of its own', async () => {
    const scene = await makeScene('', OPTIONS);
    await expectFresh(scene);
    await writeOlder(join(scene.folder, 'hidden/a.txt'), 'A');
    await expectFresh(scene);
    await rm(join(scene.folder, 'hidden/a.txt'));
    await expectFresh(scene);
  });

  it('is followed by sweeps, for no event tells of files in folders that nobody knows', async () => {
    const { folder, root } = await makeScene('', OPTIONS);
    const env = djangoEnv('5.2');
    const state = new StateFolder(await temporaryFolder());
    const ask: AskProject = (source) => askProject(source, { env, state, from: 'project' });
    const half = new LocalHalf(await loadConfig({ cwd: folder, env, ask }), state, {
      version: '1',
      thread: THREAD,
      env,
    });
    onTestFinished(() => half.end());
    await half.begin();
    expect(await half.sweep()).toEqual([]);
    await plant(folder, { 'hidden/b.txt': 'b' });
    const touched = await half.sweep();
    expect(new Set(touched)).toEqual(new Set([join(root, 'b.txt')]));
    await half.collect(touched);
    expect(await readFile(join(root, 'b.txt'), 'utf8')).toBe('b');
    expect(await half.sweep()).toEqual([]);
  });

  it('is collected with the command of its own', async () => {
    const scene = await makeScene('', {
      backend: 'django.contrib.staticfiles.storage.StaticFilesStorage',
      settings: "INSTALLED_APPS.insert(0, 'blog')",
      tree: {
        'shop/settings.py': settingsWith(`${FINDERS}INSTALLED_APPS = ['blog', 'django.contrib.staticfiles']`),
        'blog/management/__init__.py': '',
        'blog/management/commands/__init__.py': '',
        'blog/management/commands/collectstatic.py': `from django.contrib.staticfiles.management.commands import collectstatic
from django.core.files.base import ContentFile
class Command(collectstatic.Command):
    def handle(self, **options):
        found = super().handle(**options)
        self.storage.save('built.txt', ContentFile(b'built'))
        return found
`,
      },
    });
    await expectFresh(scene);
    expect(await readFile(join(scene.root, 'built.txt'), 'utf8')).toBe('built');
  });
});

describe('a daemon of a project with a storage of its own', () => {
  it('tries again what did not fit on the disk, though nothing is touched', { timeout: 300_000 }, async ({ skip }) => {
    const scene = await makeScene(OWN_HASH);
    const disk = dirname(scene.root);
    await mkdir(disk, { recursive: true });
    if (!mountSmallDisk(disk)) skip('a small file system to fill can only be mounted by root');
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    fillUp(disk);
    await plant(scene.assets, { 'css/new.css': 'new'.repeat(5000) });
    await daemon.until(({ local }) => local.problems.length > 0, 60_000);
    await daemon.until(({ local }) => local.state === 'ready' && local.unsettled === 0, 60_000);
    await rm(join(disk, 'filler'));
    await daemon.until(({ local: { problems } }) => problems.length === 0, 120_000);
    await serves(scene.target, await readTree(scene.root));
    expect(await readTree(scene.root)).toHaveProperty(['css/new.css']);
    expect((await daemon.stop()).status).toBe(0);
  });

  it('follows a change, and runs collectstatic once for it', async () => {
    const scene = await makeScene(`${OWN_HASH}open('runs.log', 'a').write('x')\n`);
    await scene.configure({ watch: { ...QUICK, settle: '300ms', sweep: '600s' } }); // for one batch, also on a busy machine
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await serves(scene.target, await scene.fresh());
    const runs = async (): Promise<number> => (await readFile(join(scene.folder, 'runs.log'), 'utf8')).length;
    const before = await runs();
    await writeFile(join(scene.assets, 'css/.app.css.swp'), 'what an editor keeps');
    await writeFile(join(scene.assets, 'css/app.css'), 'a { color: red }');
    await eventually('it is served', async () =>
      (await readFile(join(scene.target, 'css/app.css'), 'utf8')).includes('red'),
    );
    await rm(join(scene.assets, 'css/.app.css.swp'));
    await daemon.inSync();
    expect((await runs()) - before).toBe(1);
    expect(daemon.output.stderr).toContain('storage django: its storage shop.storage.Own has a file_hash of its own');
  });

  it('is halted while collectstatic fails, and goes on when it does not', async () => {
    const scene = await makeScene(OWN_HASH);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    const served = await readTree(scene.root);
    await plant(scene.assets, { 'css/app.css': 'a { background: url(nope.png) }' });
    const { local } = await daemon.until((status) => status.local.state === 'halted');
    expect(local.error?.message).toContain("The file 'css/nope.png' could not be found");
    expect(await readTree(scene.root)).toEqual(served);
    await plant(scene.assets, { 'css/app.css': 'a {}' });
    await daemon.inSync();
    await serves(scene.target, await scene.fresh());
  });

  it('takes up what new code of the storage makes', async () => {
    const scene = await makeScene(OWN_HASH);
    const daemon = await startDaemon(scene);
    const before = lastCycle(await daemon.inSync());
    await plant(scene.folder, { 'shop/storage.py': OWN_HASH.replace("'own'", "'mine'") });
    await daemon.until((status) => lastCycle(status).id > before.id);
    await serves(scene.target, await scene.fresh());
  });

  it('runs nothing while it is paused, and then what the code has become', async () => {
    const scene = await makeScene(OWN_HASH);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    const before = await collected(scene);
    await daemon.client.pause();
    await appendFile(
      join(scene.folder, 'shop/storage.py'),
      "\nclass Own(Own):\n    def file_hash(self, name, content=None):\n        return 'later'\n",
    );
    expect(await scene.program.run('reload')).toMatchObject({ status: 0 });
    expect((await daemon.client.status()).local.state).toBe('ready');
    expect(await collected(scene)).toEqual(before);
    await daemon.client.resume();
    await serves(scene.target, await scene.fresh());
  });

  it('ends at once, also while collectstatic runs', async () => {
    const scene = await makeScene(OWN_HASH);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await appendFile(
      join(scene.folder, 'shop/storage.py'),
      "\nimport sys, time\nif 'shop.storage' in sys.modules and not '--dry-run' in sys.argv:\n    open('waiting', 'w').close()\n    time.sleep(600)\n",
    );
    await eventually('it runs', () => existsSync(join(scene.folder, 'waiting')));
    const since = performance.now();
    expect(await daemon.stop()).toMatchObject({ status: 0 });
    expect(performance.now() - since).toBeLessThan(10_000); // far from the minutes that it would take
  });
});

describe('a collectstatic that does not end', () => {
  it('is given up, with all that it started', async () => {
    const { folder } = await makeScene(`${IMPORTS}\nimport time\ntime.sleep(600)\n`);
    const made = { files: await temporaryFolder(), manifest: await temporaryFolder() };
    const project = {
      manage: join(folder, 'manage.py'),
      settings: undefined,
      python: 'python3',
      env: djangoEnv('5.2'),
    };
    await expect(runCollectstatic(project, made, { limitMs: 500 })).rejects.toThrow(
      "cannot run the project's own collectstatic: it did not end within 0.5 s; see what it waits for",
    );
  });
});

describe('collect --check', () => {
  const DJANGOS = 'django.contrib.staticfiles.storage.';

  it.each<[kind: string, options: SceneOptions]>([
    ['files as they are', { backend: `${DJANGOS}StaticFilesStorage` }],
    ['hashed names', { backend: `${DJANGOS}ManifestStaticFilesStorage` }],
    ['a manifest in the order of the disk', { backend: `${DJANGOS}ManifestStaticFilesStorage`, django: '4.2' }],
    ['a storage of its own', {}],
  ])('finds no difference after collecting %s', async (_, options) => {
    const { program, root } = await makeScene(OWN_HASH, options);
    await program.run('collect');
    await plant(root, { 'theirs.txt': 'theirs' });
    const before = await readTree(root);
    const { status, stdout } = await program.run('collect', '--check');
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^STATIC_ROOT holds what collectstatic makes: \d+ files\n$/),
    });
    expect(await readTree(root)).toEqual(before);
  });

  it('looks at a manifest in a folder of its own as well', async () => {
    const { program, root } = await makeScene(STORAGES['a manifest in a folder of its own'] ?? '');
    await program.run('collect');
    expect(await program.run('collect', '--check')).toMatchObject({ status: 0 });
    const manifest = `${root}-names/staticfiles.json`;
    await writeFile(manifest, '{}');
    const { status, json } = await program.run('collect', '--check', '--json');
    expect(status).toBe(3);
    expect(json()).toMatchObject({ differences: [{ path: manifest, kind: 'different' }] });
  });

  it('says what is missing, what is different, and what is there too much', async () => {
    const { program, root, assets } = await makeScene('', { backend: `${DJANGOS}StaticFilesStorage` });
    await program.run('collect');
    await plant(assets, { 'new.txt': 'new' });
    await rm(join(assets, 'img/logo.png'));
    await writeFile(join(root, 'js/app.js'), 'meddled');
    const differences = [
      { path: 'img/logo.png', kind: 'extra' },
      { path: 'js/app.js', kind: 'different' },
      { path: 'new.txt', kind: 'missing' },
    ];
    const { status, json } = await program.run('collect', '--check', '--json');
    expect(status).toBe(3);
    expect(json()).toEqual({ ok: false, files: 4, differences });
    expect(await program.run('collect', '--check', '-q')).toMatchObject({
      status: 3,
      stdout: '',
      stderr: 'problem: 3 differences from the 4 files that collectstatic makes\n',
    });
    expect((await program.run('collect', '--check')).stdout).toBe(
      '  extra: img/logo.png\n  different: js/app.js\n  missing: new.txt\n3 differences from the 4 files that collectstatic makes\n',
    );
  });

  it('lists twenty differences, and counts the others', async () => {
    const tree = Object.fromEntries(Array.from({ length: 25 }, (_, at) => [`assets/many/${at}.txt`, `${at}`]));
    const { program } = await makeScene('', { backend: `${DJANGOS}StaticFilesStorage`, tree });
    const { stdout } = await program.run('collect', '--check');
    expect(stdout.split('\n').slice(19, 22)).toEqual([
      expect.stringContaining('missing: many/'),
      '  and 9 more (--json lists them all)',
      '29 differences from the 29 files that collectstatic makes',
    ]);
  });

  it('needs a project to run it in', async () => {
    const { program, configure } = await makeScene('');
    await configure({ source: { dirs: ['assets'] }, static: { root: 'var/static' } });
    const { status, stderr } = await program.run('collect', '--check');
    expect(status).toBe(2);
    expect(stderr).toContain('source.django is missing');
  });
});

describe('static.storage: django', () => {
  it('needs a project to run it in', async () => {
    const { program, configure } = await makeScene('');
    await configure({ source: { dirs: ['assets'] }, static: { root: 'var/static', storage: 'django' } });
    const { status, stderr } = await program.run('collect');
    expect(status).toBe(2);
    expect(stderr).toContain("it runs the project's own collectstatic, and needs source.django to know how");
  });

  it('leaves out what the file says is to be ignored, and finds no difference then', async () => {
    const { program, root, configure } = await makeScene(OWN_HASH);
    await configure({ source: { django: {}, ignore: ['*.png', 'js', '*.css'] } });
    expect(await program.run('collect')).toMatchObject({ status: 0 });
    const made = Object.keys(await readTree(root)).filter((path) => path !== 'staticfiles.json');
    expect(made.toSorted()).toEqual(['vendor/lib.js', expect.stringMatching(/^vendor\/lib\.own\w{5}\.js$/)]);
    expect(await program.run('collect', '--check')).toMatchObject({ status: 0 });
  });

  it('puts nothing into a source, by a link in STATIC_ROOT', async () => {
    const { program, root, assets } = await makeScene(OWN_HASH);
    await plant(root, { theirs: symlink(assets) });
    const before = await readTree(assets);
    const { status, stderr } = await program.run('collect');
    expect({ status, stderr }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('its link theirs leads to'),
    });
    expect(await readTree(assets)).toEqual(before);
  });

  it('may be asked for where it need not be', async () => {
    const scene = await makeScene('', { backend: 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage' });
    await scene.configure({ static: { storage: 'django' } });
    expect(await scene.program.run('collect')).toMatchObject({ status: 0, stderr: '' });
    expect(await collected(scene)).toEqual(await scene.fresh());
  });
});
