/** Targets whose file system takes two names for one, as those of macOS and Windows do (F31, F57). */
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { problemsOf } from '../src/core/outcome.js';
import { foldedPath } from '../src/core/relpath.js';
import { TargetError } from '../src/errors.js';
import { MemoryTarget } from '../src/targets/memory.js';
import { Crash, crashAt } from './support/crashing-target.js';
import { type Bench, controlFiles, makeBench, publicTree, type Site } from './support/cycle.js';
import { FoldingTarget } from './support/folding-target.js';
import { hooked } from './support/hooked-target.js';
import { makeProject, on, type Project, published } from './support/project.js';
import { type SftpServer, startSftpServer } from './support/sftp-server.js';
import type { Tree } from './support/tree.js';

describe('a file that is renamed by its case alone', () => {
  it.each([
    ['img/Logo.png', 'img/logo.png'],
    ['IMG/logo.png', 'img/logo.png'],
    ['caf\u00e9.png', 'cafe\u0301.png'],
  ])('stays, from %j to %j, with its new content (F31, F57)', async (before, after) => {
    for (const spelling of ['new spelling', 'old spelling'] as const) {
      const bench = await makeBench();
      const target = new FoldingTarget(spelling);
      await bench.publish(target, { [before]: 'one', 'a.css': 'a' });
      const { index, outcomes } = await bench.publish(target, { [after]: 'two', 'a.css': 'a' });
      expect(problemsOf(outcomes)).toEqual([]);
      expect([...index.entries].map(({ path }) => path).sort()).toEqual(['a.css', after].sort());
      expect(Object.values(await publicTree(target)).sort()).toEqual(['a', 'two']);
      expect((await bench.publish(target, { [after]: 'two', 'a.css': 'a' })).plan.changes).toEqual([]);
    }
  });

  it('gets the new spelling where the server gives it one', async () => {
    const bench = await makeBench();
    const target = new FoldingTarget('new spelling');
    await bench.publish(target, { 'Logo.png': 'one' });
    await bench.publish(target, { 'logo.png': 'one' });
    expect(await publicTree(target)).toEqual({ 'logo.png': 'one' });
  });

  it('is there at every moment', async () => {
    const bench = await makeBench();
    const target = new FoldingTarget();
    await bench.publish(target, { 'Logo.png': 'one' });
    const seen = new Set<string>();
    const look = async (): Promise<void> => void seen.add(Object.values(await publicTree(target)).join());
    await bench.publish(hooked(target, look, look), { 'logo.png': 'two' });
    expect([...seen]).toEqual(['one', 'two']);
  });
});

describe('a rename by case that breaks off', () => {
  const before = { 'Logo.png': 'one', 'a.css': 'a', 'index.html': 'page' };
  const after = { 'a.css': 'a', 'index.html': 'page 2', 'logo.png': 'two' };

  it.each(['before', 'after'] as const)(
    'at any step leaves the file, and is ended by the next run (%s)',
    async (moment) => {
      const bench = await makeBench();
      const counted = crashAt(await holding(bench, before), Number.POSITIVE_INFINITY, moment);
      await bench.publish(counted, after);
      for (let at = 1; at <= counted.changes(); at++) {
        for (const memory of ['kept', 'lost'] as const) {
          const target = await holding(bench, before);
          await expect(bench.publish(crashAt(target, at, moment), after)).rejects.toBeInstanceOf(Crash);
          expect(await publicTexts(target)).toMatch(/^(?:one|two),a,page(?: 2)?$/);
          if (memory === 'lost') await bench.forgetState();
          const { index, outcomes } = await bench.publish(target, after);
          expect(problemsOf(outcomes)).toEqual([]);
          expect([...index.entries].map(({ path }) => path)).toEqual(['a.css', 'index.html', 'logo.png']);
          expect(await publicTexts(target)).toBe('two,a,page 2');
        }
      }
    },
  );

  it('is not taken for an old file under the old name', async () => {
    const bench = await makeBench();
    const target = await holding(bench, before);
    const refuse = (kind: string, [, to]: readonly unknown[]): void => {
      if (kind === 'rename' && to === 'index.html') throw new TargetError('denied', 'no');
    };
    const { index, outcomes } = await bench.publish(hooked(target, refuse), after);
    expect(problemsOf(outcomes).map(({ code }) => code)).toEqual(['DENIED', 'HELD_BACK']);
    expect([...index.entries].map(({ path }) => path)).toEqual(['a.css', 'index.html', 'logo.png']);
    expect([...index.pending.keys()]).toEqual(['Logo.png']);
    expect((await bench.publish(target, after)).index.pending.size).toBe(0);
    expect(await publicTexts(target)).toBe('two,a,page 2');
  });
});

