import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diff } from '../../src/core/diff.js';
import type { Outcome } from '../../src/core/outcome.js';
import { changeOf, makePlan, type Plan, type Share, sharesOf } from '../../src/core/plan.js';
import { applyOutcomes } from '../support/apply-outcomes.js';
import { anyTree, entry, index, snapshot } from '../support/entries.js';

function planOf(have: string[], wanted: string[]): Plan {
  const old = have.map((name) => entry(name, `old ${name}`));
  return makePlan(diff(index(...old), snapshot(...wanted.map((name) => entry(name)))), 'delete');
}

function groupsOf(plan: Plan): Record<string, string[]> {
  return stepsOf(plan.groups);
}

function stepsOf(share: Share): Record<string, string[]> {
  return Object.fromEntries(share.map(({ name, steps }) => [name, steps.map((step) => `${step.kind} ${step.path}`)]));
}

describe('the write order', () => {
  it('puts what is referred to before what refers to it, entrances last', () => {
    const names = ['app.css', 'app.js', 'img.png', 'index.html', 'staticfiles.json'];
    expect(Object.entries(groupsOf(planOf([], names)))).toEqual([
      ['new leaves', ['upload img.png']],
      ['new styles', ['upload app.css']],
      ['new scripts', ['upload app.js']],
      ['entrances', ['upload index.html', 'upload staticfiles.json']],
    ]);
  });

  it('puts a manifest of another name last as well', () => {
    const changes = diff(index(), snapshot(entry('a.js'), entry('manifest.json')));
    expect(Object.entries(groupsOf(makePlan(changes, 'delete', 'manifest.json')))).toEqual([
      ['new scripts', ['upload a.js']],
      ['entrances', ['upload manifest.json']],
    ]);
  });

  it('puts what is sent compressed in the place of a file with that file', () => {
    const names = [
      'app.css',
      'app.css.br',
      'app.js.gz',
      'img.svg.gz',
      'index.html',
      'index.html.gz',
      'manifest.json.zst',
    ];
    const changes = diff(index(), snapshot(...[...names, 'manifest.json'].map((name) => entry(name))));
    expect(Object.entries(groupsOf(makePlan(changes, 'delete', 'manifest.json')))).toEqual([
      ['new leaves', ['upload img.svg.gz']],
      ['new styles', ['upload app.css', 'upload app.css.br']],
      ['new scripts', ['upload app.js.gz']],
      ['entrances', ['upload index.html', 'upload index.html.gz', 'upload manifest.json', 'upload manifest.json.zst']],
    ]);
  });

  it('overwrites names that readers know only after every new file is there', () => {
    const plan = planOf(['app.css', 'img.png'], ['app.css', 'img.png', 'new.js', 'new.png']);
    expect(plan.groups.map((group) => group.name)).toEqual(['new leaves', 'new scripts', 'leaves', 'styles']);
  });

  it('removes in the reverse order, after everything is written', () => {
    const plan = planOf(['app.css', 'app.js', 'img.png', 'index.html'], ['new.png']);
    expect(plan.groups.map((group) => group.name)).toEqual([
      'new leaves',
      'removed entrances',
      'removed scripts',
      'removed styles',
      'removed leaves',
    ]);
  });

  it('clears a file away before a folder of its name is made, and a folder before a file', () => {
    expect(groupsOf(planOf(['a', 'b/c'], ['a/x', 'b']))).toEqual({
      clear: ['remove a', 'remove b/c'],
      'new leaves': ['upload a/x', 'upload b'],
    });
  });
});

