/**
 * Bad input and trouble of sites with hashed names, by their numbers in the list of faults: what comes of them, in which
 * words they are told, and that Django judges likewise.
 */
import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { collect } from '../src/collect/collect.js';
import type { CollectProject } from '../src/collect/project.js';
import { StateFolder } from '../src/fs/state.js';
import { eventually, QUICK, startDaemon } from './support/daemon.js';
import { DJANGO_VERSIONS, type Django, type DjangoVersion, startDjango } from './support/django.js';
import { path as relPath } from './support/entries.js';
import { type Listing, listFolder } from './support/listing.js';
import { differences, inFolder, makeProject, type Project, published } from './support/project.js';
import { plant, type Tree, temporaryFolder } from './support/tree.js';

const REPORT_MEMORY = fileURLToPath(new URL('bench/report-memory.mjs', import.meta.url));
const PYTHON = 11; // what runs the installed versions of Django
const VERSIONS = [DJANGO_VERSIONS[0], DJANGO_VERSIONS.at(-1)] as DjangoVersion[];

interface SiteSettings {
  /** Folders below that of the site, in order of precedence. Default: assets. */
  readonly dirs?: readonly string[];
  readonly staticUrl?: string;
  readonly jsModules?: boolean;
  readonly keepIntermediateFiles?: boolean;
  readonly maxPasses?: number;
}

/** A site that pushstatic collects again and again, and Django into a folder of its own. */
class Site {
  readonly folder: string;
  readonly root: string;
  readonly #version: DjangoVersion;
  readonly #django: Django;
  readonly #state: StateFolder;

  static async make(version: DjangoVersion, django: Django, tree: Tree): Promise<Site> {
    const folder = await temporaryFolder();
    await plant(folder, { 'assets/': '', ...tree });
    return new Site(folder, version, django);
  }

  private constructor(folder: string, version: DjangoVersion, django: Django) {
    this.folder = folder;
    this.root = join(folder, 'static');
    this.#version = version;
    this.#django = django;
    this.#state = new StateFolder(join(folder, 'state'));
  }

  /** What STATIC_ROOT holds then, or why nothing was collected. */
  async collect(settings: SiteSettings = {}): Promise<Listing | string> {
    try {
      const { problems } = await collect(this.#project(settings), {
        mode: 'write',
        state: this.#state,
        force: 'past-guards',
      });
      expect(problems).toEqual([]);
      return listFolder(this.root);
    } catch (error) {
      return (error as Error).message.replaceAll(this.folder, '');
    }
  }

  /** What Django makes of it in an empty folder; undefined where it fails. */
  async byDjango({
    dirs = ['assets'],
    staticUrl,
    jsModules,
    keepIntermediateFiles,
    maxPasses,
  }: SiteSettings = {}): Promise<Listing | undefined> {
    const root = join(this.folder, 'by-django/static');
    await rm(root, { recursive: true, force: true });
    const { status } = await this.#django.collectstatic({
      sources: dirs.map((dir) => join(this.folder, dir)),
      root,
      storage: jsModules === true ? 'manifest-js' : 'manifest',
      ...(staticUrl !== undefined && { staticUrl }),
      attributes: {
        ...(keepIntermediateFiles !== undefined && { keep_intermediate_files: keepIntermediateFiles }),
        ...(maxPasses !== undefined && { max_post_process_passes: maxPasses }),
      },
    });
    return status === 0 ? listFolder(root) : undefined;
  }

  /** Both make the same of it, or both fail: the message then. */
  async asDjango(settings: SiteSettings = {}): Promise<string | undefined> {
    const [ours, theirs] = [await this.collect(settings), await this.byDjango(settings)];
    if (typeof ours === 'string') expect(theirs, ours).toBeUndefined();
    else expect(ours).toEqual(theirs);
    return typeof ours === 'string' ? ours : undefined;
  }

  /** The hashed names, by the manifest. */
  names(): Readonly<Record<string, string>> {
    const document = JSON.parse(readFileSync(join(this.root, 'staticfiles.json'), 'utf8')) as {
      readonly paths: Record<string, string>;
    };
    return document.paths;
  }

  #project(settings: SiteSettings): CollectProject {
    const { dirs = ['assets'], staticUrl = '/static/', jsModules = false, keepIntermediateFiles = false } = settings;
    const { maxPasses = 5 } = settings;
    return {
      sources: dirs.map((dir) => ({ path: join(this.folder, dir), prefix: '' })),
      ignore: ['CVS', '.*', '*~'],
      root: this.root,
      permissions: { file: 0o644, dir: null },
      manifest: {
        rules: {
          django: this.#version,
          python: PYTHON,
          staticUrl,
          jsModules,
          keepIntermediateFiles,
          maxPasses,
          missing: [],
        },
        name: relPath('staticfiles.json'),
        stale: 'remove',
      },
    };
  }
}

