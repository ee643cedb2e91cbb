/**
 * Builds `dist`: the types by the compiler, the program by a bundler.
 *
 * Two hundred small files take a command a sixth of its time to find and read. As a few they do not, and whoever installs
 * the package gets two others with it instead of a dozen. What is taken in keeps its licence: the texts are packed along.
 * ssh2 and @parcel/watcher stay outside because of their native parts, pino because it starts threads from files of its own.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

rmSync(dist, { recursive: true, force: true });
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], { stdio: 'inherit' });
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  external: ['ssh2', 'pino', '@parcel/watcher'],
  metafile: true,
  logLevel: 'warning',
};
const program = await build({
  ...common,
  entryPoints: {
    index: 'src/index.ts',
    'cli/main': 'src/cli/main.ts',
    'cli/watch-thread': 'src/watch/watch-thread.ts',
  },
  // All shared code lies beside the program: that is where it looks for its threads, and two folders up for its package.
  chunkNames: 'cli/[name]-[hash]',
  outdir: dist,
  splitting: true,
  format: 'esm',
  // What was written for CommonJS asks for Node's own modules by a function that modules do not have.
  banner: {
    js: "import { createRequire as requireFor } from 'node:module';\nconst require = requireFor(import.meta.url);",
  },
});
// A run waits for its thread, which shares no loaded module with the program: as one CommonJS file it is there a third sooner.
const thread = await build({
  ...common,
  entryPoints: { thread: 'src/collect/thread/thread.ts' },
  outdir: join(dist, 'cli'),
  outExtension: { '.js': '.cjs' },
  format: 'cjs',
  define: { 'import.meta.url': 'ownUrl' },
  banner: { js: "const ownUrl = require('node:url').pathToFileURL(__filename).href;" },
});
chmodSync(join(dist, 'cli', 'main.js'), 0o755);
// The status page is sent as it is, by code that looks for it beside itself.
cpSync(join(root, 'src', 'control', 'page'), join(dist, 'cli', 'page'), { recursive: true });
// So is what the project's own Python is run with.
for (const name of ['probe.py', 'collectstatic.py'])
  cpSync(join(root, 'src', 'django', name), join(dist, 'cli', name));
writeFileSync(join(dist, 'LICENSES'), licencesOf([program, thread].flatMap(({ metafile }) => Object.keys(metafile.inputs))));

/** The licence texts of all packages that the files in `paths` belong to. */
function licencesOf(paths) {
  const packages = new Set(paths.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean));
  const texts = [...packages]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
      const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e/i.test(each));
      if (file === undefined) throw new Error(`${name} has no licence text`);
      return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
    });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
