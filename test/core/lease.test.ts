import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeHolder, type Holder, holderOf, isMark, markOf, nameOfHolder } from '../../src/core/lease.js';
import { parseRelPath } from '../../src/core/relpath.js';

const HOLDER: Holder = { run: 'mwyv-1f2e-0', host: 'build1', machine: '0a1b2c3d', pid: 4242 };

describe('the name of a holder', () => {
  it('tells who it is', () => {
    const name = nameOfHolder(HOLDER);
    expect(holderOf(name)).toEqual(HOLDER);
    expect(describeHolder(name)).toBe('build1 (process 4242)');
  });

  it('is one that any server takes, whatever the host is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (host) => {
        const name = nameOfHolder({ ...HOLDER, host });
        expect(parseRelPath(name)).toBe(name);
        expect(name).toMatch(/^[\w.~-]{1,100}$/);
        expect(holderOf(name)).toMatchObject({ run: HOLDER.run, machine: HOLDER.machine, pid: HOLDER.pid });
      }),
    );
  });

  it('of somebody else tells nothing', () => {
    for (const name of ['', 'run', 'a~b~c~d', 'a~b~0a1b2c3d~', 'a~b~0a1b2c3d~12345678901', `${nameOfHolder(HOLDER)}.0`])
      expect(holderOf(name)).toBeUndefined();
  });

  it('is no mark, and a mark is no holder', () => {
    const mark = markOf('0123456789abcdef'.repeat(4));
    expect(mark).toBe('at-0123456789abcdef01234567');
    expect([isMark(mark), isMark(nameOfHolder(HOLDER))]).toEqual([true, false]);
    expect(holderOf(mark)).toBeUndefined();
  });
});
