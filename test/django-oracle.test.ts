/**
 * The judge before the court: the installed versions of Django still do what the golden trees say, so that either may be
 * what pushstatic is compared with. Also what else of test/support the comparisons stand on.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ALL_DJANGO_VERSIONS, collectstatic, DJANGO_VERSIONS, type Django, startDjango } from './support/django.js';
import { bytesOf, textOf } from './support/escaped-bytes.js';
import { GOLDEN_NAMES, type Golden, type GoldenStep, golden, type LaidGolden } from './support/golden.js';
import { type Listing, listFolder, withoutOrder } from './support/listing.js';
import { EDIT_KINDS, editSite, plantSite, randomEdits, randomSite, siteIn } from './support/random-site.js';
import { readRewriteVectors, rewrittenBy } from './support/rewrite-vectors.js';
import { memoryFolder, plant, plantRaw, symlink, temporaryFolder } from './support/tree.js';

/** One of each kind; all 53 would take twice as long. */
const TREES = [
  '10-nested-imports',
  '14-chain-up-07',
  '17-fragments',
  '19-static-url-cdn',
  '23-source-maps',
  '25-es-modules',
  '28-es-modules-strings',
  '35-names-nonutf8',
  '37-overrides',
  '42-url-mixed-quotes',
  '44-url-parens-in-quotes',
  '47-css-comment-missing',
  '57-err-nonutf8-js',
  '62-incremental',
  '66-clear',
  '67-link',
  '68-source-links',
  '74-perm-options',
  '80-default-storage-finder',
  '85-manifest-elsewhere',
];

describe.each(ALL_DJANGO_VERSIONS)('Django %s', (version) => {
  let django: Django | undefined;
  beforeAll(() => {
    if (DJANGO_VERSIONS.includes(version)) django = startDjango(version);
  });
  afterAll(() => django?.close());

  test('makes of the golden trees what is recorded', async ({ skip }) => {
    if (django === undefined) return skip('this version of Django could not be installed');
    for (const each of TREES.map(golden)) {
      for (const storage of each.storages) {
        const recorded = each.expected(storage, version)?.map((step) => comparable(step, version));
        expect(await runAll(django, each, storage, version), `${each.name}, ${storage}`).toEqual(recorded);
      }
    }
  });
});

describe('a site that is described by data', () => {
  test('is collected with the settings, the options and the attributes that it has', async () => {
    const folder = await temporaryFolder();
    await plant(folder, { 'a/x.txt': 'x', 'app/static/y.txt': 'y', 'b/z.txt': 'z' });
    const { status } = await collectstatic('5.2', {
      sources: [join(folder, 'a'), { path: join(folder, 'b'), prefix: 'p' }],
      apps: [join(folder, 'app')],
      root: join(folder, 'root'),
      options: { file_permissions_mode: 0o600 },
      attributes: { manifest_name: 'm.json' },
      settings: { FILE_UPLOAD_DIRECTORY_PERMISSIONS: 0o750 },
      args: ['--ignore', 'y.*'],
    });
    expect(status).toBe(0);
    expect(modesOf(listFolder(join(folder, 'root')))).toEqual({
      'm.json': '0600',
      p: '0750',
      'p/z.fbade9e36a3f.txt': '0600',
      'p/z.txt': '0600',
      'x.9dd4e461268c.txt': '0600',
      'x.txt': '0600',
    });
  });

  test('knows nothing of the one before', async () => {
    const folder = await temporaryFolder();
    await plant(folder, { 'a/x.txt': 'x' });
    const site = { sources: [join(folder, 'a')], storage: 'plain' as const };
    const django = startDjango('5.2');
    try {
      const first = { ...site, root: join(folder, 'one'), settings: { FILE_UPLOAD_PERMISSIONS: 0o600 }, umask: 0o077 };
      const ran = await Promise.all([first, { ...site, root: join(folder, 'two') }].map(django.collectstatic));
      expect(ran.map(({ status }) => status)).toEqual([0, 0]);
    } finally {
      await django.close();
    }
    expect(modesOf(listFolder(folder))).toMatchObject({
      one: '0700',
      'one/x.txt': '0600',
      two: '0755',
      'two/x.txt': '0644',
    });
  });

  test('that Django refuses ends with what Django says of it', async () => {
    const folder = await temporaryFolder();
    const ran = await collectstatic('5.2', { sources: [folder], root: folder });
    expect(ran).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('(staticfiles.E002)') });
  });
});

