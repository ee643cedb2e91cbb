/** A run that a second thread takes part in: it must leave, and tell, what a run alone leaves and tells. */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Collected, type CollectOptions, collect } from '../../src/collect/collect.js';
import { identify } from '../../src/collect/identify.js';
import type { CollectProject } from '../../src/collect/project.js';
import { Hand } from '../../src/collect/thread/hand.js';
import { type Helper, PutFacts, type SharedList } from '../../src/collect/thread/helper.js';
import { type LocalRun, LocalThread, wholeOf } from '../../src/collect/thread/in-thread.js';
import { isClosed, newTurn } from '../../src/collect/thread/turn.js';
import { type Found, walk } from '../../src/collect/walk.js';
import type { RelPath } from '../../src/core/relpath.js';
import { Pacer } from '../../src/fs/pace.js';
import { StateFolder } from '../../src/fs/state.js';
import { decodeCache } from '../support/digest-cache.js';
import { hashedProject } from '../support/hashed-project.js';
import { helperThread } from '../support/helper-thread.js';
import { listFolder } from '../support/listing.js';
import { memoryFolder } from '../support/tree.js';

const FILES = 2500; // enough for a helper to be asked
const LARGE = 3; // and every 500th from here on: too large to be kept in memory
const THREAD = new URL('../../dist/cli/thread.cjs', import.meta.url);