it('two names that are one are refused before anything is published, at a first push too', async () => {
  const bench = await makeBench();
  const target = new FoldingTarget();
  await expect(bench.publish(target, TWINS)).rejects.toThrow('Logo.png and logo.png');
  expect(await publicTree(target)).toEqual({});
  await bench.publish(target, { 'Logo.png': 'one' });
  await expect(bench.publish(target, TWINS)).rejects.toThrow('Logo.png and logo.png');
  expect(await publicTree(target)).toEqual({ 'Logo.png': 'one' });
});

it('how a target takes names is asked beside what is asked anyway', async () => {
  const bench = await makeBench();
  const inner = new MemoryTarget();
  const asked: string[] = [];
  const target = hooked(
    inner,
    (kind, [at]) => void asked.push(`${kind} ${String(at)}`),
    (kind, [at]) => void asked.push(`after ${kind} ${String(at)}`),
  );
  await bench.publish(target, { 'a.css': 'a' });
  const isFirstOfRun = (each: string): boolean => each.startsWith('after makeFolderAmong ');
  expect(asked.slice(0, asked.findIndex(isFirstOfRun))).toContain('removeFolder .pushstatic/STAGE');
  asked.length = 0;
  await bench.publish(target, { 'a.css': 'a' });
  expect(asked.slice(0, 4).sort()).toEqual([
    'read .pushstatic/head',
    'rootMode undefined',
    'stat .pushstatic',
    'stat .pushstatic/HEAD',
  ]);
  expect((await controlFiles(inner)).sort()).toEqual(['head', 'journal', 'snapshot']);
});

describe('the program, with a server that folds names', () => {
  it.each([
    ['img/Logo.png', 'img/logo.png'],
    ['img/caf\u00e9.png', 'img/cafe\u0301.png'],
  ])('keeps %j that becomes %j, and verify agrees (F31, F57)', async (before, after) => {
    const { project, remote } = await withFoldingServer({ [`assets/${before}`]: 'old', 'assets/a.css': 'a' });
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2 }] });
    await rename(join(project.assets, before), join(project.assets, after));
    await writeFile(join(project.assets, after), 'new');
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 1, problems: [] }] });
    expect(Object.values(await published(join(remote.folder, 'static')))).toEqual(['a', 'new']);
    expect(await project.program.run('verify', '--content')).toMatchObject({ status: 0 });
    await project.forgetState();
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 0, removed: 0 }] });
  });

  it('refuses two names that are one there, and names both (F31)', async () => {
    const { project, remote } = await withFoldingServer({ 'assets/img/Logo.png': 'one', 'assets/a.css': 'a' });
    await writeFile(join(project.assets, 'img/logo.png'), 'two');
    const first = await project.sync();
    expect(first).toMatchObject({ status: 5, targets: [{ error: { code: 'REFUSED' } }] });
    expect(first.stderr).toContain('img/Logo.png and img/logo.png');
    expect(await published(join(remote.folder, 'static'))).toEqual({});
    await project.configure({ targets: { web: on(remote, 'static', { exclude: ['img/Logo.png'] }) } });
    expect(await project.sync()).toMatchObject({ status: 0, targets: [{ uploaded: 2 }] });
    await project.configure({});
    expect(await project.sync()).toMatchObject({ status: 5 });
    const tree = { 'a.css': 'a', 'img/logo.png': 'two' };
    expect(await published(join(remote.folder, 'static'))).toEqual(tree);
  });

  it('never takes a file for one of the control area', async () => {
    const { project, remote } = await withFoldingServer({ 'assets/.PushStatic/head': 'forged', 'assets/a.css': 'a' });
    await project.configure({ source: { dirs: ['assets'], ignore: [] } });
    const { status, collect } = await project.sync();
    expect(status).toBe(1);
    expect(collect.problems).toMatchObject([{ path: '.PushStatic', code: 'BAD_NAME' }]);
    expect(await published(join(remote.folder, 'static'))).toEqual({ 'a.css': 'a' });
  });
});

async function holding(bench: Bench, site: Site): Promise<FoldingTarget> {
  const target = new FoldingTarget();
  await bench.forgetState();
  await bench.publish(target, site);
  return target;
}

/** Of `logo.png` however it is spelled, and the others. */
async function publicTexts(target: FoldingTarget): Promise<string> {
  const tree = Object.entries(await publicTree(target)).map(([name, text]) => [foldedPath(name), text] as const);
  const texts = new Map(tree);
  return ['logo.png', 'a.css', 'index.html'].map((name) => texts.get(name)).join();
}

async function withFoldingServer(tree: Tree): Promise<{ project: Project; remote: SftpServer }> {
  const remote = await startSftpServer({ keyOf: foldedPath });
  onTestFinished(() => remote.stop());
  return { remote, project: await makeProject({ targets: { web: on(remote, 'static') } }, tree) };
}

const TWINS = { 'Logo.png': 'one', 'logo.png': 'two' };