describe('the golden trees', () => {
  test('have a result of every version for each storage', () => {
    const missing = GOLDEN_NAMES.map(golden).flatMap((each) =>
      each.storages.flatMap((storage) =>
        ALL_DJANGO_VERSIONS.filter((version) => each.expected(storage, version)?.length !== each.steps).map(
          (version) => `${each.name} ${storage} ${version}`,
        ),
      ),
    );
    expect(missing).toEqual([]);
  });

  test('have the content of every file that is recorded, unless it is one of the source', () => {
    const content = golden('10-nested-imports').content;
    expect(content('dda566a50048ccd9eb1dac8664497359e630585b80e7ca19a1dfc6f424c9f28d')?.toString()).toContain(
      'url("css/one.3e7156dda527.css")',
    );
    expect(content('6e1686780eb0e726ccdc12d41cec9cee570b4b9f97a5d0b88a80e529993f737f')).toBeUndefined();
  });
});

describe('the rewrite vectors', () => {
  test('have one result of every version for each text', () => {
    const { vectors } = readRewriteVectors();
    expect(vectors.length).toBeGreaterThanOrEqual(1000);
    const results = ALL_DJANGO_VERSIONS.flatMap((version) => vectors.map((each) => rewrittenBy(version, each)));
    expect(results.filter((each) => 'text' in each).length).toBeGreaterThan(1000);
  });
});

describe('a random site', () => {
  test('and its edits are the same for the same seed, and others for another one', () => {
    const story = (seed: number) => [randomSite(seed), randomEdits(randomSite(seed), seed, 20)];
    expect(story(7)).toEqual(story(7));
    expect(story(7)).not.toEqual(story(8));
  });

  test('can be collected, mostly also after edits, unless it has a flaw', async () => {
    const django = startDjango('5.2');
    const sound = { before: 0, after: 0, all: 0 };
    try {
      for (let seed = 0; seed < 30; seed++) {
        const site = randomSite(seed);
        const folder = await memoryFolder();
        plantSite(site, folder);
        const before = await django.collectstatic(siteIn(site, folder));
        for (const { edit } of randomEdits(site, seed, 10)) editSite(folder, edit);
        if (site.flaw !== undefined) {
          expect(before.status, `seed ${seed}, ${site.flaw}`).toBe(1);
          continue;
        }
        const after = await django.collectstatic(siteIn(site, folder, 'fresh'));
        sound.all++;
        sound.before += before.status === 0 ? 1 : 0;
        sound.after += after.status === 0 ? 1 : 0;
      }
    } finally {
      await django.close();
    }
    expect(sound.all).toBeGreaterThan(18);
    expect(sound.before).toBeGreaterThan(sound.all * 0.8);
    expect(sound.after).toBeGreaterThan(sound.all * 0.6);
  });

  test('has edits of every kind', () => {
    const edits = Array.from({ length: 20 }, (_, seed) => randomEdits(randomSite(seed), seed, 20)).flat();
    expect(new Set(edits.map(({ kind }) => kind))).toEqual(new Set(EDIT_KINDS));
  });

  test('shrinks with the number of its files', () => {
    expect(Object.keys(randomSite(3, { files: 1, flawed: 0 }).files).length).toBeLessThanOrEqual(2);
  });
});

