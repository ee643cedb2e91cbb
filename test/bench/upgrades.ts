/**
 * Upgrades of real packages, bytes on the wire in both directions, and a first push of text over a slow line: pushstatic with
 * compression beside `rsync -az`.
 */
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { UPGRADES, type Upgrade, unpack } from './packages.js';
import { startRelay } from './relay.js';
import { forget, type Means, pushstatic, rsync, time } from './sides.js';
import { median } from './trend.js';

const BOUND = 0.8;
const LARGEST_WHOLE = 4096; // files above that have a signature
const COMPRESS = 'push: { compress: "on" }\n';

export async function measureUpgrades(means: Means): Promise<void> {
  console.log('bytes on the wire for an upgrade, with compression; beside rsync -az');
  console.log('package                          pushstatic         rsync    ratio   bound   least');
  for (const [i, upgrade] of UPGRADES.entries())
    await measureUpgrade(upgrade, { ...means, folder: join(means.folder, `upgrade-${i}`) });
}

async function measureUpgrade({ name, from, to }: Upgrade, means: Means): Promise<void> {
  const { folder, server, withShell, environment } = means;
  const tree = join(folder, 'tree');
  await unpack(name, from, tree);
  const relays = await Promise.all([startRelay(server.port, 0), startRelay(withShell.port, 0)]);
  const sides = [
    await pushstatic({ folder, tree, server, environment }, relays[0].port, 'pushstatic', COMPRESS),
    rsync({ folder, tree, server: withShell, environment }, relays[1].port, 'rsync', '-z'),
  ];
  for (const side of sides) await time(side);
  await rm(tree, { recursive: true });
  await unpack(name, to, tree);
  const least = leastBytes(await changedFiles(sides[1]?.destination ?? '', tree));
  const before = relays.map((relay) => relay.bytes());
  for (const side of sides) await time(side);
  const [ours = 0, theirs = 0] = relays.map((relay, i) => relay.bytes() - (before[i] ?? 0));
  const columns = [`${name} ${to}`.slice(0, 30).padEnd(30), String(ours).padStart(12), String(theirs).padStart(12)];
  console.log(
    `${columns.join('  ')}  ${(ours / theirs).toPrecision(3).padStart(7)}   ${BOUND}     ${(least / theirs).toPrecision(3)}`,
  );
  for (const relay of relays) await relay.stop();
  await rm(folder, { recursive: true });
}

/** Contents of files of `tree` that `before` has otherwise or not at all. */
async function changedFiles(before: string, tree: string): Promise<Buffer[]> {
  const entries = await readdir(tree, { recursive: true, withFileTypes: true });
  const changed: Buffer[] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path);
    const old = await readFile(join(before, path.slice(tree.length))).catch(() => undefined);
    if (old?.equals(content) !== true) changed.push(content);
  }
  return changed;
}

/**
 * Of what is too short to be made of an older version: the bytes of the contents themselves as SSH would compress them, with the
 * checksum of each, which the index keeps; no name, no request, no reply and nothing of the larger files.
 */
function leastBytes(contents: readonly Buffer[]): number {
  const short = contents.filter((content) => content.length <= LARGEST_WHOLE);
  const withSums = short.flatMap((content) => [content, createHash('sha256').update(content).digest()]);
  return deflateSync(Buffer.concat(withSums)).length;
}

const TEXT = /\.(?:css|js|json|map|html|svg|txt|md)$/;
const TEXT_BYTES = 20_000_000;
const FAR_MS = 50;
const BYTES_PER_SECOND = 20_000_000 / 8;

/** 20 MB of text of those packages, over 20 Mbit/s and 50 ms. */
export async function measureSlowLine(means: Means, runs: number): Promise<void> {
  const { server, withShell, environment } = means;
  const folder = join(means.folder, 'slow-line');
  const tree = join(folder, 'tree');
  await gather(folder, tree);
  const relays = await Promise.all([server, withShell].map(({ port }) => startRelay(port, FAR_MS / 2)));
  const [ours = 0, theirs = 0] = relays.map(({ port }) => port);
  for (const relay of relays) relay.setRate(BYTES_PER_SECOND);
  const place = { folder, tree, server, environment };
  const sides = [
    { name: 'compress: on', relay: relays[0], side: await pushstatic(place, ours, 'on', COMPRESS) },
    { name: 'compress: auto', relay: relays[0], side: await pushstatic(place, ours, 'auto') },
    { name: 'rsync -az', relay: relays[1], side: rsync({ ...place, server: withShell }, theirs, 'rsync', '-z') },
  ];
  const [times, bytes] = [sides.map((): number[] => []), sides.map((): number[] => [])];
  for (let run = 0; run < runs; run++) {
    for (const [i, { relay, side }] of sides.entries()) {
      forget(side);
      const before = relay?.bytes() ?? 0;
      times[i]?.push(await time(side));
      bytes[i]?.push((relay?.bytes() ?? 0) - before);
    }
  }
  console.log('first push of 20 MB of text, 20 Mbit/s, 50 ms; medians of whole commands in milliseconds (bound: 1)');
  const least = median(times[2] ?? []);
  for (const [i, { name }] of sides.entries()) {
    const ms = median(times[i] ?? []);
    const megabytes = `${(median(bytes[i] ?? []) / 1e6).toFixed(2)} MB`;
    console.log(`${name.padEnd(16)}  ${ms.toFixed(0).padStart(8)}   ${(ms / least).toFixed(2)}   ${megabytes}`);
  }
  for (const relay of relays) await relay.stop();
  await rm(folder, { recursive: true });
}

/** The first 20 MB of text in those packages. */
async function gather(folder: string, tree: string): Promise<void> {
  let left = TEXT_BYTES;
  for (const { name, to } of UPGRADES) {
    const whole = join(folder, 'whole', name.replace('/', '-'));
    await unpack(name, to, whole);
    const files = await readdir(whole, { recursive: true, withFileTypes: true });
    for (const file of files.filter((each) => each.isFile() && TEXT.test(each.name))) {
      const from = join(file.parentPath, file.name);
      const { size } = await stat(from);
      if (size > left) continue;
      left -= size;
      const destination = join(tree, from.slice(folder.length));
      await mkdir(dirname(destination), { recursive: true });
      await cp(from, destination);
    }
  }
}
