/** In which dress the log comes, by where stderr goes. */
import { once } from 'node:events';
import { createWriteStream, statSync, type WriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeLog } from '../src/cli/log.js';
import { Output, type Terminal } from '../src/cli/output.js';
import type { Config } from '../src/config/schema.js';

let folder: string;
let file: string;
let stderr: WriteStream;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-log-'));
  file = join(folder, 'stderr');
  stderr = createWriteStream(file);
  await once(stderr, 'open');
});

afterEach(async () => {
  stderr.destroy();
  await rm(folder, { recursive: true, force: true });
});

interface Place {
  /** What systemd said about the journal's stream; by default that it is this one. */
  readonly journal?: string | undefined;
  readonly isTTY?: boolean;
  readonly service?: boolean;
  readonly verbosity?: number;
  readonly log?: Partial<Config['log']>;
}

/** The log of a run whose stderr is a real file. */
function logAt(place: Place): Promise<Logger | undefined> {
  const { journal, isTTY = false, service = true, verbosity = 0, log } = place;
  const stream = Object.assign(stderr, { isTTY, fd: (stderr as unknown as { fd: number }).fd });
  const terminal = { stdout: stream, stderr: stream, env: { JOURNAL_STREAM: journal } } as unknown as Terminal;
  const config = { log: { level: 'info', format: 'auto', ...log } } as Config;
  return makeLog(config, new Output(terminal, { verbosity, json: false, color: false }), { service });
}

function ourStream(): string {
  const { dev, ino } = statSync(file);
  return `${dev}:${ino}`;
}

/** What stands in the file once `write` has written to the log. */
async function written(log: Logger | undefined, write: (log: Logger) => void): Promise<string> {
  if (log === undefined) expect.fail('there is no log');
  write(log);
  await new Promise((resolve) => stderr.end(resolve));
  return readFile(file, 'utf8');
}

describe('in the journal', () => {
  test('each line has its priority, and nothing that the journal adds itself', async () => {
    const text = await written(await logAt({ journal: ourStream(), log: { level: 'trace' } }), (log) => {
      for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log[level](`a ${level}`);
    });
    expect(text).toBe('<7>a trace\n<7>a debug\n<6>a info\n<4>a warn\n<3>a error\n<3>a fatal\n');
  });

  test('fields stand after the message', async () => {
    const text = await written(await logAt({ journal: ourStream() }), (log) => {
      log.info({ target: 'web1', files: 3, why: 'it is new' }, 'published');
      log.info({ target: 'web1' });
    });
    expect(text).toBe('<6>published target=web1 files=3 why="it is new"\n<6>target=web1\n');
  });

  test('a message of several lines has its priority on each, and no name can forge one', async () => {
    const text = await written(await logAt({ journal: ourStream() }), (log) => {
      log.error({ path: 'a\n<0>b' }, 'first\nsecond\u001b[2J');
    });
    expect(text).toBe('<3>first\n<3>second\\u{1b}[2J path="a\\n<0>b"\n');
  });

  test('an error is one line, with its stack', async () => {
    const text = await written(await logAt({ journal: ourStream() }), (log) => {
      log.error({ err: new RangeError('too far') }, 'failed');
    });
    expect(text).toMatch(/^<3>failed err=\{"type":"RangeError","message":"too far","stack":"RangeError: [^\n]*"\}\n$/);
  });

  test('is also where a run by a timer writes', async () => {
    const log = await logAt({ journal: ourStream(), service: false });
    expect(await written(log, (each) => each.info('done'))).toBe('<6>done\n');
  });

  test('is not where stderr goes when it was sent elsewhere', async () => {
    const log = await logAt({ journal: '8:1' });
    expect(JSON.parse(await written(log, (each) => each.info('done')))).toMatchObject({ msg: 'done' });
  });
});

describe('elsewhere', () => {
  test('a service writes JSON, one object a line', async () => {
    const text = await written(await logAt({}), (log) => log.info({ target: 'web1' }, 'published'));
    expect(JSON.parse(text)).toEqual({
      level: 30,
      time: expect.any(Number),
      pid: process.pid,
      hostname: expect.any(String),
      name: 'pushstatic',
      target: 'web1',
      msg: 'published',
    });
  });

  test.each([
    ['a service at a terminal', { isTTY: true }],
    ['a run that somebody started', { service: false }],
    ['a service that is told so', { log: { format: 'pretty' } }],
    ['a service in the journal that is told so', { journal: 'ours', log: { format: 'pretty' } }],
  ] as const)('%s has plain lines and no log', async (_, place) => {
    const journal = 'journal' in place ? ourStream() : undefined;
    expect(await logAt({ ...place, journal })).toBeUndefined();
  });

  test('json is JSON everywhere', async () => {
    const log = await logAt({ journal: ourStream(), isTTY: true, service: false, log: { format: 'json' } });
    expect(JSON.parse(await written(log, (each) => each.info('done')))).toMatchObject({ msg: 'done' });
  });
});

describe('the log', () => {
  test.each(['ours', undefined])('hides secrets, wherever they stand (journal: %s)', async (journal) => {
    const text = await written(await logAt({ journal: journal && ourStream() }), (log) => {
      log.info({ password: 'hunter2', target: { name: 'web1', passphrase: 'hunter2' } }, 'a');
      log.info({ request: { headers: { authorization: 'Bearer hunter2', cookie: 'hunter2' } }, token: 'hunter2' }, 'b');
    });
    expect(text).not.toContain('hunter2');
    expect(text.match(/\[hidden\]/g)).toHaveLength(5);
    expect(text).toContain('web1');
  });

  test.each([
    [-1, ['error']],
    [0, ['warn', 'error']],
    [1, ['debug', 'warn', 'error']],
    [2, ['trace', 'debug', 'warn', 'error']],
  ])('with verbosity %i has the levels that were asked for', async (verbosity, expected) => {
    const text = await written(await logAt({ journal: ourStream(), verbosity, log: { level: 'warn' } }), (log) => {
      for (const level of ['trace', 'debug', 'warn', 'error'] as const) log[level](level);
    });
    expect(text.replace(/<\d>/g, '').trim().split('\n')).toEqual(expected);
  });
});
