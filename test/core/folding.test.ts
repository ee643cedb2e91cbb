import { describe, expect, it } from 'vitest';
import { diff } from '../../src/core/diff.js';
import { namesakesOf } from '../../src/core/folding.js';
import { makePlan, type Plan } from '../../src/core/plan.js';
import type { TargetIndex } from '../../src/core/target-index.js';
import { SafetyError } from '../../src/errors.js';
import { entry, index, path, snapshot } from '../support/entries.js';

/** The plan for a target that folds names and holds `have`, to hold `wanted`. */
function planOf(have: TargetIndex, wanted: readonly string[], deletion: 'delete' | 'keep' | 'hold' = 'delete'): Plan {
  const changes = diff(have, snapshot(...wanted.map((name) => entry(name))));
  return makePlan(changes, deletion, undefined, namesakesOf(changes, have));
}

function groupsOf({ groups }: Plan) {
  return groups.map(({ name, steps }) => [
    name,
    ...steps.map((step) => [step.kind, step.path, 'namesake' in step ? step.namesake : undefined]),
  ]);
}

describe('on a target that folds names', () => {
  it.each([
    ['case', ['Logo.png', 'logo.png'], 'Logo.png and logo.png'],
    ['the case of a folder', ['IMG/a.png', 'img/A.png'], 'IMG/a.png and img/A.png'],
    ['composition', ['caf\u00e9.png', 'cafe\u0301.png'], 'cafe\u0301.png, composed and decomposed'],
    ['both', ['CAF\u00c9.png', 'cafe\u0301.png'], 'CAF\u00c9.png and cafe\u0301.png'],
    ['what is not seen', ['a.png', 'a\u200c.png'], 'a.png and a\u200c.png'],
    ['case, one of them a folder', ['Img', 'img/deep/a.png'], 'the file Img and the folder img'],
  ])('two wanted names that differ by %s are refused, with both of them', (_, wanted, both) => {
    const refused = (): Plan => planOf(index(), wanted);
    expect(refused).toThrow(SafetyError);
    expect(refused).toThrow(both);
  });

  it('a wanted name and one that stays are refused likewise', () => {
    const have = index(entry('Logo.png'));
    const changes = [{ kind: 'added', path: path('logo.png'), entry: entry('logo.png') }] as const;
    expect(() => namesakesOf(changes, have)).toThrow('Logo.png and logo.png');
  });

  it('of many such names three pairs are told', () => {
    const names = ['a', 'b', 'c', 'd', 'e'].flatMap((name) => [name, name.toUpperCase()]);
    expect(() => planOf(index(), names)).toThrow('A and a; B and b; C and c (and 2 more pairs)');
  });

  it('one folder that is spelled in two ways is no trouble', () => {
    expect(groupsOf(planOf(index(), ['IMG/a.png', 'img/b.png']))).toHaveLength(1);
  });

  it.each(['delete', 'keep', 'hold'] as const)(
    'a name with a new spelling is an update, and loses the old one (%s)',
    (deletion) => {
      expect(groupsOf(planOf(index(entry('Logo.png')), ['logo.png'], deletion))).toEqual([
        ['leaves', ['upload', 'logo.png', 'Logo.png']],
        ['removed leaves', ['remove', 'Logo.png', 'logo.png']],
      ]);
    },
  );

  it('a name that the index has in two spellings loses the one that is not wanted', () => {
    const have = index(entry('Logo.png'), entry('logo.png'));
    expect(groupsOf(planOf(have, ['logo.png']))).toEqual([['removed leaves', ['remove', 'Logo.png', 'logo.png']]]);
  });

  it('what becomes a folder of another spelling, or was one, makes room first', () => {
    expect(groupsOf(planOf(index(entry('Img')), ['img/a.png']))[0]).toEqual(['clear', ['remove', 'Img', undefined]]);
    expect(groupsOf(planOf(index(entry('Img/a.png')), ['img']))[0]).toEqual([
      'clear',
      ['remove', 'Img/a.png', undefined],
    ]);
  });
});
