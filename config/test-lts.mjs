/**
 * Runs all tests, those of test/long too, on the current long-term support release of Node, whichever Node runs this. npm's
 * package `node` carries the binary. Its native modules are those of another version, so ssh2 works there without its addon, as
 * for users whose npm runs no install scripts.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LTS = 'node@24';
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'pushstatic-lts-'));
chmodSync(folder, 0o755); // a test runs the program as another user
let status = 1;
try {
  const install = ['install', '--prefix', folder, '--no-audit', '--no-fund', LTS];
  execFileSync('npm', install, { cwd: folder, stdio: ['ignore', process.stderr, process.stderr] });
  const node = join(folder, 'node_modules', '.bin', 'node');
  console.error(`pushstatic: testing on ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`);
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const tests = [vitest, 'run', '--config', 'config/vitest.config.ts', ...process.argv.slice(2)];
  const env = { ...process.env, TMPDIR: tmpdir() }; // where the others have a RAM disk, these have a plain one
  status = spawnSync(node, tests, { cwd: root, env, stdio: 'inherit' }).status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = status;
