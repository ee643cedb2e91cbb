/** The built program in a real Django project that is asked: what a user sees, and what the service does with it. */
import { existsSync } from 'node:fs';
import { appendFile, chmod, readFile, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, lastCycle, QUICK, serves, startDaemon } from '../support/daemon.js';
import { djangoPath } from '../support/django.js';
import { djangoTree, settingsWith } from '../support/django-project.js';
import { inFolder, makeProject, type Project } from '../support/project.js';
import { plant, type Tree, temporaryFolder } from '../support/tree.js';

// The folders of STATICFILES_DIRS alone: what Django itself brings along is much, and none of this business.
const FINDERS = "STATICFILES_FINDERS = ['django.contrib.staticfiles.finders.FileSystemFinder']\n";
const SITE: Tree = { 'assets/app.css': 'body {}', 'vendor/dist/lib.js': 'library' };

interface Scene extends Project {
  readonly target: string;
}

async function makeScene(settings = ''): Promise<Scene> {
  const target = join(await temporaryFolder(), 'static');
  const project = await makeProject(
    {
      targets: { web: inFolder(target) },
      source: { django: {} },
      static: {},
      watch: QUICK,
      daemon: { http: false },
    },
    djangoTree({ 'shop/settings.py': settingsWith(FINDERS + settings), ...SITE }),
  );
  return { ...project, target, program: project.program.with({ PYTHONPATH: djangoPath('5.2') }) };
}

describe('a project that is asked', () => {
  it('is served as its settings say', async () => {
    const { program, target } = await makeScene();
    expect(await program.run('sync')).toMatchObject({ status: 0 });
    await serves(target, { 'app.css': 'body {}', 'vendor/lib.js': 'library' });
  });

  it('needs no more than what init writes', async () => {
    const { program, folder } = await makeScene();
    expect(await program.run('init', '--yes', '--force')).toMatchObject({ status: 0, stderr: '' });
    expect(await program.run('config', '--check')).toMatchObject({ status: 0, stderr: '' });
    expect(await program.run('collect', '--json')).toMatchObject({ status: 0 });
    expect((await program.run('config', '--json')).json()).toMatchObject({
      static: { root: join(folder, 'var/static'), url: '/static/', storage: 'plain' },
      asked: { settings: 'shop.settings', storage: 'plain' },
    });
  });

  it('is shown by config, with why it is collected in this way', async () => {
    const { program, folder } = await makeScene();
    const { stdout } = await program.run('config');
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      `# ${folder}/pushstatic.yaml`,
      expect.stringMatching(/^# asked of shop\.settings by python3: Django 5\.2\.\d+, Python 3\.\S+$/),
      '# storage plain: its storage is django.contrib.staticfiles.storage.StaticFilesStorage',
    ]);
    expect(stdout).toContain(`root: ${folder}/var/static`);
  });

  it('is asked by the first run, and not by the next ones', async () => {
    const { program, folder, configure } = await makeScene();
    await plant(folder, { python: '#!/bin/sh\necho >> starts.log\nexec python3 "$@"\n' });
    await chmod(join(folder, 'python'), 0o755);
    await configure({ source: { django: { python: './python' } } });
    for (const words of [['config'], ['sync'], ['status']])
      expect(await program.run(...words)).toMatchObject({ status: 0 });
    expect(await readFile(join(folder, 'starts.log'), 'utf8')).toBe('\n');
  });

  it('does not get to know the passwords of targets, or the token of the status page', async () => {
    const { program, configure, target } = await makeScene(
      "import os\nSTATIC_URL = '/'.join(os.environ.get(name, 'hidden') for name in ('FAR_PASSWORD', 'TOKEN')) + '/'",
    );
    const far = { url: 'sftp://deploy@example.com/srv/static', passwordEnv: 'FAR_PASSWORD' };
    await configure({ targets: { web: inFolder(target), far }, daemon: { tokenEnv: 'TOKEN' } });
    const { json } = await program.with({ FAR_PASSWORD: 'secret', TOKEN: 'secret' }).run('config', '--json');
    expect(json()).toMatchObject({ static: { url: '/hidden/hidden/' } });
  });

  it('says by its own lines why its settings fail', async () => {
    const { program } = await makeScene('raise RuntimeError("no SECRET_KEY")');
    const { status, stderr } = await program.run('sync');
    expect(status).toBe(2);
    expect(stderr).toContain('its settings shop.settings cannot be loaded; correct them');
    expect(stderr).toMatch(
      /File "shop\/settings\.py", line \d+, in <module>\n.*raise RuntimeError.*\n.*RuntimeError: no SECRET_KEY/,
    );
  });
});