describe('the shares of a plan', () => {
  it('hold so many new files each, in the order of the plan, and the last one all that is left', () => {
    const plan = planOf(['app.js', 'old'], ['1.png', '2.png', '3.png', 'a.css', 'b.css', 'app.js', 'index.html']);
    expect(sharesOf(plan, 2).map(stepsOf)).toEqual([
      { 'new leaves': ['upload 1.png', 'upload 2.png'] },
      { 'new leaves': ['upload 3.png'], 'new styles': ['upload a.css'] },
      {
        'new styles': ['upload b.css'],
        scripts: ['upload app.js'],
        entrances: ['upload index.html'],
        'removed leaves': ['remove old'],
      },
    ]);
  });

  it('is one where what readers use changes, or something must be cleared away first', () => {
    const names = ['1', '2', '3'];
    expect(sharesOf(planOf(names, names), 1)).toHaveLength(1);
    expect(sharesOf(planOf(['a'], ['a/1', 'a/2', 'a/3']), 1)).toHaveLength(1);
    expect(sharesOf(planOf([], []), 1)).toEqual([[]]);
  });

  it('are the plan, whatever they hold', () => {
    fc.assert(
      fc.property(anyTree, anyTree, fc.integer({ min: 1, max: 5 }), (have, wanted, most) => {
        const plan = makePlan(diff(index(...have), snapshot(...wanted)), 'delete');
        const steps = (share: Share) => share.flatMap((group) => group.steps);
        expect(sharesOf(plan, most).flatMap(steps)).toEqual(steps(plan.groups));
        expect(
          sharesOf(plan, most)
            .slice(0, -1)
            .every((share) => steps(share).length === most),
        ).toBe(true);
      }),
    );
  });
});

it('tells of each step which change it makes', () => {
  fc.assert(
    fc.property(anyTree, anyTree, (have, wanted) => {
      const plan = makePlan(diff(index(...have), snapshot(...wanted)), 'delete');
      const made = plan.groups.flatMap(({ steps }) => steps.map(changeOf));
      const isApart = (path: string): boolean =>
        plan.changes.some((change) => change.path === path && change.kind === 'mode' && change.where === 'apart');
      const byPath = (a: { path: string }, b: { path: string }): number => (a.path < b.path ? -1 : 1);
      const plain = ({ path }: { path: string }): boolean => !isApart(path);
      expect(made.filter(plain).toSorted(byPath)).toEqual(plan.changes.filter(plain));
    }),
  );
});

it('leaves removals out when nothing is to be deleted', () => {
  const changes = diff(index(entry('a')), snapshot(entry('b')));
  expect(makePlan(changes, 'keep').changes.map((change) => change.path)).toEqual(['b']);
});

it('reaches the wanted tree when every step succeeds, in steps that a disk could take', () => {
  fc.assert(
    fc.property(anyTree, anyTree, (have, wanted) => {
      const before = index(...have);
      const plan = makePlan(diff(before, snapshot(...wanted)), 'delete');
      const disk = new Set<string>(have.map((each) => each.path));
      const outcomes: Outcome[] = [];
      for (const step of plan.groups.flatMap((group) => group.steps)) {
        if (step.kind === 'remove') disk.delete(step.path);
        else {
          const clashes = [...disk].filter(
            (other) => other.startsWith(`${step.path}/`) || step.path.startsWith(`${other}/`),
          );
          expect(clashes).toEqual([]);
          disk.add(step.path);
        }
        outcomes.push({ kind: 'done', step });
      }
      const after = applyOutcomes(before, new Map(), outcomes);
      expect([...after.entries].map(({ path, digest, mode }) => ({ path, digest, mode }))).toEqual(
        wanted.map(({ path, digest, mode }) => ({ path, digest, mode })),
      );
      expect(makePlan(diff(after, snapshot(...wanted)), 'delete').changes).toEqual([]);
    }),
  );
});

describe('a plan that holds removals', () => {
  const have = index(entry('a.png'), entry('b'), entry('c/d.png'));

  it('writes everything, and removes nothing', () => {
    const plan = makePlan(diff(have, snapshot(entry('b'), entry('new.png'))), 'hold');
    expect(groupsOf(plan)).toEqual({ 'new leaves': ['upload new.png'] });
  });

  it('removes what is in the way of something new all the same', () => {
    const plan = makePlan(diff(have, snapshot(entry('b/c.png'), entry('c'))), 'hold');
    expect(groupsOf(plan)['clear']).toEqual(['remove b', 'remove c/d.png']);
    expect(plan.changes.map(({ path }) => path)).not.toContain('a.png');
  });
});
