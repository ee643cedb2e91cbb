import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyOutcomes, type Outcome } from '../../src/core/apply.js';
import { diff } from '../../src/core/diff.js';
import { foldersOf, makePlan, type Plan } from '../../src/core/plan.js';
import { anyTree, entry, index, snapshot } from '../support/entries.js';

function planOf(have: string[], wanted: string[]): Plan {
  const old = have.map((name) => entry(name, `old ${name}`));
  return makePlan(diff(index(...old), snapshot(...wanted.map((name) => entry(name)))), 'delete');
}

function groupsOf(plan: Plan): Record<string, string[]> {
  return Object.fromEntries(
    plan.groups.map(({ name, steps }) => [name, steps.map((step) => `${step.kind} ${step.path}`)]),
  );
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

it('leaves removals out when nothing is to be deleted', () => {
  const changes = diff(index(entry('a')), snapshot(entry('b')));
  expect(makePlan(changes, 'keep').changes.map((change) => change.path)).toEqual(['b']);
});

it('names the folders to make, each after the one that holds it', () => {
  expect(foldersOf(planOf([], ['a/b/c/x', 'a/y', 'z']))).toEqual(['a', 'a/b', 'a/b/c']);
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
