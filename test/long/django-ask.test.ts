/** A real Django project is asked by its own Python: what comes of it, and what does not stop it or does. */
import { existsSync } from 'node:fs';
import { chmod, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Asked, DjangoSource } from '../../src/config/schema.js';
import { askProject } from '../../src/django/ask.js';
import { ConfigError, SourceError } from '../../src/errors.js';
import { StateFolder } from '../../src/fs/state.js';
import { eventually } from '../support/daemon.js';
import { DJANGO_VERSIONS, type DjangoVersion } from '../support/django.js';
import { djangoEnv, djangoProject, MANAGE, settingsWith, storageOf } from '../support/django-project.js';
import { plant, readTree, symlink, type Tree, temporaryFolder } from '../support/tree.js';

interface Asking extends Partial<DjangoSource> {
  readonly django?: DjangoVersion;
  readonly env?: Readonly<Record<string, string>>;
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
}

async function ask(
  folder: string,
  { django = '5.2', env = {}, limitMs, signal, ...source }: Asking = {},
): Promise<Asked> {
  const options = {
    env: djangoEnv(django, env),
    state: new StateFolder(await temporaryFolder()),
    from: 'project',
    ...(limitMs !== undefined && { limitMs }),
    ...(signal !== undefined && { signal }),
  } as const;
  return askProject({ manage: join(folder, 'manage.py'), ...source }, options);
}

/** The answer of a project with these settings added to the usual ones. */
async function askWith(settings: string, tree: Tree = {}, asking: Asking = {}): Promise<Asked> {
  return ask(await djangoProject({ 'shop/settings.py': settingsWith(settings), ...tree }), asking);
}

/** Why it is refused, without the folder's name. */
async function refusal(
  folder: string,
  asking: Asking = {},
): Promise<{ readonly error: Error; readonly lines: string[] }> {
  const error = await ask(folder, asking).then(
    () => expect.unreachable(),
    (thrown: Error) => thrown,
  );
  return { error, lines: error.message.replaceAll(folder, 'HERE').split('\n') };
}

async function refusalWith(settings: string, asking: Asking = {}): Promise<{ error: Error; lines: string[] }> {
  return refusal(await djangoProject({ 'shop/settings.py': settings }), asking);
}

async function plantProgram(folder: string, name: string, line: string): Promise<void> {
  await plant(folder, { [name]: `#!/bin/sh\n${line}\n` });
  await chmod(join(folder, name), 0o755);
}

