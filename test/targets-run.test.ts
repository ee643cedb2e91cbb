import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { Output, type Terminal } from '../src/cli/output.js';
import { runTargets } from '../src/cli/targets-run.js';
import { nameOf, type RelPath } from '../src/core/relpath.js';
import { MemoryTarget } from '../src/targets/memory.js';
import type { RemoteFile } from '../src/targets/target.js';
import { makeBench, publicTree } from './support/cycle.js';

test('two targets that lead to one place are two writers there', async () => {
  const holders: string[] = [];
  class Shared extends MemoryTarget {
    override async makeFolderAmong(path: RelPath, mode: number): Promise<RemoteFile[]> {
      holders.push(nameOf(path));
      return super.makeFolderAmong(path, mode);
    }
  }
  const target = new Shared();
  const bench = await makeBench();
  const snapshot = await bench.plant({ a: 'a', 'css/b': 'b' });
  const jobs = [bench.job(target), { ...bench.job(target), name: 'alias' }];
  const collected = { files: 2, copied: 0, removed: 0, hashed: 0, durationMs: 0, problems: [] };
  const local = Promise.resolve({ snapshot: async () => snapshot, report: collected, baseline: () => undefined });
  const terminal = { stdout: new PassThrough(), stderr: new PassThrough(), env: {} } as unknown as Terminal;
  const output = new Output(terminal, { verbosity: 0, json: false, color: false });
  const face = { event: () => undefined, collecting: () => undefined, end: () => undefined };
  const { reports } = await runTargets({ face }, jobs, local, bench.options(), { output });
  expect(reports.map(({ ok }) => ok)).toEqual([true, true]);
  expect(new Set(holders).size).toBeGreaterThan(1);
  expect(await publicTree(target)).toEqual({ a: 'a', 'css/b': 'b' });
});