describe('a run with a helper', () => {
  // The second one has more than a helper is told of at once.
  test.each([FILES, 9000])('leaves and tells what a run alone does, with %i files', async (files) => {
    const site = await newSite(files);
    const thread = await helperThread();
    const done = new Set<string>();
    const helper: Helper = {
      help: async (list) => {
        await thread.help(list);
        if (new Uint8Array(list.facts).some((byte) => byte !== 0)) done.add(list.kind);
      },
    };
    const alone = await site.collect('alone');
    // One that wakes up late may find all done.
    for (let tries = 0; tries === 0 || (done.size < 2 && tries < 10); tries++) {
      const helped = await site.collect(`helped-${tries}`, { helper });
      expect(listFolder(helped.root)).toEqual(listFolder(alone.root));
      expect(told(helped)).toEqual(told(alone));
    }
    expect(done).toEqual(new Set(['read', 'put']));
  });

  test('is begun again by the next one as a run alone is', async () => {
    const site = await newSite();
    for (const name of ['alone', 'helped']) {
      const helper = name === 'helped' ? await helperThread() : undefined;
      await site.collect(name, { helper });
      const again = await site.collect(name, { helper });
      expect(again.collected).toMatchObject({ copied: [], hashed: [], removed: [], problems: [] });
    }
  });

  test('goes on alone when its helper does nothing', async () => {
    const site = await newSite();
    const alone = await site.collect('alone');
    const left = await site.collect('left', { helper: { help: async () => undefined } });
    expect(listFolder(left.root)).toEqual(listFolder(alone.root));
    expect(told(left)).toEqual(told(alone));
  });

  test('reads a file that is listed twice twice', async () => {
    const site = await newSite();
    const { files } = await walk(site.assets, { step: 'collect' });
    const [first] = files as [Found];
    const { files: identified } = await identify([first, ...files], {
      step: 'collect',
      cache: new Map(),
      pacer: new Pacer(),
      helper: await helperThread(),
    });
    for (const { found, entry } of identified) expect(entry.digest).toBe(digestOf(found.file));
  });

  test('that is given up leaves what it read to the next one', async () => {
    const site = await newSite();
    mkdirSync(site.root('given up'), { recursive: true });
    const abort = new AbortController();
    const giveUp = atCall(2, () => {
      abort.abort();
      const until = performance.now() + 50;
      while (performance.now() < until); // the slice of the run is over, so that it looks
    });
    const run = site.collect('given up', { signal: abort.signal, onFound: giveUp });
    await expect(run).rejects.toMatchObject({ name: 'AbortError' });
    const digests = decodeCache((await site.state('given up').read('sources')) ?? Buffer.alloc(0));
    expect(digests?.size).toBe(FILES);
  });

  test('has the same trouble with files that change while they are read', async () => {
    const outcomes = ['alone', 'helped'].map(async (name) => {
      const site = await newSite();
      const change = atCall(1, () => {
        for (const file of [site.file(0), site.file(FILES - 1)]) unlinkSync(file);
        for (const file of [site.file(10), site.file(FILES - 20)]) appendFileSync(file, 'more');
      });
      const helper = name === 'helped' ? new Hand() : undefined;
      const { collected, root } = await site.collect(name, { helper, onFound: change });
      expect(collected.problems).toMatchObject([{ code: 'CHANGED' }, { code: 'CHANGED' }]);
      return { problems: collected.problems.map(({ path, code }) => [path, code]), left: listFolder(root) };
    });
    const [alone, helped] = await Promise.all(outcomes);
    expect(helped).toEqual(alone);
  });

  test('has the same trouble with files that change before they are copied', async () => {
    const outcomes = ['alone', 'helped'].map(async (name) => {
      const site = await newSite();
      const helper = name === 'helped' ? new Hand() : undefined;
      mkdirSync(site.root(name), { recursive: true });
      const change = atCall(2, () => {
        for (const number of [LARGE, LARGE + 1000]) writeFileSync(site.file(number), 'another content');
      });
      const { collected, root } = await site.collect(name, { helper, onFound: change });
      const { problems, copied } = collected;
      expect(problems.map(({ code }) => code)).toEqual(['CHANGED', 'CHANGED', 'HELD_BACK']);
      return { problems, copied, left: listFolder(root) };
    });
    const [alone, helped] = await Promise.all(outcomes);
    expect(helped).toEqual(alone);
  });

  test('replaces nothing that stands in the way of a copy', async () => {
    const outcomes = ['alone', 'helped'].map(async (name) => {
      const site = await newSite();
      const helper = name === 'helped' ? new Hand() : undefined;
      mkdirSync(site.root(name), { recursive: true });
      const obstruct = atCall(2, () => {
        for (const number of [1, FILES - 2]) {
          const place = join(site.root(name), site.path(number));
          mkdirSync(place, { recursive: true });
          writeFileSync(join(place, 'of somebody else'), '');
        }
      });
      const { collected, root } = await site.collect(name, { helper, onFound: obstruct });
      expect(collected.problems.map(({ code }) => code)).toEqual(['OBSTRUCTED', 'OBSTRUCTED', 'HELD_BACK']);
      return { problems: collected.problems, left: listFolder(root) };
    });
    const [alone, helped] = await Promise.all(outcomes);
    expect(helped).toEqual(alone);
  });

  test.each(['read', 'put'] as const)(
    'that is given up while there is something to %s does nothing more',
    async (kind) => {
      const site = await newSite();
      const abort = new AbortController();
      const thread = await helperThread();
      const ended: string[] = [];
      const helper: Helper = {
        help: async (list) => {
          if (list.kind === kind) abort.abort();
          await thread.help(list);
          ended.push(list.kind);
        },
      };
      await expect(site.collect('helped', { helper, signal: abort.signal })).rejects.toMatchObject({
        name: 'AbortError',
      });
      expect(ended.at(-1)).toBe(kind);
      expect(listFolder(site.root('helped'))).not.toHaveProperty(['staticfiles.json']);
      const { root } = await site.collect('helped', { helper: await helperThread() });
      const alone = await site.collect('alone');
      expect(listFolder(root)).toEqual(listFolder(alone.root));
    },
  );
});

describe('a run in a thread that asks this one to help', () => {
  test('leaves what a run alone does', async () => {
    const site = await newSite();
    const hand = new Hand();
    const done = new Set<string>();
    const helper: Helper = {
      help: async (list) => {
        await hand.help(list);
        if (new Uint8Array(list.facts).some((byte) => byte !== 0)) done.add(list.kind);
      },
    };
    const alone = await wholeOf(site.collectIn(newThread(), 'alone'));
    // One that wakes up late may find all done.
    for (let tries = 0; tries === 0 || (done.size < 2 && tries < 10); tries++) {
      const helped = await wholeOf(site.collectIn(newThread(), `helped-${tries}`, helper));
      expect(listFolder(site.root(`helped-${tries}`))).toEqual(listFolder(site.root('alone')));
      expect(helped).toMatchObject({ problems: [], copied: FILES, hashed: alone.hashed });
    }
    expect(done).toEqual(new Set(['read', 'put']));
  });

  test('does what this one cannot', async () => {
    const site = await newSite();
    const helper: Helper = { help: () => Promise.reject(new Error('not in the mood')) };
    const { problems } = await wholeOf(site.collectIn(newThread(), 'left', helper));
    await site.collect('alone');
    expect(problems).toEqual([]);
    expect(listFolder(site.root('left'))).toEqual(listFolder(site.root('alone')));
  });

  test('does not keep this one at it when it ends', async () => {
    const site = await newSite();
    const thread = newThread();
    const hand = new Hand();
    let run: LocalRun | undefined;
    const helped = new Promise<SharedList>((resolve) => {
      const help: Helper['help'] = async (list) => {
        await thread.end();
        await hand.help(list);
        resolve(list);
      };
      run = site.collectIn(thread, 'ended', { help });
    });
    await expect(run?.result).rejects.toThrow('the thread that reads them ended');
    expect(isClosed((await helped).turn)).toBe(true);
  });
});

