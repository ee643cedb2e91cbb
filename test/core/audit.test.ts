import { expect, it } from 'vitest';
import { audit, truthsOfFindings, UNKNOWN_DIGEST, wrongContent } from '../../src/core/audit.js';
import { entry, index, path } from '../support/entries.js';

const have = index(entry('a'), entry('b'), entry('c'), entry('d'));
const there = (name: string, rest = {}) => ({ ...entry(name), kind: 'file' as const, ...rest });

it('tells apart what is missing, changed and foreign', () => {
  const findings = audit(have, [
    there('a'),
    there('b', { size: 9 }),
    there('c', { mtime: 0 }),
    there('x'),
    { ...there('folder'), kind: 'folder' },
  ]);
  expect(findings.map(({ kind, path: at, message }) => [kind, at, message])).toEqual([
    ['changed', 'b', 'it has 9 bytes instead of 1'],
    ['changed', 'c', 'it was written at 1970-01-01T00:00:00Z instead of 2023-11-14T22:13:20Z'],
    ['missing', 'd', 'it is missing'],
    ['foreign', 'x', 'a file that pushstatic did not put there'],
  ]);
});

it('calls a link in the place of a file changed', () => {
  const findings = audit(index(entry('a')), [{ ...there('a'), kind: 'link' }]);
  expect(findings).toEqual([{ kind: 'changed', path: 'a', message: 'it is a link', found: undefined }]);
});

it('says nothing of what lies in a folder that nobody may look into, but that', () => {
  const findings = audit(index(entry('shut/deep/a'), entry('shutter/b')), [], new Map([[path('shut'), 'denied']]));
  expect(findings).toEqual([
    { kind: 'unreadable', path: 'shut/deep/a', message: 'denied' },
    { kind: 'missing', path: 'shutter/b', message: 'it is missing' },
  ]);
  expect([...truthsOfFindings(findings).keys()]).toEqual(['shutter/b']);
});

it('finds nothing where all is as recorded', () => {
  expect(audit(index(entry('a')), [there('a')])).toEqual([]);
});

it('never claims to know a content that nobody has read', () => {
  const findings = audit(index(entry('a')), [there('a', { size: 9 })]);
  expect(truthsOfFindings(findings).get(path('a'))).toMatchObject({ size: 9, digest: UNKNOWN_DIGEST });
});

it('learns nothing about foreign files, and the content of files that were read', () => {
  const foreign = audit(index(), [there('x')]);
  expect(truthsOfFindings(foreign).size).toBe(0);
  const other = '1'.repeat(64);
  expect(truthsOfFindings([wrongContent(entry('a'), other)]).get(path('a'))?.digest).toBe(other);
});

it('heeds no spelling where names are folded', () => {
  const listing = [there('Logo.png'), there('cafe\u0301', { size: 9 }), there('x')];
  const findings = audit(index(entry('logo.png'), entry('caf\u00e9')), listing, undefined, 'folded');
  expect(findings.map(({ kind, path: at }) => [kind, at])).toEqual([
    ['changed', 'caf\u00e9'],
    ['foreign', 'x'],
  ]);
});