describe.each(VERSIONS)('beside Django %s', (version) => {
  let django: Django;
  beforeAll(() => {
    django = startDjango(version);
  });
  afterAll(() => django.close());

  const siteOf = (tree: Tree): Promise<Site> => Site.make(version, django, tree);

  describe('an override (F52)', () => {
    const TREE: Tree = {
      'assets/app.css': 'a { b: url(logo.png) }',
      'blog/logo.png': 'the logo of the blog',
      'shop/logo.png': 'the logo of the shop',
    };
    const dirs = ['assets', 'blog', 'shop'];

    it('that is older than what it shadows is taken up, and so is its end', async () => {
      const site = await siteOf(TREE);
      expect(await site.asDjango({ dirs })).toBeUndefined();
      const first = site.names();
      await plant(site.folder, { 'assets/logo.png': 'our own logo' });
      age(join(site.folder, 'assets/logo.png'));
      expect(await site.asDjango({ dirs })).toBeUndefined();
      expect(changed(first, site.names())).toEqual(['app.css', 'logo.png']);
      await rm(join(site.folder, 'assets/logo.png'));
      expect(await site.asDjango({ dirs })).toBeUndefined();
      expect(site.names()).toEqual(first);
    });

    it('by another order of the apps changes whoever refers to it, and so does an app that is removed', async () => {
      const site = await siteOf(TREE);
      expect(await site.asDjango({ dirs })).toBeUndefined();
      const first = site.names();
      expect(await site.asDjango({ dirs: ['assets', 'shop', 'blog'] })).toBeUndefined();
      const second = site.names();
      expect(changed(first, second)).toEqual(['app.css', 'logo.png']);
      expect(await site.asDjango({ dirs: ['assets', 'shop'] })).toBeUndefined();
      expect(site.names()).toEqual(second);
      expect(await site.asDjango({ dirs: ['assets'] })).toBe(
        'cannot post-process app.css: line 1 refers to logo.png, which no source has: url(logo.png) (/assets/app.css)',
      );
    });
  });

  describe('references that do not settle (F58)', () => {
    it('in a circle of style sheets are told as the circle', async () => {
      const site = await siteOf({
        'assets/a.css': '@import "b.css";',
        'assets/b.css': '@import "c.css";',
        'assets/c.css': '@import "a.css";',
      });
      expect(await site.asDjango()).toMatch(
        /^cannot post-process (.\.css): these files refer to one another in a circle: (.\.css)( -> .\.css){2} -> \2; break it$/,
      );
    });

    it('in a circle of scripts are told as the circle', async () => {
      const site = await siteOf({
        'assets/a.js': 'import { b } from "./b.js";\n',
        'assets/b.js': 'import { a } from "./a.js";\n',
      });
      expect(await site.asDjango({ jsModules: true })).toMatch(/: (.\.js) -> .\.js -> \1; break it$/);
      expect(await site.asDjango({ jsModules: false })).toBeUndefined();
    });

    it('of a file to itself are told as the circle', async () => {
      const site = await siteOf({ 'assets/a.css': '@import "a.css";' });
      expect(await site.asDjango()).toContain('in a circle: a.css -> a.css; break it');
    });

    it('of a chain that is longer than the passes are told as the chain', async () => {
      const chain = (length: number): Tree =>
        Object.fromEntries(
          Array.from({ length }, (_, depth) => [
            `assets/${'d/'.repeat(depth)}${depth}.css`,
            depth === 0 ? 'a { }' : `@import "../${depth - 1}.css";`,
          ]),
        );
      expect(await (await siteOf(chain(6))).asDjango()).toBeUndefined();
      const message = await (await siteOf(chain(7))).asDjango();
      expect(message).toContain('a chain of references is too long for 5 passes, and Django stops there; shorten it');
      expect(message).toContain('d/d/d/d/d/d/6.css');
    });
  });

  describe('a limit to the passes after the first one (max_post_process_passes)', () => {
    it.each([0, -1])('of none leaves names as they are after that: %i', async (maxPasses) => {
      const site = await siteOf({
        'assets/app.css': '@import "base.css"; @import "css/deep.css";',
        'assets/base.css': 'a { b: url(logo.png) }',
        'assets/css/deep.css': 'a { b: url(../logo.png) }',
        'assets/logo.png': 'logo',
      });
      expect(await site.asDjango({ maxPasses })).toBeUndefined();
    });

    it('of one fails where that changes something', async () => {
      const tree = { 'assets/app.css': '@import "css/deep.css";', 'assets/css/deep.css': '@import "../base.css";' };
      const site = await siteOf({ ...tree, 'assets/base.css': 'a { b: url(logo.png) }', 'assets/logo.png': 'logo' });
      expect(await site.asDjango({ maxPasses: 1 })).toContain('too long for 1 passes');
    });
  });

  describe('a reference (F59)', () => {
    const FILES: Tree = {
      'assets/font.eot': 'font',
      'assets/font.svg': 'outlines',
      'assets/css/two words.png': 'image',
      'assets/css/ü.png': 'image',
      'assets/css/base.css': 'b { }',
    };

    it.each([
      ['with the trick for old browsers', 'url(../font.eot?#iefix)'],
      ['with a fragment', 'url(../font.svg#part)'],
      ['with a query', 'url(../font.svg?v=1)'],
      ['with both', 'url(../font.svg?v=1#part)'],
      ['with data', 'url(data:image/png;base64,iVBORw0KGgo=)'],
      ['with a scheme', 'url(https://example.com/gone.png)'],
      ['without a scheme', 'url(//example.com/gone.png)'],
      ['below STATIC_URL', 'url(/static/font.eot)'],
      ['to elsewhere on the host', 'url(/media/gone.png)'],
      ['with escapes', 'url(two%20words.png)'],
      ['in quotes, with a blank', 'url("two words.png")'],
      ['to a name that is not ASCII', 'url(ü.png)'],
      ['to such a name with escapes', 'url(%C3%BC.png)'],
      ['that goes round about', 'url(./../css/../font.eot)'],
      ['of an import', '@import "base.css" screen;'],
      ['of an import with a query', '@import url(base.css?v=2);'],
      ['to a fragment alone', 'url(#part)'],
      ['to nothing', 'url()'],
    ])('%s becomes what Django makes of it: %s', async (_, reference) => {
      const site = await siteOf({ ...FILES, 'assets/css/app.css': `/* ${reference} */\na { b: ${reference} }` });
      expect(await site.asDjango()).toBeUndefined();
    });

    it.each([
      ['url(gone.png)', 'refers to css/gone.png, which no source has: url(gone.png)'],
      ['url("../gone.eot?#iefix")', 'refers to gone.eot, which no source has: url("../gone.eot?#iefix")'],
      ['url(gone.svg#part)', 'refers to css/gone.svg, which no source has: url(gone.svg#part)'],
      ['url(gone.svg?v=1)', 'refers to css/gone.svg?v=1, which no source has: url(gone.svg?v=1)'],
      ['url(/static/gone.png)', 'refers to gone.png, which no source has: url(/static/gone.png)'],
      ['url(two%20gone.png)', 'refers to css/two gone.png, which no source has: url(two%20gone.png)'],
      ['@import "gone.css";', 'refers to css/gone.css, which no source has: @import "gone.css"'],
      ['url(../../gone.png)', 'refers to what lies outside of STATIC_ROOT: url(../../gone.png)'],
      ['url(..\\font.eot)', 'refers to css/..\\font.eot, which no source has: url(..\\font.eot)'],
      ['@import "base.css\\";', 'refers to css/base.css\\, which no source has: @import "base.css\\"'],
    ])('that leads nowhere is told with its line: %s', async (reference, what) => {
      const site = await siteOf({ ...FILES, 'assets/css/app.css': `\n\na { b: c }\n${reference}\n` });
      expect(await site.asDjango()).toBe(`cannot post-process css/app.css: line 4 ${what} (/assets/css/app.css)`);
    });

    it.each([
      ['a file below is found, for it has its hashed name by then', 'img\\logo.png', true],
      ['a file below is not found with a query behind it', 'img\\logo.png?v=1', false],
      ['a file above is not found', '/static/css\\base.css', false],
    ])('with a backslash: %s (%s)', async (_, url, isFound) => {
      const site = await siteOf({
        ...FILES,
        'assets/css/deep/app.css': `a { b: url(${url}) }`,
        'assets/css/deep/img/logo.png': 'logo',
      });
      expect((await site.asDjango()) === undefined).toBe(isFound);
    });

    it.each(['a', 'c'])(
      'with a backslash: a file as deep is found if it comes first, as in Django (from %s/app.css)',
      async (folder) => {
        const site = await siteOf({
          'assets/b/logo.png': 'logo',
          [`assets/${folder}/app.css`]: 'a { b: url(/static/b\\logo.png) }',
        });
        await site.asDjango();
      },
    );

    it.each([
      ['url(/static///x)', '/static/'],
      ['url(/static///)', '/static/'],
      ['url(/static///x#f)', '/static/'],
      ['url(/static///x/font.eot)', '/static/'],
      ['url(/static////font.eot)', '/static/'],
      ['url(/static//font.eot)', '/static/'],
      ['url(/static//)', '/static'],
      ['url(///x)', '/'],
      ['url(///x#f)', '/'],
    ])('with too many slashes is judged as by Django: %s below %s', async (reference, staticUrl) => {
      const site = await siteOf({ ...FILES, 'assets/css/app.css': `a { b: ${reference} }` });
      await site.asDjango({ staticUrl });
    });

    it.each([
      '[zz]',
      '[::1]',
      '[::1%25eth0]',
      '[127.0.0.1]',
      '[v1.a]',
      '[v.a]',
      'a]b[c',
      'host',
      'ü',
      '℀',
      'a＃b',
      '１',
    ])('to a name with a host in it is judged as by Django: %s', async (host) => {
      const site = await siteOf({ ...FILES, 'assets/css/app.css': `a { b: url(/static/X:%2F%2F${host}%2Fgone.eot) }` });
      await site.asDjango();
      const name = `x:%2F%2F${host}%2Fp.css`;
      await (await siteOf({ [`assets/${name}`]: 'a { }' })).asDjango();
    });

    it.each([
      'url(../../static/font.eot)',
      'url(../../static/css/../font.svg?v=1#part)',
      'url(../../static)',
      'url(../../static/css)',
      'url(../../static/gone.eot)',
      'url(../../static-not/font.eot)',
      '@import "../../static/css/base.css";',
    ])('out of STATIC_ROOT and back into it is judged as by Django: %s', async (reference) => {
      const site = await siteOf({ ...FILES, 'assets/css/app.css': reference });
      await site.asDjango();
      await plant(site.folder, { 'assets/font.eot': 'another font', 'assets/css/base.css': 'b { c: url(ü.png) }' });
      await site.asDjango();
    });

    it('in a comment is looked at before Django 6.1, and not from there on', async () => {
      const site = await siteOf({ 'assets/app.css': '/* a { b: url(gone.png) } */' });
      const message = await site.asDjango();
      if (version >= '6.1') expect(message).toBeUndefined();
      else expect(message).toContain('line 1 refers to gone.png, which no source has');
    });
  });

  describe('a text (F60)', () => {
    it('that is not UTF-8 is told by its name', async () => {
      const site = await siteOf({ 'assets/app.css': Buffer.from('a { content: "\xe9" }', 'latin1') });
      expect(await site.asDjango()).toBe(
        'cannot post-process app.css: it is not UTF-8, as style sheets and scripts must be; save it as UTF-8 (/assets/app.css)',
      );
    });

    it.each([
      ['with a byte order mark', '\ufeffa { b: url(logo.png) }'],
      ['with the line ends of Windows', 'a {\r\n  b: url(logo.png)\r\n}\r\n/*# sourceMappingURL=app.css.map */\r\n'],
      ['with the line ends of old Macs', 'a {\r  b: url(logo.png)\r}'],
      ['that is empty', ''],
    ])('%s comes out as from Django', async (_, text) => {
      const site = await siteOf({ 'assets/app.css': text, 'assets/logo.png': 'logo', 'assets/app.css.map': '{}' });
      expect(await site.asDjango()).toBeUndefined();
    });
  });

  describe('a leaf that changes (F61)', () => {
    const CHAIN: Tree = {
      'assets/app.css': '@import "css/base.css";',
      'assets/css/base.css': '@import "deep/icons.css";',
      'assets/css/deep/icons.css': 'a { b: url(../../img/logo.png) }',
      'assets/css/other.css': 'c { }',
      'assets/img/logo.png': 'logo',
    };

    it('changes the names of all that refer to it, and no others; changed back, they are the old ones', async () => {
      const site = await siteOf(CHAIN);
      expect(await site.asDjango()).toBeUndefined();
      const [first, root] = [site.names(), listFolder(site.root)];
      await plant(site.folder, { 'assets/img/logo.png': 'another logo' });
      expect(await site.asDjango()).toBeUndefined();
      expect(changed(first, site.names())).toEqual(['app.css', 'css/base.css', 'css/deep/icons.css', 'img/logo.png']);
      await plant(site.folder, { 'assets/img/logo.png': 'logo' });
      expect(await site.asDjango()).toBeUndefined();
      expect(listFolder(site.root)).toEqual(root);
    });
  });

  describe('a file that is named like a hashed one (F62)', () => {
    const SCRIPT = 'console.log(1)';
    const NAME = 'app.5a2ad79e8bb0.js';

    it('is one like any other', async () => {
      const site = await siteOf({ 'assets/x.0123456789ab.js': SCRIPT, 'assets/y.0123456789ab': 'y' });
      expect(await site.asDjango()).toBeUndefined();
      expect(site.names()['x.0123456789ab.js']).toMatch(/^x\.0123456789ab\.[0-9a-f]{12}\.js$/);
    });

    it.each([
      ['and holds the same', 'logo'],
      ['and holds something else', 'something else'],
    ])('that another one gets, %s, comes out as from Django', async (_, content) => {
      const site = await siteOf({ 'assets/logo.png': 'logo', 'assets/app.css': 'a { b: url(logo.png) }' });
      expect(await site.asDjango()).toBeUndefined();
      const { 'logo.png': name = '', 'app.css': sheet = '' } = site.names();
      await plant(site.folder, { [`assets/${name}`]: content, [`assets/${sheet}`]: content });
      expect(await site.asDjango()).toBeUndefined();
    });

    it(`that is ${NAME} beside app.js comes out as from Django`, async () => {
      const site = await siteOf({ 'assets/app.js': SCRIPT, [`assets/${NAME}`]: SCRIPT });
      expect(await site.asDjango()).toBeUndefined();
    });
  });

  describe('the manifest and folders (F63)', () => {
    it.each(['url(img/)', 'url(img)', 'url(.)', 'url(..)', 'url(./)', 'url(/static/)', 'url(/static/css/img)'])(
      'a reference to a folder comes out as from Django: %s',
      async (reference) => {
        const site = await siteOf({ 'assets/css/app.css': `a { b: ${reference} }`, 'assets/css/img/logo.png': 'logo' });
        expect(await site.asDjango()).toBeUndefined();
      },
    );

    it.each([
      ['of Django 4.1', '{"paths": {"gone.css": "gone.0123456789ab.css"}, "version": "1.0"}'],
      ['of a newer one', '{"paths": {}, "version": "1.1", "hash": "d41d8cd98f00", "more": 1}'],
    ])('a manifest %s that lies there is replaced', async (_, text) => {
      const site = await siteOf({ 'assets/app.css': 'a { }', 'static/staticfiles.json': text });
      expect(await site.asDjango()).toBeUndefined();
    });

    it.each(['{"paths": {}, "version": "2.0"}', '{"paths": {}}', 'not JSON', '[]', ''])(
      'what is no manifest that Django can read stays, and stops it: %s',
      async (text) => {
        const site = await siteOf({ 'assets/app.css': 'a { }', 'static/staticfiles.json': text });
        expect(await site.collect()).toBe(
          'cannot replace /static/staticfiles.json: it is no manifest that Django can read; move it away, or correct static.manifest.name',
        );
        expect(await readFile(join(site.root, 'staticfiles.json'), 'utf8')).toBe(text);
      },
    );

    it('a folder where the manifest is to be stays, and stops it', async () => {
      const site = await siteOf({ 'assets/app.css': 'a { }', 'static/staticfiles.json/theirs': 'theirs' });
      expect(await site.collect()).toBe(
        'cannot replace /static/staticfiles.json: it cannot be read: illegal operation on a directory; move it away, or correct static.manifest.name',
      );
    });
  });

  describe('a source map (F65)', () => {
    const TEXTS: Tree = {
      'assets/app.css': 'a { }\n/*# sourceMappingURL=app.css.map */\n',
      'assets/app.js': 'console.log(1)\n//# sourceMappingURL=app.js.map\n',
    };

    it('that is there is named by its hashed name', async () => {
      const site = await siteOf({ ...TEXTS, 'assets/app.css.map': '{}', 'assets/app.js.map': '{}' });
      expect(await site.asDjango()).toBeUndefined();
      const names = site.names();
      expect(await readFile(join(site.root, names['app.js'] ?? ''), 'utf8')).toContain(names['app.js.map']);
    });

    it('that is missing is told with its line', async () => {
      const site = await siteOf({ ...TEXTS, 'assets/app.css.map': '{}' });
      expect(await site.asDjango()).toBe(
        'cannot post-process app.js: line 2 refers to app.js.map, which no source has: //# sourceMappingURL=app.js.map (/assets/app.js)',
      );
    });

    it('as data is left alone', async () => {
      const map = 'data:application/json;base64,e30=';
      const site = await siteOf({
        'assets/app.css': `a { }\n/*# sourceMappingURL=${map} */\n`,
        'assets/app.js': `console.log(1)\n//# sourceMappingURL=${map}\n`,
      });
      expect(await site.asDjango()).toBeUndefined();
    });
  });

  it('what passes make on their way stays where that is wanted, and goes where it is not any more (F65)', async () => {
    const site = await siteOf({
      'assets/app.css': '@import "d/base.css";',
      'assets/d/base.css': '@import "../tail.css";',
      'assets/tail.css': 'a { b: url(logo.png) }',
      'assets/logo.png': 'logo',
    });
    expect(await site.asDjango({ keepIntermediateFiles: true })).toBeUndefined();
    expect(await site.asDjango({ keepIntermediateFiles: false })).toBeUndefined();
  });

  it.each(['/static', '/', 'https://cdn.example.com/s/', '//cdn.example.com/s/', '/a/b/'])(
    'a STATIC_URL of %s is taken as Django takes it',
    async (staticUrl) => {
      const site = await siteOf({
        'assets/css/app.css': [
          'url(../img/logo.png)',
          'url(/img/logo.png)',
          'url(/static/img/logo.png)',
          'url(/a/b/img/logo.png)',
          'url(https://cdn.example.com/s/img/logo.png)',
          'url(//cdn.example.com/s/img/logo.png)',
        ].join('\n'),
        'assets/img/logo.png': 'logo',
        'assets/static/img/logo.png': 'another one',
        'assets/a/b/img/logo.png': 'a third one',
      });
      await site.asDjango({ staticUrl });
    },
  );
});

