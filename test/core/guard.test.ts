import { expect, it } from 'vitest';
import { diff } from '../../src/core/diff.js';
import { guard, type Limit } from '../../src/core/guard.js';
import { makePlan, type Plan } from '../../src/core/plan.js';
import { SafetyError } from '../../src/errors.js';
import { entry, index, snapshot } from '../support/entries.js';

const have = index(entry('a'), entry('b'), entry('c'), entry('d'));
const held = have.entries.length;
const half: Limit = { kind: 'share', share: 0.5 };

function guarded(kept: string[], limit: Limit): Plan {
  const wanted = snapshot(...kept.map((name) => entry(name)));
  const plan = makePlan(diff(have, wanted), 'delete');
  guard(plan, { held, left: kept.length }, limit);
  return plan;
}

it('lets through removals up to the share, and not one more', () => {
  expect(guarded(['a', 'b'], half).changes).toHaveLength(2);
  expect(() => guarded(['a'], half)).toThrow(
    new SafetyError(
      '3 of 4 files would be removed, more than delete.max allows (50%); if that is right, sync this target with --force',
    ),
  );
});

it('lets through removals up to the count, and not one more', () => {
  expect(guarded(['a', 'b', 'c'], { kind: 'count', count: 1 }).changes).toHaveLength(1);
  expect(() => guarded(['a', 'b'], { kind: 'count', count: 1 })).toThrow('more than delete.max allows (1)');
});

it('refuses to empty a target, whatever the limit', () => {
  expect(() => guarded([], { kind: 'share', share: 1 })).toThrow(
    'nothing is left to publish and all 4 files would be removed',
  );
});

it('has nothing against a first push', () => {
  const wanted = snapshot(entry('a'));
  const plan = makePlan(diff(index(), wanted), 'delete');
  expect(() => guard(plan, { held: 0, left: 1 }, { kind: 'count', count: 0 })).not.toThrow();
});
