/** The built program asked by `explain` about files with hashed names. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFolder } from './support/listing.js';
import { inFolder, makeProject, type Project } from './support/project.js';
import { plant, type Tree, temporaryFolder } from './support/tree.js';

const SITE: Tree = {
  'assets/css/app.css': '@import "base.css";\na { b: url(../img/logo.png) }\n',
  'assets/css/base.css': 'b { c: url(/static/img/logo.png) }',
  'assets/img/logo.png': 'logo',
  'vendor/dist/lib.css': 'i { }',
};

interface Scene extends Project {
  readonly target: string;
  readonly explain: (path: string) => Promise<Document>;
  /** By the manifest in STATIC_ROOT. */
  readonly hashed: (path: string) => Promise<string>;
}

interface Document {
  readonly status: number;
  readonly published: readonly { readonly url: string; readonly state: string }[];
  readonly [key: string]: unknown;
}

async function makeScene(tree: Tree = {}): Promise<Scene> {
  const target = join(await temporaryFolder(), 'static');
  const statics = { root: 'var/static', storage: 'manifest' };
  const project = await makeProject({ targets: { web: inFolder(target) }, static: statics }, { ...SITE, ...tree });
  return {
    ...project,
    target,
    explain: async (path) => {
      const { status, json } = await project.program.run('explain', path, '--json');
      return { ...(json() as Document), status };
    },
    hashed: async (path) => {
      const manifest = JSON.parse(await readFile(join(project.root, 'staticfiles.json'), 'utf8')) as {
        paths: Record<string, string>;
      };
      return manifest.paths[path] ?? '';
    },
  };
}

describe('explain', () => {
  it('tells the hashed name, who refers to it, what it refers to, and both places where it is published', async () => {
    const { explain, sync, hashed, target } = await makeScene();
    await sync();
    const [name, logo] = [await hashed('css/base.css'), await hashed('img/logo.png')];
    expect(await explain('css/base.css')).toMatchObject({
      status: 0,
      hashedName: name,
      hashedNameOf: null,
      hashedNameProblem: null,
      referrers: [{ path: 'css/app.css', lines: [1] }],
      references: [{ reference: 'url(/static/img/logo.png)', target: 'img/logo.png', hashedName: logo, line: 1 }],
      published: [
        { url: `file://${target}/css/base.css`, state: 'published' },
        { url: `file://${target}/${name}`, state: 'published' },
      ],
    });
  });

  it('says of a hashed name which file has it, or had it', async () => {
    const { explain, sync, hashed, folder, target } = await makeScene();
    await sync();
    const old = await hashed('css/app.css');
    const asked = await explain(`https://www.example.com/static/${old}?x#y`);
    expect(asked).toMatchObject({
      path: old,
      winner: join(folder, 'assets/css/app.css'),
      hashedName: old,
      hashedNameOf: { path: 'css/app.css', state: 'current' },
    });
    await plant(folder, { 'assets/img/logo.png': 'another logo' });
    await sync();
    const name = await hashed('css/app.css');
    const { status, hashedName, hashedNameOf, published } = await explain(old);
    expect({ status, hashedName, hashedNameOf }).toEqual({
      status: 0,
      hashedName: name,
      hashedNameOf: { path: 'css/app.css', state: 'stale' },
    });
    expect(published.map(({ url, state }) => [url.slice(`file://${target}/`.length), state])).toEqual([
      ['css/app.css', 'published'],
      [name, 'published'],
      [old, 'absent'],
    ]);
  });

  it('says why a hashed name cannot be told, and where was looked for what is missing', async () => {
    const { program, folder, explain, sync } = await makeScene();
    await sync();
    await plant(folder, { 'assets/css/app.css': 'a { }\nb { c: url(../vendor/gone.png) }' });
    const looked = [join(folder, 'assets/vendor/gone.png'), join(folder, 'vendor/dist/gone.png')];
    expect(await explain('css/app.css')).toMatchObject({
      status: 0,
      hashedName: null,
      hashedNameProblem: expect.stringContaining('line 2 refers to vendor/gone.png, which no source has') as string,
      references: [{ target: 'vendor/gone.png', hashedName: null, line: 2, lookedIn: looked }],
    });
    const { stdout } = await program.run('explain', 'css/app.css');
    expect(stdout).toContain(`  refers to vendor/gone.png (line 2), which no source has
  what is missing was looked for in
    ${folder}/assets
    ${folder}/vendor/dist
`);
    expect(await explain('vendor/gone.png')).toMatchObject({
      status: 1,
      winner: null,
      referrers: [{ path: 'css/app.css', lines: [2] }],
    });
    expect((await program.run('explain', 'vendor/gone.png')).stdout).toContain(
      `  comes from no source\n  it was looked for at\n    ${looked.join('\n    ')}\n  css/app.css refers to it (line 2)\n`,
    );
  });

  it('tells whether a STATIC_ROOT of others has it', async () => {
    const settings = { targets: { web: inFolder(join(await temporaryFolder(), 'static')) } };
    const statics = { root: 'var/static', storage: 'none' };
    const { program, root } = await makeProject(
      { ...settings, source: {}, static: statics },
      { 'var/static/a.css': 'a' },
    );
    expect(await program.run('explain', 'a.css')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('comes from STATIC_ROOT as it is (storage: none)'),
    });
    expect((await program.run('explain', 'a.css', '--json')).json()).toMatchObject({ winner: join(root, 'a.css') });
    expect(await program.run('explain', 'b.css')).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('is not in STATIC_ROOT as it is (storage: none)'),
    });
  });

  it('writes nothing', async () => {
    const { explain, sync, root, state, folder } = await makeScene();
    await sync();
    await plant(folder, { 'assets/img/logo.png': 'another logo', 'assets/new.css': 'a { }' });
    const before = [listFolder(root), listFolder(state)];
    await explain('new.css');
    expect([listFolder(root), listFolder(state)]).toEqual(before);
  });

  it('shows the first of many references, and how many more there are', async () => {
    const icons = Array.from({ length: 30 }, (_, at) => `img/${at}.png`);
    const { program, explain } = await makeScene({
      'assets/many.css': icons.map((icon) => `a { b: url(${icon}) }`).join('\n'),
      ...Object.fromEntries(icons.map((icon) => [`assets/${icon}`, icon])),
    });
    const { stdout } = await program.run('explain', 'many.css');
    expect(stdout.match(/refers to img/g)).toHaveLength(20);
    expect(stdout).toContain('  and 10 more it refers to (--json lists them all)\n');
    expect((await explain('many.css'))['references']).toHaveLength(30);
  });

  it('tells of sources that cannot be collected what it can', async () => {
    const { program, explain, configure, folder } = await makeScene();
    await configure({ source: { dirs: ['assets', 'nowhere'] } });
    expect(await explain('css/base.css')).toMatchObject({
      winner: join(folder, 'assets/css/base.css'),
      hashedName: null,
      hashedNameProblem: expect.stringContaining(join(folder, 'nowhere')) as string,
    });
    const { stdout } = await program.run('explain', 'css/base.css');
    expect(stdout).toContain('  its hashed name cannot be told: ');
  });
});
