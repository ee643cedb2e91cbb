/**
 * The least that a program in Node can do of a collect, in two threads. `first` reads and hashes each file, and writes it under
 * two names as whole files; `look` asks what lies at each place of the sources and of STATIC_ROOT. No text is looked into, and
 * nothing is kept for a next run.
 *
 *   node least-collect.mjs first|look ASSETS STATIC_ROOT
 */
import { hash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join, parse } from 'node:path';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const MOST_BYTES = 1024 * 1024;
const scratch = Buffer.allocUnsafeSlow(MOST_BYTES);

const [mode, assets, root] = isMainThread ? process.argv.slice(2) : workerData;
if (isMainThread) {
  const other = new Worker(new URL(import.meta.url), { workerData: [mode, assets, root] });
  other.on('error', (error) => {
    throw error;
  });
}
const half = isMainThread ? 0 : 1;
const folders = [assets, ...(mode === 'look' ? [root] : [])].flatMap((top) =>
  readdirSync(top, { withFileTypes: true }).flatMap((each) => (each.isDirectory() ? [join(top, each.name)] : [])),
);
for (const [i, folder] of folders.entries()) if (i % 2 === half) visit(folder);

function visit(folder) {
  const into = root + folder.slice(assets.length);
  if (mode === 'first') mkdirSync(into, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (mode === 'look') lstatSync(`${folder}/${name}`);
    else collect(`${folder}/${name}`, into, name);
  }
}

function collect(file, into, name) {
  const content = read(file);
  hash('sha256', content);
  const { name: stem, ext } = parse(name);
  write(content, into, name);
  write(content, into, `${stem}.${hash('md5', content).slice(0, 12)}${ext}`);
}

function read(file) {
  const handle = openSync(file, 'r');
  const { size } = fstatSync(handle);
  readSync(handle, scratch, 0, size, 0);
  closeSync(handle);
  return scratch.subarray(0, size);
}

function write(content, into, name) {
  const temporary = `${into}/.${name}.part`;
  const handle = openSync(temporary, 'wx');
  writeSync(handle, content, 0, content.length, 0);
  closeSync(handle);
  renameSync(temporary, `${into}/${name}`);
}