describe('a listing', () => {
  test('has types, modes, sizes and digests, and names that are no UTF-8', async () => {
    const folder = await temporaryFolder();
    await plant(folder, { 'd/x': 'x', l: symlink('d/x') });
    await plantRaw(folder, Buffer.from('caf\xe9', 'latin1'));
    expect(listFolder(folder)).toEqual({
      'caf\udce9': { type: 'file', mode: '0644', size: 0, sha256: expect.stringMatching(/^e3b0c442/) },
      d: { type: 'dir', mode: '0755' },
      'd/x': { type: 'file', mode: '0644', size: 1, sha256: expect.stringMatching(/^2d711642/) },
      l: { type: 'link', target: 'd/x' },
    });
  });

  test('takes JSON for equal that differs in order alone, when it is asked to', async () => {
    const folder = await temporaryFolder();
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    for (const each of [one, two]) await mkdir(each);
    await writeFile(join(one, 'a.json'), '{"b": {"x": 1, "é": 2}, "a": [null]}');
    await writeFile(join(two, 'a.json'), '{"a": [null], "b": {"é": 2, "x": 1}}');
    const [left, right] = [listFolder(one), listFolder(two)];
    expect(left).not.toEqual(right);
    expect(withoutOrder(left)).toEqual(withoutOrder(right));
  });
});

describe('names of any bytes', () => {
  test.each([
    [[0x63, 0xe9], 'c\udce9'],
    [[0xc3, 0xa9, 0xc3], 'é\udcc3'],
    [[0xf0, 0x9f, 0x8e, 0x88], '🎈'],
    [[0xed, 0xb3, 0xa9], '\udced\udcb3\udca9'], // a surrogate that somebody wrote as UTF-8
    [[0xff, 0x0a, 0xfe], '\udcff\n\udcfe'],
  ])('%j are %j, and back', (bytes, text) => {
    expect(textOf(Buffer.from(bytes))).toBe(text);
    expect([...bytesOf(text)]).toEqual(bytes);
  });
});

type Comparable = Pick<GoldenStep, 'exit' | 'stderrFirst' | 'listing' | 'elsewhere'> & { readonly summary?: string };

async function runAll(
  django: Django,
  each: Golden,
  storage: Golden['storages'][number],
  version: string,
): Promise<Comparable[]> {
  const laid = each.lay(await memoryFolder());
  const steps: Comparable[] = [];
  for (let step = 0; step < each.steps; step++) {
    const args = laid.apply(step);
    const { status, stdout, stderr } = await django.collectstatic(laid.site(storage, args));
    const listing = laid.scrubListing(listFolder(laid.root));
    const [summary, stderrFirst] = [linesOf(laid, stdout).at(-1) ?? '', linesOf(laid, stderr)[0] ?? ''];
    const elsewhere = listElsewhere(laid, Object.keys(each.expected(storage, '5.2')?.[step]?.elsewhere ?? {}));
    steps.push(comparable({ exit: status, summary, stderrFirst, listing, elsewhere }, version));
  }
  return steps;
}

/** What a run that fails leaves, and how it goes, hangs on the order in which the disk lists the files. */
function comparable(
  { exit, summary, stderrFirst, listing, elsewhere }: Required<Comparable>,
  version: string,
): Comparable {
  if (exit !== 0) return { exit, stderrFirst, listing: {}, elsewhere: {} };
  if (version >= '6.0') return { exit, summary, stderrFirst, listing, elsewhere };
  const folders = Object.entries(elsewhere).map(([name, of]) => [name, withoutOrder(of)]);
  const orderless = Object.fromEntries(folders) as Record<string, Listing>;
  return { exit, summary, stderrFirst, listing: withoutOrder(listing), elsewhere: orderless };
}

function listElsewhere(laid: LaidGolden, names: readonly string[]): Record<string, Listing> {
  const folders: Record<string, Listing> = {};
  for (const name of names) folders[name] = listFolder(join(laid.folder, name));
  return folders;
}

function linesOf(laid: LaidGolden, text: string): string[] {
  return laid.scrub(text).trimEnd().split('\n');
}

function modesOf(listing: Listing): Record<string, string> {
  return Object.fromEntries(Object.entries(listing).map(([path, each]) => [path, 'mode' in each ? each.mode : '']));
}