describe('a project', () => {
  test.each(['4.2', '5.2'] as const)(
    'of Django %s says what is collected, from where, and to where',
    async (django) => {
      const folder = await djangoProject();
      const asked = await ask(folder, { django });
      expect(asked).toEqual({
        django: expect.stringMatching(new RegExp(`^${django}\\.\\d+$`)),
        python: expect.stringMatching(/^3\.\d+\.\d+/),
        interpreter: 'python3',
        settings: 'shop.settings',
        dirs: [
          { path: join(folder, 'assets'), prefix: '', isOptional: true },
          { path: join(folder, 'vendor/dist'), prefix: 'vendor', isOptional: true },
          { path: expect.stringMatching(/django\/contrib\/staticfiles\/static$/), prefix: '', isOptional: true },
          { path: join(folder, 'blog/static'), prefix: '', isOptional: true },
        ],
        knowsSources: true,
        savesCopies: true,
        ignore: ['CVS', '.*', '*~'],
        root: join(folder, 'var/static'),
        url: '/static/',
        storage: 'plain',
        why: 'its storage is django.contrib.staticfiles.storage.StaticFilesStorage',
        rules: django,
        permissions: { file: 0o644, dir: null },
        manifest: { name: 'staticfiles.json', jsModules: false, keepIntermediateFiles: false, maxPasses: 5 },
        faults: { storage: [], sources: [], djangoOnly: [] },
        warnings: [],
        files: expect.arrayContaining([expect.stringMatching(/django\/__init__\.py$/)]),
        looked: expect.arrayContaining([join(folder, 'assets')]),
        listed: [],
      });
      // An app may get an apps.py, and a command.
      expect(asked.files.filter((file) => file.startsWith(folder))).toEqual(
        [
          'blog/__init__.py',
          'blog/apps',
          'blog/apps.py',
          'blog/management/commands/collectstatic.py',
          'manage.py',
          'shop/__init__.py',
          'shop/settings.py',
        ].map((name) => join(folder, name)),
      );
    },
  );

  test('is left as it was: nothing is written to it, not even bytecode', async () => {
    const folder = await djangoProject();
    const before = await readTree(folder);
    await ask(folder);
    expect(await readTree(folder)).toEqual(before);
  });

  test('has the finders of its settings, in their order', async () => {
    const folder = await djangoProject({
      'shop/settings.py': settingsWith(`MEDIA_ROOT = BASE_DIR / 'media'
MEDIA_URL = '/media/'
STATICFILES_FINDERS = [
    'django.contrib.staticfiles.finders.DefaultStorageFinder',
    'django.contrib.staticfiles.finders.FileSystemFinder',
]
STATICFILES_DIRS = [('a', BASE_DIR / 'x'), ('b', BASE_DIR / 'x')]`),
    });
    // One folder with two prefixes: Django takes the last one for both.
    expect((await ask(folder)).dirs).toEqual([
      { path: join(folder, 'media'), prefix: '' },
      { path: join(folder, 'x'), prefix: 'b', isOptional: true },
    ]);
  });

  test('is left to Django where a finder reads what is no folder, whatever that has for a location', async () => {
    const asked = await askWith(`MEDIA_ROOT = BASE_DIR
MEDIA_URL = '/media/'
STORAGES = {
    'default': {'BACKEND': 'django.core.files.storage.InMemoryStorage'},
    'staticfiles': {'BACKEND': 'django.contrib.staticfiles.storage.StaticFilesStorage'},
}
STATICFILES_FINDERS = ['django.contrib.staticfiles.finders.DefaultStorageFinder']`);
    const reason = expect.stringContaining(
      'finder django.contrib.staticfiles.finders.DefaultStorageFinder reads ' +
        'django.core.files.storage.memory.InMemoryStorage, which keeps no folder on this machine',
    ) as string;
    expect(asked).toMatchObject({
      storage: 'django',
      why: reason,
      dirs: [],
      faults: { sources: [], djangoOnly: [reason] },
    });
  });

  test('has no source where the storage of its own finder has an empty name for a location', async () => {
    const finders = `from django.contrib.staticfiles.finders import BaseFinder
class Storage:
    location = ''
class Far(BaseFinder):
    storage = Storage()
    def check(self, **options):
        return []
    def list(self, ignore_patterns):
        return iter([])
`;
    const asked = await askWith("STATICFILES_FINDERS = ['shop.finders.Far']", { 'shop/finders.py': finders });
    expect(asked).toMatchObject({ storage: 'django', dirs: [] });
  });

  test('is asked where a finder of its own has a storage that cannot be made yet', async () => {
    const settings = "STATICFILES_FINDERS = ['shop.finders.Made']";
    const finders = `from django.contrib.staticfiles.finders import BaseFinder
from django.utils.functional import SimpleLazyObject
class Made(BaseFinder):
    storage = SimpleLazyObject(lambda: 1 / 0)
    def check(self, **options):
        return []
    def list(self, ignore_patterns):
        return iter([])
`;
    const asked = await askWith(settings, { 'shop/finders.py': finders });
    expect(asked).toMatchObject({ storage: 'django', dirs: [], faults: { sources: [], djangoOnly: [] } });
  });

  test('does not take an empty name for the folder that it runs in', async () => {
    const asked = await askWith("STATICFILES_DIRS = ['', ('vendor', ''), BASE_DIR / 'assets']");
    expect(asked.dirs.map(({ path }) => path).filter((path) => !/(?:django|blog)\/.*static$/.test(path))).toEqual([
      expect.stringMatching(/\/assets$/),
    ]);
  });

  test('is asked whatever its settings put into the path of modules', async () => {
    const settings = `import sys
sys.path.insert(0, BASE_DIR / 'apps')
sys.path.append(b'bytes')
sys.path.append('lib')
try:
    from local_settings import *
except ImportError:
    pass
`;
    const asked = await askWith(settings, { 'lib/thing-1.0.dist-info/RECORD': '' });
    expect(asked.storage).toBe('plain');
  });

  test('is asked where a finder of its own means something else by what others have', async () => {
    const settings = `STATICFILES_FINDERS = [
    'django.contrib.staticfiles.finders.FileSystemFinder',
    'shop.finders.Names',
    'shop.finders.Vendor',
]`;
    const finders = `from django.contrib.staticfiles.finders import BaseFinder, FileSystemFinder
class Names(BaseFinder):
    def __init__(self):
        self.locations = ['dash/dcc', 'ab']
    def check(self, **options):
        return []
    def list(self, ignore_patterns):
        return iter([])
class Vendor(FileSystemFinder):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        for each, prefix in zip(self.storages.values(), ['vendor/', '../odd']):
            each.prefix = prefix
`;
    const asked = await askWith(settings, { 'shop/finders.py': finders });
    expect(asked).toMatchObject({
      storage: 'django',
      why: expect.stringContaining('the finder shop.finders.Names is not one of'),
      faults: { sources: [] },
    });
    const names = asked.dirs.map(({ path, prefix }) => [path.replace(/.*\//, ''), prefix]);
    expect(names).toEqual([
      ['assets', ''],
      ['dist', 'vendor'],
      ['assets', 'vendor'],
    ]);
  });

  test('whose command was replaced by a class of its own is collected by that', async () => {
    const apps = `from django.apps import AppConfig
class BlogConfig(AppConfig):
    name = 'blog'
    def ready(self):
        from django.contrib.staticfiles.management.commands import collectstatic
        class Command(collectstatic.Command):
            pass
        collectstatic.Command = Command
`;
    expect(await askWith('', { 'blog/apps.py': apps })).toMatchObject({
      storage: 'django',
      why: expect.stringContaining('django.contrib.staticfiles.management.commands.collectstatic.Command is not'),
    });
  });

  test('with modes that have bits of a kind of file is taken as the system takes it', async () => {
    const asked = await askWith('FILE_UPLOAD_PERMISSIONS = 0o100640');
    expect(asked.permissions).toEqual({ file: 0o640, dir: null });
  });

  test('has ignore patterns, URL and modes of its own', async () => {
    const asked = await askWith(
      `INSTALLED_APPS = ['shop.apps.Static', 'blog']
STATIC_URL = 'https://cdn.example.com/s'
FILE_UPLOAD_PERMISSIONS = None
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o2755`,
      {
        'shop/apps.py':
          "from django.contrib.staticfiles.apps import StaticFilesConfig\nclass Static(StaticFilesConfig):\n    ignore_patterns = ['*.scss']\n",
      },
    );
    expect(asked).toMatchObject({
      ignore: ['*.scss'],
      url: 'https://cdn.example.com/s',
      permissions: { file: null, dir: 0o2755 },
    });
  });

  test('may have a manifest storage with options', async () => {
    const manifest = 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage';
    const options = `{'location': BASE_DIR / 'other', 'file_permissions_mode': 0o600, 'manifest_storage': KEPT}`;
    const folder = await djangoProject({
      'shop/settings.py': settingsWith(
        `from django.core.files.storage import FileSystemStorage
KEPT = FileSystemStorage(location=BASE_DIR, file_permissions_mode=0o600)
${storageOf(manifest, options)}`,
      ),
    });
    expect(await ask(folder)).toMatchObject({
      storage: 'manifest',
      root: join(folder, 'other'),
      permissions: { file: 0o600, dir: null },
      manifest: { name: 'staticfiles.json', root: folder },
    });
  });

  test.each(DJANGO_VERSIONS)(
    'of Django %s may have the manifest storage, or one that only sets its values',
    async (django) => {
      const storage = `from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
class Own(ManifestStaticFilesStorage):
    manifest_name = 'names.json'
    support_js_module_import_aggregation = True
    keep_intermediate_files = True
    max_post_process_passes = 9
`;
      const manifest = 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage';
      expect(await askWith(storageOf(manifest), {}, { django })).toMatchObject({ storage: 'manifest', rules: django });
      expect(await askWith(storageOf('shop.storage.Own'), { 'shop/storage.py': storage }, { django })).toMatchObject({
        storage: 'manifest',
        manifest: { name: 'names.json', jsModules: true, keepIntermediateFiles: true, maxPasses: 9 },
      });
    },
  );

  test('of Django 4.2 may name its storage in the old way', async () => {
    const asked = await askWith(
      "STATICFILES_STORAGE = 'django.contrib.staticfiles.storage.ManifestStaticFilesStorage'",
      {},
      { django: '4.2' },
    );
    expect(asked).toMatchObject({ storage: 'manifest' });
  });

  test('needs no STATIC_ROOT and no sound manifest to say what its storage is', async () => {
    const manifest = storageOf('django.contrib.staticfiles.storage.ManifestStaticFilesStorage');
    expect(await askWith(`STATIC_ROOT = None\n${manifest}`)).toMatchObject({ storage: 'manifest', root: undefined });
    expect(await askWith(manifest, { 'var/static/staticfiles.json': 'not JSON' })).toMatchObject({
      storage: 'manifest',
    });
  });

  test.each<[string, string, Tree, string]>([
    [
      'a storage with a method of its own',
      storageOf('shop.storage.Own'),
      {
        'shop/storage.py':
          'from django.contrib.staticfiles.storage import ManifestStaticFilesStorage\nclass Own(ManifestStaticFilesStorage):\n    def file_hash(self, name, content=None):\n        return "x"\n',
      },
      'its storage shop.storage.Own has a file_hash of its own, in shop.storage.Own',
    ],
    [
      'a method put into Django from outside',
      'from django.contrib.staticfiles import storage\ndef url(self, name):\n    return name\n',
      {
        'blog/models.py':
          'from django.contrib.staticfiles.storage import StaticFilesStorage\nStaticFilesStorage.url = lambda self, name: name\n',
      },
      'its storage django.contrib.staticfiles.storage.StaticFilesStorage has a url of its own, in django.contrib.staticfiles.storage.StaticFilesStorage',
    ],
    [
      'a method put into Django that passes for its own',
      '',
      {
        'blog/models.py': `import functools
from django.contrib.staticfiles.storage import StaticFilesStorage
own = StaticFilesStorage.url
@functools.wraps(own)
def url(self, *a, **k):
    return own(self, *a, **k)
StaticFilesStorage.url = url
`,
      },
      'its storage django.contrib.staticfiles.storage.StaticFilesStorage has a url of its own, in django.contrib.staticfiles.storage.StaticFilesStorage',
    ],
    [
      "another list put into one of Django's finders",
      '',
      {
        'blog/models.py':
          'from django.contrib.staticfiles.finders import AppDirectoriesFinder\nAppDirectoriesFinder.list = lambda self, ignore: []\n',
      },
      "django.contrib.staticfiles.finders.AppDirectoriesFinder.list is not Django's own",
    ],
    [
      'another walk',
      '',
      {
        'blog/models.py':
          'from django.contrib.staticfiles import utils\nutils.get_files = lambda storage, ignore=None, location="": []\n',
      },
      "django.contrib.staticfiles.utils.get_files is not Django's own",
    ],
    [
      'a finder of its own',
      "STATICFILES_FINDERS = ['shop.finders.Own']",
      {
        'shop/finders.py':
          'from django.contrib.staticfiles.finders import FileSystemFinder\nclass Own(FileSystemFinder):\n    pass\n',
      },
      "the finder shop.finders.Own is not one of Django's",
    ],
    [
      'a command of its own',
      "INSTALLED_APPS = ['blog', 'django.contrib.staticfiles']",
      {
        'blog/management/__init__.py': '',
        'blog/management/commands/__init__.py': '',
        'blog/management/commands/collectstatic.py': '',
      },
      'the command collectstatic is that of blog',
    ],
  ])('with %s is left to Django', async (_, settings, tree, doubt) => {
    const asked = await askWith(settings, tree);
    expect(asked).toMatchObject({ storage: 'django', why: `${doubt}, so Django's own collectstatic is run` });
  });

  test.each([
    [
      'STATIC_URL is that of MEDIA_URL',
      'MEDIA_URL = STATIC_URL',
      'storage',
      /^Django cannot make the storage of the project: \S*ImproperlyConfigured: The MEDIA_URL/,
    ],
    ['a folder is STATIC_ROOT', 'STATICFILES_DIRS = [STATIC_ROOT]', 'sources', /staticfiles\.E002/],
  ] as const)('says what Django has against it: %s', async (_, settings, part, text) => {
    expect((await askWith(settings)).faults[part]).toEqual([expect.stringMatching(text)]);
  });
});

describe('what a project does on the way', () => {
  test.each([
    ['prints to stdout and stderr', "import sys\nprint('{\"django\": 1}')\nprint('x', file=sys.stderr)"],
    [
      'prints megabytes',
      "import sys\nfor _ in range(4):\n    print('x' * 1_000_000)\n    print('y' * 1_000_000, file=sys.stderr)",
    ],
    [
      'leaves threads behind',
      'import threading\nimport time\nthreading.Thread(target=lambda: time.sleep(600)).start()',
    ],
    ['asks for input, and gets none', 'try:\n    input()\nexcept EOFError:\n    pass'],
    ['has much to tell', "STATICFILES_DIRS = [BASE_DIR / str(n) / ('x' * 200) for n in range(4000)]"],
    ['starts a program', "import subprocess\nsubprocess.run(['true'], check=True)"],
  ])('does not confuse anybody: it %s', async (_, settings) => {
    await expect(askWith(settings)).resolves.toMatchObject({ settings: 'shop.settings' });
  });

  test('is over with the answer: what it started is ended', async () => {
    const folder = await djangoProject({
      'shop/settings.py': settingsWith(
        "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n(BASE_DIR / 'pid').write_text(str(child.pid))",
      ),
    });
    await ask(folder);
    const pid = await readFile(join(folder, 'pid'), 'utf8');
    await eventually('it is gone', async () => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tX');
      return /State:\t[XZ]/.test(status);
    });
  });

  test.each([
    ['sets the settings itself', MANAGE.replace('environ.setdefault(', 'environ.__setitem__(')],
    [
      'calls the command by itself',
      MANAGE.replace(
        'execute_from_command_line(sys.argv)',
        'from django.core.management import ManagementUtility\n    ManagementUtility(sys.argv).execute()',
      ),
    ],
    ['never gets to Django', "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"],
    ['brings its libraries along', `import sys\nsys.path.insert(0, 'lib')\n${MANAGE}`],
    [
      'reads a file of variables',
      `import os\nfor line in open('.env'):\n    os.environ.setdefault(*line.strip().split('='))\n${MANAGE}`,
    ],
  ])('is what manage.py does: it %s', async (_, manage) => {
    const folder = await djangoProject({ 'manage.py': manage, '.env': 'A=1\n', 'lib/extra.py': '' });
    await expect(ask(folder)).resolves.toMatchObject({ settings: 'shop.settings' });
  });

  test('goes by the settings that are named, whatever manage.py says', async () => {
    const folder = await djangoProject({ 'shop/live.py': settingsWith("STATIC_URL = '/live/'") });
    expect(await ask(folder, { settings: 'shop.live' })).toMatchObject({ settings: 'shop.live', url: '/live/' });
    await plant(folder, { 'manage.py': MANAGE.replace('environ.setdefault(', 'environ.__setitem__(') });
    expect(await ask(folder, { settings: 'shop.live' })).toMatchObject({ settings: 'shop.live', url: '/live/' });
  });

  test('is told that collectstatic is what it is about, as some settings want to know', async () => {
    const asked = await askWith("import sys\nif sys.argv[1:2] == ['collectstatic']:\n    STATIC_URL = '/told/'");
    expect(asked.url).toBe('/told/');
  });

  test('finds the Python of a virtual environment beside manage.py by itself', async () => {
    const folder = await djangoProject();
    await plant(folder, {
      'shop/settings.py': settingsWith("import os\nSTATIC_URL = os.environ.get('FOUND', '0') + '/'"),
    });
    expect(await ask(folder)).toMatchObject({ url: '/0/' });
    for (const name of ['venv', '.venv']) {
      await plantProgram(folder, `${name}/bin/python`, 'FOUND=1 exec python3 "$@"');
      expect(await ask(folder)).toMatchObject({ url: '/1/' });
      await rm(join(folder, name), { recursive: true });
    }
  });
});

describe('what cannot be asked is refused by a sentence that says what to do:', () => {
  test('a Python that is not there, or cannot be run', async () => {
    const folder = await djangoProject({ 'not-executable': '', nowhere: symlink('gone') });
    for (const python of ['no-such-python', join(folder, 'not-executable'), join(folder, 'nowhere'), folder]) {
      const { error, lines } = await refusal(folder, { python });
      expect(error).toBeInstanceOf(ConfigError);
      expect(lines[0]).toMatch(
        /^cannot ask the Django project: \S+ cannot be run \(.*\); name the Python .* by source\.django\.python$/,
      );
    }
  });

  test('a manage.py that is not there', async () => {
    const folder = await temporaryFolder();
    const { error, lines } = await refusal(folder);
    expect(error).toBeInstanceOf(ConfigError);
    expect(lines).toEqual([
      'cannot ask the Django project: there is no file HERE/manage.py; name it with source.django.manage',
    ]);
  });

  test('settings that fail, with the lines that fail', async () => {
    const { error, lines } = await refusalWith(
      'import os\n\ndef secret():\n    return os.environ["SHOP_SECRET"]\n\nKEY = secret()\n',
    );
    expect(error).toBeInstanceOf(ConfigError);
    expect(lines).toEqual([
      'cannot ask the Django project: its settings shop.settings cannot be loaded; correct them, or name others with source.django.settings',
      '  File "shop/settings.py", line 6, in <module>',
      '    KEY = secret()',
      '  File "shop/settings.py", line 4, in secret',
      '    return os.environ["SHOP_SECRET"]',
      "  KeyError: 'SHOP_SECRET'",
    ]);
  });

  test.each([
    [
      'do not import',
      'import environ_that_nobody_has\n',
      "  ModuleNotFoundError: No module named 'environ_that_nobody_has'",
    ],
    ['are no Python', 'A = (\n', "  SyntaxError: '(' was never closed"],
    ['end the process', "import sys\nsys.exit('no SECRET_KEY')\n", '  SystemExit: no SECRET_KEY'],
    [
      'need a database',
      "import sqlite3\nsqlite3.connect(':memory:').execute('select * from flags')\n",
      '  sqlite3.OperationalError: no such table: flags',
    ],
    [
      'fail for a reason of their own',
      "try:\n    import nothing_like_it\nexcept ImportError as error:\n    raise RuntimeError('no') from error\n",
      "  from ModuleNotFoundError: No module named 'nothing_like_it'",
    ],
    ['say too much', "raise ValueError('x' * 100_000)\n", `  ValueError: ${'x'.repeat(288)}`],
  ])('settings that %s', async (_, settings, last) => {
    const { error, lines } = await refusalWith(settings);
    expect(error).toBeInstanceOf(ConfigError);
    expect(lines.at(-1)).toBe(last);
    expect(lines.length).toBeLessThanOrEqual(9);
  });

  test.each([
    ['a settings module that is not there', { settings: 'shop.nope' }, /its settings shop\.nope cannot be loaded/],
    ['a manage.py that fails', { manage: "raise RuntimeError('no')\n" }, /manage\.py fails; correct it/],
    [
      'a manage.py that names no settings',
      { manage: MANAGE.replace(/.*setdefault.*\n/, '') },
      /names no settings; name them with/,
    ],
    ['an app that fails', { app: 'import nothing_like_it\n' }, /its apps cannot be loaded/],
  ])(
    '%s',
    async (_, {
      settings,
      manage = MANAGE,
      app = '',
    }: { settings?: string; manage?: string; app?: string }, reason) => {
      const folder = await djangoProject({ 'manage.py': manage, 'blog/models.py': app });
      const { error, lines } = await refusal(folder, settings === undefined ? {} : { settings });
      expect(error).toBeInstanceOf(ConfigError);
      expect(lines[0]).toMatch(reason);
      expect(lines.length).toBeGreaterThan(1);
    },
  );

  test('a Python without Django', async () => {
    const folder = await djangoProject();
    await plantProgram(folder, 'bare', 'PYTHONPATH= exec python3 -S "$@"');
    const { error, lines } = await refusal(folder, { python: join(folder, 'bare') });
    expect(error).toBeInstanceOf(ConfigError);
    expect(lines[0]).toBe(
      'cannot ask the Django project: HERE/bare has no Django; name the Python that the project runs with, by source.django.python',
    );
  });

  test('an app that asks Django for what it does not have', async () => {
    const folder = await djangoProject({ 'blog/models.py': 'from django.core import urlresolvers\n' });
    const { lines } = await refusal(folder);
    expect(lines.join('\n')).toMatch(/blog\/models\.py", line 1[^]*ImportError: cannot import name 'urlresolvers'/);
  });

  test('a Django that is too old', async () => {
    const folder = await djangoProject({
      'django/__init__.py': "VERSION = (3, 2, 25, 'final', 0)\ndef get_version():\n    return '3.2.25'\n",
      'django/core/__init__.py': '',
      'django/core/management/__init__.py':
        'class ManagementUtility:\n    def __init__(self, argv):\n        pass\ndef execute_from_command_line(argv):\n    ManagementUtility(argv).execute()\n',
    });
    const { error, lines } = await refusal(folder);
    expect(error).toBeInstanceOf(ConfigError);
    expect(lines).toEqual([
      'cannot ask the Django project: it has Django 3.2.25; 4.2 and newer are supported, with an older one list source.dirs by hand',
    ]);
  });

  test('settings that wait for ever, at the time limit', async () => {
    const folder = await djangoProject({ 'shop/settings.py': 'import time\ntime.sleep(600)\n' });
    const { error, lines } = await refusal(folder, { limitMs: 1500 });
    expect(error).toBeInstanceOf(SourceError);
    expect(lines[0]).toMatch(/were not loaded within 1\.5 s; see what they wait for/);
  });

  test('a Python that dies', async () => {
    const { error, lines } = await refusalWith(
      "import os, sys\nprint('last words', file=sys.stderr, flush=True)\nos._exit(7)\n",
    );
    expect(error).toBeInstanceOf(SourceError);
    expect(lines).toEqual([
      'cannot ask the Django project: python3 was started, but it ended with status 7 and without an answer',
      '  last words',
    ]);
  });

  test('a Python that dies, and leaves behind what it started', async () => {
    const { lines } = await refusalWith("import os, subprocess\nsubprocess.Popen(['sleep', '600'])\nos._exit(7)\n");
    expect(lines[0]).toContain('it ended with status 7 and without an answer');
  });

  test('something that answers in its place', async () => {
    const { error } = await refusalWith("import os\nos.write(3, b'[]\\n')\n");
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain('something else than the answer came');
  });

  test('anything, once the run was told to end', async () => {
    const folder = await djangoProject({
      'shop/settings.py': "open('began', 'w').close()\nimport time\ntime.sleep(600)\n",
    });
    const abort = new AbortController();
    const asking = ask(folder, { signal: abort.signal });
    await eventually('it has begun', () => existsSync(join(folder, 'began')));
    abort.abort();
    await expect(asking).rejects.toBe(abort.signal.reason);
  });
});
