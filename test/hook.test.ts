/** Real shells, well behaved and not. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { loadConfig } from '../src/config/load.js';
import { type HookOptions, type HookResult, hookEnv, runHook } from '../src/daemon/hook.js';

const LONG_MS = 60_000; // never reached, unless a test fails
const SOON_MS = 20_000; // much less than that, on a machine however busy
const DEADLINE = { timeout: SOON_MS, interval: 20 };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-hook-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function hook(command: string, options: Partial<HookOptions> = {}): Promise<HookResult> {
  const env = { PATH: process.env['PATH'] };
  return runHook(command, { paths: [], cwd: folder, env, timeoutMs: LONG_MS, ...options });
}

const inFolder = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

describe('the command', () => {
  test('gets the changed paths on its stdin, one a line, in the folder of the project', async () => {
    const result = await hook('cat > got', { paths: ['css/a b.css', "js/it's $HOME.js", 'ü.txt'] });
    expect(result).toEqual({ failure: undefined, warning: undefined, output: '', durationMs: expect.any(Number) });
    expect(await inFolder('got')).toBe("css/a b.css\njs/it's $HOME.js\nü.txt\n");
  });

  test('gets no path with a line break, and that is said', async () => {
    const result = await hook('cat > got', { paths: ['a', 'b\nc', 'd'] });
    expect(result.failure).toBeUndefined();
    expect(result.warning).toBe('1 path has a line break in it and was not given to hooks.after');
    expect(await inFolder('got')).toBe('a\nd\n');
  });

  test('gets all of very many paths', async () => {
    const paths = Array.from({ length: 200_000 }, (_, number) => `some/folder/of/files/${number}.css`);
    expect((await hook('wc -l', { paths })).output.trim()).toBe('200000');
  });

  test('gets this environment and no other', async () => {
    const { output } = await hook('env', { env: { PATH: process.env['PATH'], SPECIAL: 'yes' } });
    expect(output).toContain('SPECIAL=yes');
    expect(output).not.toContain('VITEST');
  });

  test('may be a pipeline, and its output is kept, whichever way it comes', async () => {
    const result = await hook('sort -r | head -1; echo trouble >&2', { paths: ['a', 'c', 'b'] });
    expect(result.output.split('\n').toSorted()).toEqual(['c', 'trouble']);
  });
});

describe('its environment', () => {
  test('tells what was published where, and holds neither secrets nor the service manager', async () => {
    await writeFile(
      join(folder, 'pushstatic.yaml'),
      'source: { dirs: [a] }\nstatic: { root: out }\ndaemon: { tokenEnv: TOKEN }\ntargets:\n' +
        '  web1: { url: sftp://h/a, passwordEnv: PW }\n  web2: { url: sftp://h/b, passphraseEnv: PP }\n',
    );
    const config = await loadConfig({ cwd: folder, env: {} });
    const targets = [
      { name: 'web1', generation: 7 },
      { name: 'web2', generation: 12 },
    ];
    const secrets = { PW: 'x', PP: 'y', TOKEN: 'z' };
    const env = { HOME: '/h', ...secrets, NOTIFY_SOCKET: '/n', WATCHDOG_PID: '1', WATCHDOG_USEC: '1' };
    expect(hookEnv(config, targets, env)).toEqual({
      HOME: '/h',
      PUSHSTATIC_CONFIG: join(folder, 'pushstatic.yaml'),
      PUSHSTATIC_TARGETS: 'web1 web2',
      PUSHSTATIC_GENERATIONS: '7 12',
    });
  });
});

describe('a command that fails', () => {
  test.each([
    ['exit 3', 'hooks.after ended with status 3'],
    ['echo first; echo no such zone >&2; exit 1', 'hooks.after ended with status 1: no such zone'],
    ['kill -SEGV $$', 'hooks.after was ended by SIGSEGV'],
    ['nosuchcommand', expect.stringMatching(/^hooks\.after ended with status 127: .*nosuchcommand: not found$/)],
    ['fi', expect.stringMatching(/^hooks\.after ended with status 2: .*yntax error/)],
  ])('says so in a sentence: %s', async (command, failure) => {
    expect(await hook(command)).toMatchObject({ failure });
  });

  test('for want of its folder does too', async () => {
    const { failure } = await hook('true', { cwd: join(folder, 'gone') });
    expect(failure).toMatch(/^hooks\.after could not be run in .*\/gone: .*ENOENT/);
  });

  test('before it began, because of what cannot be given to it, does too', async () => {
    const { failure } = await hook(`true ${'x'.repeat(1024 * 1024)}`);
    expect(failure).toMatch(/^hooks\.after could not be run in .*: .*E2BIG/);
  });
});

describe('a command that misbehaves', () => {
  test('by writing 100 MB is read to its end, of which the last 4 KiB are kept', async () => {
    const { failure, output } = await hook('head -c 100000000 /dev/zero | tr "\\0" x; echo; echo the end');
    expect(failure).toBeUndefined();
    expect(output).toBe(`${'x'.repeat(4096 - '\nthe end\n'.length)}\nthe end`);
  });

  test('by writing characters of several bytes has none of them cut in two', async () => {
    const { output } = await hook('yes äöü | tr -d "\\n" | head -c 60001');
    expect(output.slice(0, -1)).toMatch(/^[äöü]{2040,}$/); // the last one is cut by head
  });

  test('by not reading its stdin is none that failed', async () => {
    const paths = Array.from({ length: 100_000 }, (_, number) => `file-${number}`);
    expect(await hook('exec <&-; echo done', { paths })).toMatchObject({ failure: undefined, output: 'done' });
    expect(await hook('exit 0', { paths })).toMatchObject({ failure: undefined });
  });

  test('by leaving a child that holds its stdout open is not waited for, and the child lives on', async () => {
    const began = performance.now();
    const command = '(while [ ! -e go ]; do sleep 0.05; done; touch went) & echo started';
    expect(await hook(command)).toMatchObject({ failure: undefined, output: 'started' });
    expect(performance.now() - began).toBeLessThan(SOON_MS);
    await writeFile(join(folder, 'go'), '');
    await vi.waitFor(() => inFolder('went'), DEADLINE);
  });

  test('by hanging is ended with all that it started', async () => {
    const { failure } = await hook('sleep 1000 & echo $! > child; sleep 1000', { timeoutMs: 1500 });
    expect(failure).toBe('hooks.after took longer than hooks.timeout (1s500ms) and was ended');
    expect(await isRunning('child')).toBe(false);
  });

  test('by refusing to end is killed with all that it started', async () => {
    const command = 'trap "" TERM; (sleep 1000 & echo $! > child; wait) & while :; do sleep 1; done';
    const { failure, durationMs } = await hook(command, { timeoutMs: 1500 });
    expect(failure).toContain('took longer');
    expect(durationMs).toBeLessThan(SOON_MS);
    await vi.waitFor(async () => expect(await isRunning('child')).toBe(false), DEADLINE);
  });
});

describe('the signal', () => {
  test('ends the command', async () => {
    const abort = new AbortController();
    const ended = hook('touch ready; sleep 1000', { signal: abort.signal });
    await vi.waitFor(() => inFolder('ready'), DEADLINE);
    abort.abort();
    expect(await ended).toMatchObject({ failure: 'hooks.after was ended, because pushstatic ends' });
  });

  test('leaves it time to clean up', async () => {
    const abort = new AbortController();
    const command = 'trap "sleep 0.3; touch cleaned; exit" TERM; touch ready; while :; do sleep 0.05; done';
    const ended = hook(command, { signal: abort.signal });
    await vi.waitFor(() => inFolder('ready'), DEADLINE);
    abort.abort();
    await ended;
    expect(await inFolder('cleaned')).toBe('');
  });

  test('that came before keeps it from being run', async () => {
    const result = await hook('touch ran', { signal: AbortSignal.abort() });
    expect(result.failure).toBe('hooks.after was not run, because pushstatic ends');
    await expect(inFolder('ran')).rejects.toThrow('ENOENT');
  });
});

/** Whether the process lives whose id the command wrote to `file`. One that only waits for its parent does not. */
async function isRunning(file: string): Promise<boolean> {
  const pid = (await inFolder(file)).trim();
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return status !== '' && !/\) [ZX] /.test(status);
}