test('two that make the same folders at the same time are not in the way of each other', async () => {
  const folder = await memoryFolder();
  const source = join(folder, 'source');
  writeFileSync(source, 'content');
  const paths = Array.from({ length: 2000 }, (_, at) => `${at}/${at}/file.png`);
  const digest = digestOf(source);
  const facts = await Promise.all(
    [await helperThread(), await helperThread()].map(async (thread) => {
      const memory = PutFacts.memoryFor(paths.length);
      await thread.help({
        kind: 'put',
        root: join(folder, 'root'),
        permissions: { file: 0o644, dir: 0o755 },
        fresh: [],
        sources: paths.map(() => source),
        paths,
        sizes: paths.map(() => 'content'.length),
        digests: paths.map(() => digest),
        turn: newTurn(),
        facts: memory,
      });
      return new PutFacts(memory);
    }),
  );
  const entry = { path: 'x' as RelPath, size: 0, digest, mtime: 0, mode: 0 };
  for (const each of facts) expect(paths.filter((_, at) => each.get(at, entry) === undefined)).toEqual([]);
});

function newThread(): LocalThread {
  const thread = new LocalThread(THREAD);
  onTestFinished(() => thread.end());
  return thread;
}

function digestOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** What a run says of itself, but for when and where. */
function told({ collected }: { readonly collected: Collected }) {
  const { snapshot, copied, hashed, removed, problems, ownership } = collected;
  const entries = [...snapshot.entries].map(({ path, size, digest, mode }) => ({ path, size, digest, mode }));
  return { entries, copied, hashed, removed, problems, ownership };
}

/** Does it at this call, counted from 1. */
function atCall(number: number, act: () => void): () => void {
  let calls = 0;
  return () => {
    if (++calls === number) act();
  };
}

function isStyle(number: number): boolean {
  return number % 10 === 5;
}

/** In folders of a hundred; every tenth is a style sheet that refers to others. */
async function newSite(files = FILES) {
  const folder = await memoryFolder();
  const assets = join(folder, 'assets');
  const path = (number: number): string =>
    `app${String(Math.floor(number / 100)).padStart(2, '0')}/${String(number).padStart(5, '0')}.${isStyle(number) ? 'css' : 'png'}`;
  for (let number = 0; number < files; number++) {
    const file = join(assets, path(number));
    if (number % 100 === 0) mkdirSync(join(file, '..'), { recursive: true });
    const other = path((number + 7) % files);
    const repeated = number % 500 === LARGE ? 20_000 : number % 9;
    writeFileSync(
      file,
      isStyle(number) ? `.a { background: url("../${other}") }` : `picture ${number}`.repeat(repeated),
    );
  }
  const root = (name: string): string => join(folder, name, 'root');
  const state = (name: string): StateFolder => new StateFolder(join(folder, name, 'state'));
  const projectOf = (name: string): CollectProject => hashedProject([{ path: assets, prefix: '' }], root(name));
  return {
    path,
    root,
    state,
    assets,
    file: (number: number): string => join(assets, path(number)),
    collect: async (name: string, options: Partial<CollectOptions> = {}) => {
      const collected = await collect(projectOf(name), { state: state(name), mode: 'write', ...options });
      return { collected, root: root(name), helper: options.helper };
    },
    collectIn: (thread: LocalThread, name: string, helper?: Helper): LocalRun =>
      thread.run(
        { kind: 'collect', mode: 'write', project: projectOf(name) },
        { statePath: state(name).path, contents: 'drop' },
        { helper },
      ),
  };
}