describe('the program', () => {
  const NEWEST = VERSIONS.at(-1) as DjangoVersion;
  let django: Django;
  beforeAll(() => {
    django = startDjango(NEWEST);
  });
  afterAll(() => django.close());

  interface Scene extends Project {
    readonly target: string;
    /** The real collectstatic on the same STATIC_ROOT. */
    readonly collectstatic: (...args: readonly string[]) => Promise<unknown>;
  }

  async function makeScene(tree: Tree, manifest: object = {}): Promise<Scene> {
    const target = join(await temporaryFolder(), 'static');
    const statics = { root: 'var/static', storage: 'manifest', django: NEWEST, manifest };
    const project = await makeProject(
      { targets: { web: inFolder(target) }, static: statics, watch: QUICK, daemon: { http: false } },
      tree,
    );
    const { assets, vendor, root } = project;
    return {
      ...project,
      target,
      collectstatic: async (...args) => {
        const sources = [assets, { path: vendor, prefix: 'vendor' }];
        expect(await django.collectstatic({ sources, root, args })).toMatchObject({ status: 0 });
      },
    };
  }

  /** Style sheets that need several passes, among many other files. */
  function bigSite(): Tree {
    const images = Array.from({ length: 100 }, (_, at) => [`assets/img/${at}.png`, `image ${at}`]);
    const sheets = Array.from({ length: 60 }, (_, at) => [
      `assets/css/${at}.css`,
      `${at % 4 === 0 ? '' : `@import "${at - 1}.css";`} a { b: url(../img/${at}.png) }`,
    ]);
    return Object.fromEntries([...images, ...sheets]) as Tree;
  }

  describe('beside a real collectstatic on the same STATIC_ROOT (F45)', () => {
    it.each([[[]], [['--clear']]])('%j: a daemon takes nothing away, and no other manifest is served', async (args) => {
      const scene = await makeScene(bigSite());
      const daemon = await startDaemon(scene);
      await daemon.inSync();
      const before = await published(scene.target);
      const extra = await namesDuring(scene.target, async () => {
        for (let run = 0; run < 3; run++) await scene.collectstatic(...args);
        await serves(scene.target, (tree) => isDeepStrictEqual(withoutDodged(tree), before));
        await daemon.inSync();
      });
      // What the passes of Django make on their way may be met, as any file that others put there. Nothing refers to it.
      expect(extra.filter((name) => !HASHED_SHEET.test(name) && !DODGED.test(name))).toEqual([]);
      await settled(scene, before);
    });

    it('one-shot runs converge with it', async () => {
      const scene = await makeScene(bigSite());
      expect(await scene.sync()).toMatchObject({ status: 0 });
      const before = await published(scene.target);
      const clearing = scene.collectstatic('--clear');
      const statuses: number[] = [];
      for (let run = 0; run < 3; run++) statuses.push((await scene.program.run('sync', '--json')).status);
      await clearing;
      for (const status of statuses) expect([0, 1]).toContain(status);
      await settled(scene, before);
    });

    /** Another run finds nothing that is not as it was. */
    async function settled(scene: Scene, before: Tree): Promise<void> {
      expect(await scene.sync()).toMatchObject({ status: 0 });
      expect(withoutDodged(await published(scene.target))).toEqual(before);
      expect(differences(scene.root, scene.target)).toBe('');
    }
  });

  it('a minified style sheet of 20 MB in one line takes seconds, and bounded memory (F60)', async () => {
    const rule = '.a{color:red;margin:0}.b:before{content:"\\f101";background:url("img/logo.png")}';
    const font = `@font-face{src:url("data:font/woff2;base64,${'A'.repeat(10_000_000)}")}`;
    const scene = await makeScene({
      'assets/app.css': font + rule.repeat(10_000_000 / rule.length),
      'assets/img/logo.png': 'logo',
    });
    const memory = join(scene.folder, 'memory');
    const measured = scene.program.with({ NODE_OPTIONS: `--import ${REPORT_MEMORY}`, MEMORY_FILE: memory });
    const started = performance.now();
    expect(await measured.run('collect', '--json')).toMatchObject({ status: 0 });
    expect(performance.now() - started).toBeLessThan(30_000);
    expect(Number(readFileSync(memory, 'utf8'))).toBeLessThan(600 * 1024); // KiB
  }, 60_000);

  it('does not send again what comes back, where old hashed files are kept (F61)', async () => {
    const logo = 'l'.repeat(10_000);
    const scene = await makeScene(
      { 'assets/app.css': 'a { b: url(logo.png) }', 'assets/logo.png': logo },
      { stale: 'keep' },
    );
    await scene.sync();
    await plant(scene.folder, { 'assets/logo.png': 'another logo' });
    await scene.sync();
    await plant(scene.folder, { 'assets/logo.png': logo });
    const { targets } = await scene.sync('--dry-run');
    expect(targets[0]?.changes?.map(({ path }) => path)).toEqual(['logo.png', 'staticfiles.json']);
  });

  it('a manifest under a former name goes, where old hashed files are kept', async () => {
    const scene = await makeScene({ 'assets/app.css': 'a { }' }, { stale: 'keep' });
    await scene.sync();
    await plant(scene.folder, { 'assets/app.css': 'a { b: c }' });
    const named = {
      root: 'var/static',
      storage: 'manifest',
      django: NEWEST,
      manifest: { stale: 'keep', name: 'm.json' },
    };
    await scene.configure({ targets: { web: inFolder(scene.target) }, static: named });
    expect((await scene.sync()).status).toBe(0);
    expect(Object.keys(await published(scene.target))).toEqual([
      expect.stringMatching(/^app\.[0-9a-f]{12}\.css$/),
      expect.stringMatching(/^app\.[0-9a-f]{12}\.css$/),
      'app.css',
      'm.json',
    ]);
  });

  it('a STATIC_ROOT in a folder of a source that is ignored is collected into once, also by a daemon', async () => {
    const scene = await makeScene({ 'assets/app.css': 'a { }' });
    const within = { root: 'assets/.static', storage: 'manifest', django: NEWEST };
    const watch = { targets: { web: inFolder(scene.target) }, watch: QUICK, daemon: { http: false } };
    await scene.configure({ ...watch, static: within });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await plant(scene.folder, { 'assets/b.css': 'b { }' });
    await serves(scene.target, (tree) => 'b.css' in tree);
    await daemon.inSync();
    const names = Object.keys(await published(scene.target)).map((name) => name.replace(/\.[0-9a-f]{12}\./, '.*.'));
    expect(names).toEqual(['app.*.css', 'app.css', 'b.*.css', 'b.css', 'staticfiles.json']);
    expect(readdirSync(join(scene.assets, '.static'))).toHaveLength(5);
  });

  it('a daemon follows an override that is older, and its end (F52)', async () => {
    const scene = await makeScene({
      'assets/app.css': 'a { b: url(vendor/logo.png) }',
      'vendor/dist/logo.png': 'theirs',
    });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    const first = await published(scene.target);
    const override = join(scene.folder, 'assets/vendor/logo.png');
    await plant(scene.folder, { 'assets/vendor/.hidden': '' });
    await plant(scene.folder, { 'assets/vendor/logo.png': 'ours' });
    age(override);
    await serves(scene.target, (tree) => tree['vendor/logo.png'] === 'ours' && !isDeepStrictEqual(tree, first));
    await rm(override);
    await serves(scene.target, (tree) => isDeepStrictEqual(tree, first));
  });

  it.each([
    ['a circle', { 'a.css': '@import "b.css";', 'b.css': '@import "a.css";' }, /in a circle: (.\.css) -> .\.css -> \1/],
    ['a missing file', { 'a.css': 'a { b: url(gone.png) }' }, /line 1 refers to gone\.png, which no source has/],
    ['what is not UTF-8', { 'a.css': Buffer.from([0xe9]) }, /it is not UTF-8/],
  ] satisfies [string, Tree, RegExp][])('ends with 1 and changes nothing because of %s', async (_, texts, message) => {
    const scene = await makeScene({ 'assets/logo.png': 'logo' });
    await scene.sync();
    const [root, target] = [listFolder(scene.root), listFolder(scene.target)];
    await plant(scene.assets, texts);
    const { status, json, stderr } = await scene.program.run('sync', '--json');
    expect([status, json()]).toMatchObject([1, { ok: false, error: { code: 'MANIFEST' } }]);
    expect(stderr).toMatch(message);
    expect([listFolder(scene.root), listFolder(scene.target)]).toEqual([root, target]);
  });

  it('a daemon serves what it served while a site cannot be post-processed, says why, and goes on when it can', async () => {
    const scene = await makeScene({ 'assets/app.css': 'a { }', 'assets/logo.png': 'logo' });
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    const before = await published(scene.target);
    await plant(scene.folder, { 'assets/app.css': 'a { b: url(img/late.png) }', 'assets/logo.png': 'another logo' });
    const { local } = await daemon.until((status) => status.local.state === 'halted');
    expect(local.error).toMatchObject({
      code: 'MANIFEST',
      message: expect.stringContaining('app.css: line 1 refers to img/late.png, which no source has') as string,
    });
    expect(await published(scene.target)).toEqual(before);
    expect(await scene.program.run('healthcheck')).toMatchObject({ status: 1 });
    await plant(scene.folder, { 'assets/img/late.png': 'late' });
    await serves(scene.target, (tree) => tree['img/late.png'] === 'late' && tree['logo.png'] === 'another logo');
    await daemon.inSync();
    expect(differences(scene.root, scene.target)).toBe('');
    const { stderr } = await daemon.stop();
    expect(stderr.split('which no source has')).toHaveLength(2);
  });

  it('two projects that share STATIC_ROOT leave the files of one another alone; the manifest is of who ran last', async () => {
    const [one, two] = [await makeScene({ 'assets/one.css': '1' }), await makeScene({ 'assets/two.css': '2' })];
    await two.configure({ static: { root: one.root, storage: 'manifest' } });
    for (const [project, own] of [
      [one, 'one.css'],
      [two, 'two.css'],
      [one, 'one.css'],
    ] as const) {
      expect(await project.sync()).toMatchObject({ status: 0 });
      const manifest = await readFile(join(project.target, 'staticfiles.json'), 'utf8');
      expect(Object.keys((JSON.parse(manifest) as { paths: object }).paths)).toEqual([own]);
      expect(differences(one.root, project.target)).toBe('');
    }
    expect(Object.keys(await published(one.root)).filter((name) => /^(?:one|two)\.css$/.test(name))).toEqual([
      'one.css',
      'two.css',
    ]);
  });
});