describe('a daemon of a project that is asked', () => {
  it('takes what a change of the settings makes of it', async () => {
    const scene = await makeScene();
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await plant(scene.folder, { 'more/extra.css': 'p {}' });
    await appendFile(join(scene.folder, 'shop/settings.py'), "STATICFILES_DIRS += [BASE_DIR / 'more']\n");
    await serves(scene.target, { 'app.css': 'body {}', 'extra.css': 'p {}', 'vendor/lib.js': 'library' });
  });

  it('goes on as before where the answer is the same', async () => {
    const scene = await makeScene();
    const daemon = await startDaemon(scene);
    const before = await daemon.inSync();
    await appendFile(join(scene.folder, 'shop/settings.py'), 'DEBUG = True\n');
    expect(await scene.program.run('reload')).toMatchObject({ status: 0 });
    const status = await daemon.inSync();
    expect(lastCycle(status)).toEqual(lastCycle(before));
    expect(status.watch.sweeps).toBeGreaterThanOrEqual(before.watch.sweeps); // a project made anew counts from nothing
  });

  it('keeps to what it knew while the settings fail, and says why (F70)', async () => {
    const scene = await makeScene();
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    const settings = join(scene.folder, 'shop/settings.py');
    await appendFile(settings, 'oh no\n');
    const { configError } = await daemon.until((status) => status.configError !== null);
    expect(configError).toMatch(/shop\/settings\.py", line \d+\n +oh no/);
    await plant(scene.folder, { 'assets/app.css': 'body { color: red }' });
    await serves(scene.target, { 'app.css': 'body { color: red }', 'vendor/lib.js': 'library' });
    expect(await scene.program.run('pause')).toMatchObject({ status: 0 }); // to be told, the project is not needed
    expect(await scene.program.run('resume')).toMatchObject({ status: 0 });

    await plant(scene.folder, {
      'shop/settings.py': settingsWith(`${FINDERS}STATICFILES_DIRS = [BASE_DIR / 'assets']`),
    });
    await daemon.until((status) => status.configError === null);
    await serves(scene.target, { 'app.css': 'body { color: red }' });
    await rm(settings);
    await daemon.until((status) => status.configError !== null);
  });

  it('takes up settings that needed something else, once that is there', async () => {
    const scene = await makeScene();
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await appendFile(join(scene.folder, 'shop/settings.py'), "INSTALLED_APPS += ['cart']\nSTATICFILES_DIRS.pop()\n");
    await daemon.until((status) => status.configError !== null);
    await plant(scene.folder, { 'cart/__init__.py': '' });
    await daemon.until((status) => status.configError === null);
    await serves(scene.target, { 'app.css': 'body {}' });
  });

  it('takes up a link that leads elsewhere now, and a folder that went', async () => {
    const scene = await makeScene();
    await plant(scene.folder, { 'builds/one/a.txt': 'one', 'builds/two/a.txt': 'two', 'extra/b.txt': 'b' });
    await symlink('one', join(scene.folder, 'builds/current'));
    await plant(scene.folder, {
      'shop/settings.py': settingsWith(`${FINDERS}STATICFILES_DIRS = [(BASE_DIR / 'builds/current').resolve()]
if (BASE_DIR / 'extra').is_dir():
    STATICFILES_DIRS.append(BASE_DIR / 'extra')
`),
    });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await serves(scene.target, { 'a.txt': 'one', 'b.txt': 'b' });
    await symlink('two', join(scene.folder, 'builds/next'));
    await rename(join(scene.folder, 'builds/next'), join(scene.folder, 'builds/current'));
    await serves(scene.target, { 'a.txt': 'two', 'b.txt': 'b' });
    await rm(join(scene.folder, 'extra'), { recursive: true });
    await serves(scene.target, { 'a.txt': 'two' });
  });

  it('ends at once, also while the settings wait for something', async () => {
    const scene = await makeScene();
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await appendFile(
      join(scene.folder, 'shop/settings.py'),
      "open('waiting', 'w').close()\nimport time\ntime.sleep(600)\n",
    );
    await eventually('they are loaded', () => existsSync(join(scene.folder, 'waiting')));
    const since = performance.now();
    expect(await daemon.stop()).toMatchObject({ status: 0 });
    expect(performance.now() - since).toBeLessThan(10_000); // far from the 30 s that settings have
  });
});
