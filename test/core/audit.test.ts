import { expect, it } from 'vitest';
import { Audit, doubtsOf, type Listed, UNKNOWN_DIGEST, wrongContent } from '../../src/core/audit.js';
import type { Naming } from '../../src/core/folding.js';
import { type TargetIndex, withPending } from '../../src/core/target-index.js';
import { entry, index, path } from '../support/entries.js';

const have = index(entry('a'), entry('b'), entry('c'), entry('d'));
const there = (name: string, rest = {}): Listed => ({ ...entry(name), kind: 'file', ...rest });
const folder = (name: string, mode = 0o755): Listed => there(name, { kind: 'folder', mode });

function audit(of: TargetIndex, listing: readonly Listed[], naming?: Naming) {
  const running = new Audit(of, { folderMode: 0o755, naming });
  for (const each of listing) running.see(each);
  return running.findings();
}

/** Kind, path and words. */
function said(of: TargetIndex, listing: readonly Listed[]) {
  return audit(of, listing).map(({ kind, path: at, message }) => [kind, at, message]);
}

it('tells apart what is missing, changed and foreign', () => {
  const listing = [there('a'), there('b', { size: 9 }), there('c', { mtime: 0 }), there('x'), folder('folder')];
  expect(said(have, listing)).toEqual([
    ['changed', 'b', 'it has 9 bytes instead of 1'],
    ['changed', 'c', 'it was written at 1970-01-01T00:00:00Z instead of 2023-11-14T22:13:20Z'],
    ['missing', 'd', 'it is missing'],
    ['foreign', 'x', 'a file that pushstatic did not put there'],
  ]);
});

it.each([
  ['folder', 'a folder is in its place'],
  ['link', 'a symbolic link is in its place'],
  ['other', 'a FIFO, a socket or a device is in its place'],
])('tells in one line that a %s is in the place of a file', (kind, message) => {
  expect(said(index(entry('a')), [there('a', { kind })])).toEqual([['changed', 'a', message]]);
});

it.each([
  ['file', 'a file'],
  ['link', 'a symbolic link'],
])('tells in one line that a %s is in the place of a folder of ours, whatever that held', (kind, name) => {
  const site = index(entry('img/a'), entry('img/deep/b'), entry('z'));
  expect(said(site, [there('img', { kind }), there('z')])).toEqual([
    ['changed', 'img', `${name} is in the place of this folder, and what it held is missing (2 of our files)`],
  ]);
});

it('finds another mode of a file, and of a folder that holds some of ours', () => {
  const site = index(entry('a'), entry('img/deep/b'));
  const listing = [there('a', { mode: 0o600 }), folder('img', 0o2755), folder('img/deep', 0o700), folder('x', 0o700)];
  expect(said(site, [...listing, there('img/deep/b')])).toEqual([
    ['changed', 'a', 'it has mode 0600 instead of 0644'],
    ['changed', 'img/deep', 'the folder has mode 0700 instead of 0755'],
  ]);
});

it('says nothing of what lies in a folder that nobody may look into, but that', () => {
  const site = index(entry('shut/deep/a'), entry('shutter/b'));
  const running = new Audit(site, { folderMode: 0o755 });
  running.seeClosed(path('shut'), 'denied');
  const findings = running.findings();
  expect(findings).toEqual([
    { kind: 'unreadable', path: 'shut/deep/a', message: 'denied' },
    { kind: 'missing', path: 'shutter/b', message: 'it is missing' },
  ]);
  expect([...doubtsOf(site, findings).keys()]).toEqual(['shutter/b']);
});

it('finds nothing where all is as recorded', () => {
  expect(audit(index(entry('img/a')), [folder('img'), there('img/a')])).toEqual([]);
});

it('tells what is pending, and what lies there', () => {
  const uncertain = withPending(have, new Map([[path('a'), entry('a', 'new')]]));
  const others = [there('b'), there('c'), there('d')];
  const begun = 'a change of it was begun and is not recorded as done';
  expect(said(uncertain, [...others, there('a')])).toEqual([
    ['unsettled', 'a', `${begun}; a file lies there now, and the next sync settles it`],
  ]);
  expect(said(uncertain, others)).toEqual([
    ['unsettled', 'a', `${begun}; nothing lies there now, and the next sync settles it`],
  ]);
});

it('doubts all that differs, and what was in a folder that is none any more, but nothing foreign', () => {
  const site = index(entry('a'), entry('b'), entry('img/c'));
  const findings = audit(site, [there('a', { size: 9 }), there('img'), there('x')]);
  expect([...doubtsOf(site, findings)]).toEqual([
    ['a', undefined],
    ['b', undefined],
    ['img/c', undefined],
  ]);
});

it('knows what a file may be that has the size and time of ours', () => {
  const site = index(entry('a'), entry('b'));
  const findings = [...audit(site, [there('a', { mode: 0o600 }), there('b')]), wrongContent(entry('b'), 'its content')];
  expect([...doubtsOf(site, findings)]).toEqual([
    ['a', entry('a', 'a', { mode: 0o600 })],
    ['b', { ...entry('b'), digest: UNKNOWN_DIGEST }],
  ]);
});

it('heeds no spelling where names are folded', () => {
  const listing = [there('Logo.png'), there('cafe\u0301', { size: 9 }), there('x')];
  const findings = audit(index(entry('logo.png'), entry('caf\u00e9')), listing, 'folded');
  expect(findings.map(({ kind, path: at }) => [kind, at])).toEqual([
    ['changed', 'caf\u00e9'],
    ['foreign', 'x'],
  ]);
});