/** The name that Django gives a copy for which there is a file since a moment ago. It never removes it. */
const DODGED = /_[A-Za-z0-9]{7}(\.[0-9a-f]{12})?\.[a-z]+$/;
const HASHED_SHEET = /\.[0-9a-f]{12}\.css$/;

/** Without these copies, and without the hashed style sheets that Django made of them, which it never removes either. */
function withoutDodged(tree: Tree): Tree {
  const gone = new Set(Object.keys(tree).filter((name) => DODGED.test(name)));
  const sheets = Object.entries(tree).filter(([name]) => HASHED_SHEET.test(name));
  for (const copy of gone) {
    for (const [name, text] of sheets) if (typeof text === 'string' && text.includes(basename(copy))) gone.add(name);
  }
  return Object.fromEntries(Object.entries(tree).filter(([name]) => !gone.has(name)));
}

/** What has another hashed name, sorted. */
function changed(before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  const all = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...all].filter((path) => before[path] !== now[path]).toSorted();
}

/** Makes a file older than every copy. */
function age(file: string): void {
  utimesSync(file, 1e9, 1e9);
}

/** Waits until the published tree is like that. */
async function serves(target: string, isSo: (tree: Tree) => boolean): Promise<void> {
  await eventually('it is served', async () => isSo(await published(target).catch(() => ({}))));
}

/** The names that came to `folder` while `work` went on. Fails if one that was there at first, or the manifest, was ever another. */
async function namesDuring(folder: string, work: () => Promise<void>): Promise<string[]> {
  const manifest = join(folder, 'staticfiles.json');
  const [first, document] = [namesIn(folder), readFileSync(manifest, 'utf8')];
  const seen = new Set<string>();
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const names = new Set(namesIn(folder));
      expect(first.filter((name) => !names.has(name))).toEqual([]);
      expect(readFileSync(manifest, 'utf8')).toBe(document);
      for (const name of names) seen.add(name);
      await pause(5);
    }
  };
  await Promise.all([watch(), work().finally(() => over.abort())]);
  return [...seen].filter((name) => !first.includes(name));
}

function namesIn(folder: string): string[] {
  // What comes and goes beside the published files is not looked into.
  const names = readdirSync(folder).filter((name) => name !== '.pushstatic');
  return names.flatMap((name) => {
    const place = join(folder, name);
    if (!statSync(place).isDirectory()) return [name];
    return [name, ...readdirSync(place, { recursive: true, encoding: 'utf8' }).map((below) => `${name}/${below}`)];
  });
}
