/** What could not be collected is not there to be referred to: whatever may do that waits for it. */
import { expect, it } from 'vitest';
import { problemsOf } from '../src/core/outcome.js';
import type { Problem, ProblemCode } from '../src/errors.js';
import { syncTarget } from '../src/sync.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { controlFiles, makeBench, publicTree, type Site } from './support/cycle.js';

const BEFORE: Site = { 'app.css': 'a {}', 'img/old.png': 'old', 'index.html': '<a>', 'main.js': '1' };
const AFTER: Site = {
  'app.css': 'a { background: url(img/new.png) }',
  'img/beside.png': 'beside',
  'index.html': '<img src=img/new.png>',
  'main.js': '2',
  'new.css': 'b {}',
};

function missing(path: string, code: ProblemCode): Problem {
  return { path, step: 'collect', code, message: 'it did not come' };
}

async function pushWith(...problems: readonly Problem[]) {
  const bench = await makeBench();
  const target = new MemoryTarget();
  await bench.publish(target, BEFORE);
  const { entries } = await bench.plant(AFTER);
  const pushed = await syncTarget(bench.job(target), async () => ({ entries, problems }), bench.options());
  const again = await syncTarget(bench.job(target), async () => ({ entries, problems: [] }), bench.options());
  return {
    published: await publicTree(target),
    pushed: problemsOf(pushed.outcomes),
    again: problemsOf(again.outcomes),
  };
}

it.each<ProblemCode>(['NO_SPACE', 'CHANGED', 'DENIED', 'READ_ONLY'])(
  'a new picture that did not come (%s) holds back what may show it, until it does',
  async (code) => {
    const bench = await makeBench();
    const target = new MemoryTarget();
    await bench.publish(target, BEFORE);
    const { entries } = await bench.plant(AFTER);
    const lacking = { entries, problems: [missing('img/new.png', code)] };
    const held = await syncTarget(bench.job(target), async () => lacking, bench.options());
    expect(await publicTree(target)).toEqual({ ...BEFORE, 'img/beside.png': 'beside' });
    const problems = problemsOf(held.outcomes);
    expect(problems.map(({ path }) => path).toSorted()).toEqual([
      'app.css',
      'img/old.png',
      'index.html',
      'main.js',
      'new.css',
    ]);
    for (const problem of problems)
      expect(problem).toMatchObject({
        code: 'HELD_BACK',
        message: 'held back, because img/new.png could not be published',
      });
    await syncTarget(bench.job(target), async () => ({ entries, problems: [] }), bench.options());
    expect(await publicTree(target)).toEqual(AFTER);
  },
);

it('a style sheet that did not come holds back no new one beside it', async () => {
  const { pushed } = await pushWith(missing('more.css', 'NO_SPACE'));
  expect(pushed.map(({ path }) => path).toSorted()).toEqual(['app.css', 'img/old.png', 'index.html', 'main.js']);
});

it.each([
  ['a link that leads nowhere', missing('img/new.png', 'BROKEN_LINK')],
  ['what nobody may read', missing('img/new.png', 'UNREADABLE')],
  ['a file that the target has as it was', missing('img/old.png', 'CHANGED')],
  ['what is no path of a target', missing('a\0b', 'CHANGED')],
])('%s holds back nothing', async (_, problem) => {
  const { pushed, published, again } = await pushWith(problem);
  expect([pushed, again]).toEqual([[], []]);
  expect(published).toEqual(AFTER);
});

it('holds nothing back for a file that is there as it was, and could not be replaced', async () => {
  const bench = await makeBench();
  const target = new MemoryTarget();
  const { entries } = await bench.plant(AFTER);
  const problems = [missing('img/beside.png', 'NO_SPACE')];
  const pushed = await syncTarget(bench.job(target), async () => ({ entries, problems }), bench.options());
  expect(problemsOf(pushed.outcomes)).toEqual([]);
  expect(await publicTree(target)).toEqual(AFTER);
});

it('writes nothing where all is held back', async () => {
  const bench = await makeBench();
  const target = new MemoryTarget();
  const { index } = await bench.publish(target, BEFORE);
  const { entries } = await bench.plant({ ...BEFORE, 'app.css': 'a { color: red }' });
  const problems = [missing('img/new.png', 'NO_SPACE')];
  const pushed = await syncTarget(bench.job(target), async () => ({ entries, problems }), bench.options());
  expect(problemsOf(pushed.outcomes).map(({ path }) => path)).toEqual(['app.css']);
  expect(pushed.generation).toBe(index.generation);
  expect(await publicTree(target)).toEqual(BEFORE);
});

it.each([1, 2, 3, 10])('is heeded in a push of shares with %i files each', async (filesInShare) => {
  const bench = await makeBench();
  const target = new MemoryTarget();
  const pictures = { 'img/a.png': 'a', 'img/b.png': 'b', 'img/c.png': 'c' };
  const site = { ...pictures, 'app.css': 'a {}', 'index.html': '<a>' };
  const { entries } = await bench.plant(site);
  const lacking = { entries, problems: [missing('img/new.png', 'NO_SPACE')] };
  const options = { ...bench.options(), filesInShare };
  const { index } = await syncTarget(bench.job(target), async () => lacking, options);
  expect(await publicTree(target)).toEqual(pictures);
  expect([index?.entries.length, index?.pending.size]).toEqual([3, 0]);
  await syncTarget(bench.job(target), async () => ({ entries, problems: [] }), bench.options());
  expect(await publicTree(target)).toEqual(site);
  expect(await controlFiles(target)).toEqual(['head', 'journal', 'snapshot']);
});
