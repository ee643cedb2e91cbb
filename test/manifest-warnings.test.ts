/** What is said of references that lead nowhere where `static.manifest.missing` is `warn`. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, QUICK, startDaemon } from './support/daemon.js';
import { inFolder, makeProject, type Project } from './support/project.js';
import { plant, type Tree, temporaryFolder } from './support/tree.js';

const DEAD: Tree = { 'assets/css/app.css': 'a { }\nb { c: url(gone.png) }\n' };
const WARNING = 'css/app.css: line 2 refers to css/gone.png, which no source has: url(gone.png); left as it is';

async function makeScene(tree: Tree): Promise<Project> {
  const web = inFolder(join(await temporaryFolder(), 'static'));
  const statics = { root: 'var/static', storage: 'manifest', manifest: { missing: 'warn' } };
  return makeProject({ targets: { web }, static: statics, watch: QUICK, daemon: { http: false } }, tree);
}

function warningsIn(text: string): string[] {
  return text.match(/(?<=warning: ).*/g) ?? [];
}

describe('a reference that leads nowhere is told of once in a run, with file, line and reference', () => {
  it.each([[['collect']], [['collect', '--dry-run']], [['sync']], [['diff']]])('by %j', async (words) => {
    const { program } = await makeScene(DEAD);
    const { status, stderr } = await program.run(...words);
    expect(status).toBe(0);
    expect(warningsIn(stderr)).toEqual([WARNING]);
  });

  it('by every run, also when nothing has changed', async () => {
    const { program } = await makeScene(DEAD);
    for (let run = 0; run < 2; run++) expect(warningsIn((await program.run('sync')).stderr)).toEqual([WARNING]);
  });

  it('by a daemon, however often the file is collected', async () => {
    const scene = await makeScene(DEAD);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    for (const text of ['1', '2', '3']) {
      const { cycles } = await daemon.inSync();
      await plant(scene.folder, { ...DEAD, 'assets/img/new.png': text });
      await plant(scene.folder, { 'assets/css/app.css': `a { }\nb { c: url(gone.png) }\n/* ${text} */` });
      await daemon.until((status) => (status.cycles[0]?.id ?? 0) > (cycles[0]?.id ?? 0));
    }
    await scene.program.run('trigger', '--wait');
    const { stderr } = await daemon.stop();
    expect(stderr.split(WARNING)).toHaveLength(2); // it is a log, with other words around it
  });

  it('by a daemon, to whoever lets it sync', async () => {
    const scene = await makeScene(DEAD);
    const daemon = await startDaemon(scene);
    await daemon.inSync();
    await plant(scene.folder, { 'assets/css/app.css': 'b { c: url(other.png) }' });
    await eventually('it is told', () => daemon.output.stderr.includes('css/other.png'));
    const { status, stderr } = await scene.program.run('sync');
    expect([status, warningsIn(stderr)]).toEqual([
      0,
      ['css/app.css: line 1 refers to css/other.png, which no source has: url(other.png); left as it is'],
    ]);
  });
});

it('of many references the first are told, and how many more there are, by every run', async () => {
  const many = Array.from({ length: 100 }, (_, at) => `a { b: url(${at}.png) }`).join('\n');
  const { program, folder } = await makeScene({ 'assets/app.css': many, 'assets/other.css': 'a { }' });
  for (const text of ['b { }', 'c { }']) {
    const warnings = warningsIn((await program.run('collect')).stderr);
    expect(warnings).toHaveLength(21);
    expect(warnings[19]).toBe('app.css: line 20 refers to 19.png, which no source has: url(19.png); left as it is');
    expect(warnings[20]).toBe('80 more references lead nowhere and were left as they are');
    await plant(folder, { 'assets/other.css': text });
  }
});

it.each([['collect'], ['sync'], ['diff']])('the document of %s --json stands alone on stdout', async (command) => {
  const { program } = await makeScene(DEAD);
  const { json, stderr } = await program.run(command, '--json');
  expect(json()).toMatchObject({ ok: true });
  expect(warningsIn(stderr)).toEqual([WARNING]);
});

it('the documents of watch --json stand alone on stdout, one a line', async () => {
  const scene = await makeScene(DEAD);
  const daemon = await startDaemon(scene, { command: 'watch', words: ['--json'] });
  await daemon.inSync();
  const { stdout, stderr } = await daemon.stop();
  for (const line of stdout.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ ok: true });
  expect(warningsIn(stderr)).toEqual([WARNING]);
});
