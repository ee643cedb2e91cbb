import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { watch as watchFolder } from 'node:fs';
import { chmod, chown, link, lstat, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { followTrigger } from '../src/cli/follow-trigger.js';
import { claim } from '../src/control/claim.js';
import { type Client, connectDaemon } from '../src/control/client.js';
import { type Control, openControl } from '../src/control/control.js';
import { healthOf, isReady } from '../src/control/health.js';
import { makeServing, sendJson } from '../src/control/server.js';
import { ownSocketPath, socketPathsFor } from '../src/control/socket-path.js';
import type { DaemonEvent } from '../src/daemon/service.js';
import type { TargetStatus } from '../src/daemon/status.js';
import { ConfigError, ControlError, LockedError, SafetyError, SourceError, TargetError } from '../src/errors.js';
import { makeGate } from './support/hooked-target.js';
import { aCycle, aTarget, inMs, REPORT, ScriptedService } from './support/scripted-service.js';

let folder: string;
let path: string;
let service: ScriptedService;
let opened: Control[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pushstatic-control-'));
  path = join(folder, 'run', 'site.sock');
  service = new ScriptedService();
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((control) => control.close()));
  await rm(folder, { recursive: true, force: true });
});

async function start(at: string = path, its: ScriptedService = service): Promise<Control> {
  const control = await openControl(its, { socketPaths: [at], http: false });
  opened.push(control);
  return control;
}

async function client(): Promise<Client> {
  const found = await connectDaemon(path);
  if (found === undefined) throw new Error('no daemon listens');
  return found;
}

test('a daemon that listens at another place of the same configuration is the only one', async () => {
  const [one, two] = [join(folder, 'one.sock'), join(folder, 'two.sock')];
  await start(one);
  const second = openControl(new ScriptedService(), {
    socketPaths: [two, join(folder, 'none.sock'), one],
    http: false,
  });
  await expect(second).rejects.toBeInstanceOf(LockedError);
});

test('of two daemons that start at once at two places of one configuration, one is left', async () => {
  for (let round = 0; round < 30; round++) {
    const [one, two] = [join(folder, `${round}-a.sock`), join(folder, `${round}-b.sock`)];
    const servings = [makeServing(), makeServing()] as const;
    for (const { answer } of servings)
      answer({ 'GET /status': ({ response }) => sendJson(response, 200, { pid: round }) });
    const ends = await Promise.allSettled([
      claim(servings[0].server, one, [two]),
      claim(servings[1].server, two, [one]),
    ]);
    const won = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
    expect(won).toHaveLength(1);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(LockedError);
    await won[0]?.release();
    await Promise.all(servings.map((serving) => serving.close()));
    expect(await readdir(folder)).toEqual([]);
  }
});

test('a socket of another user is not believed, and one in a folder that cannot be looked into is none', async () => {
  await start();
  const own = process.getuid?.() ?? 0;
  if (own === 0) await chown(path, 4711, 4711);
  const user = vi.spyOn(process, 'getuid').mockReturnValue(4712);
  await expect(connectDaemon(path)).rejects.toThrow('it belongs to another user');
  user.mockRestore();
  if (own === 0) return;
  await chmod(dirname(path), 0);
  expect(await connectDaemon(path)).toBeUndefined();
  await chmod(dirname(path), 0o700);
});

describe('the place of the socket', () => {
  const settings = { file: '/srv/site/pushstatic.yaml', daemon: { socket: 'auto' } };

  test('is in the runtime folder of the service, else of the user, else beside the state', () => {
    const user = { HOME: '/home/u', XDG_RUNTIME_DIR: '/run/user/1000' };
    expect(dirname(ownSocketPath(settings, { ...user, RUNTIME_DIRECTORY: '/run/a:/run/b' }))).toBe('/run/a');
    expect(dirname(ownSocketPath(settings, user))).toBe('/run/user/1000/pushstatic');
    expect(dirname(ownSocketPath(settings, { HOME: '/home/u' }))).toBe('/home/u/.local/state/pushstatic');
  });

  test('is also looked for where the service manager would have put it', () => {
    const asService = ownSocketPath(settings, { HOME: '/x', RUNTIME_DIRECTORY: '/run/pushstatic' });
    expect(socketPathsFor(settings, { HOME: '/home/u' })).toContain(asService);
  });

  test('is looked for wherever a daemon of the same user may listen, whatever environment it was started in', () => {
    const environments = [
      { HOME: '/home/u' },
      { HOME: '/home/u', XDG_RUNTIME_DIR: '/run/user/1000' },
      { HOME: '/home/u', RUNTIME_DIRECTORY: '/run/pushstatic' },
    ];
    for (const env of environments)
      for (const other of environments)
        expect(socketPathsFor(settings, env, 1000)).toContain(ownSocketPath(settings, other, 1000));
  });

  test('is another one for every configuration', () => {
    const files = ['/a/site/pushstatic.yaml', '/b/site/pushstatic.yaml', '/a/site/other.yaml'];
    const paths = files.map((file) => socketPathsFor({ ...settings, file }, { HOME: '/home/u' })[0]);
    expect(new Set(paths).size).toBe(3);
  });

  test('is the configured one, and then no other', () => {
    expect(socketPathsFor({ ...settings, daemon: { socket: '/run/x.sock' } }, { HOME: '/home/u' })).toEqual([
      '/run/x.sock',
    ]);
  });

  test('has a shorter name where a long one does not fit', () => {
    const file = `/srv/${'x'.repeat(100)}/pushstatic.yaml`;
    const [own] = socketPathsFor({ ...settings, file }, { HOME: '/home/u' });
    expect(own).toMatch(/^\/home\/u\/\.local\/state\/pushstatic\/[0-9a-f]{12}\.sock$/);
  });

  test('that is too long is refused with the key to set, before the kernel cuts it off', async () => {
    const long = { HOME: `/home/${'u'.repeat(90)}` };
    expect(() => ownSocketPath(settings, long)).toThrow(ConfigError);
    expect(() => ownSocketPath(settings, long)).toThrow(/set daemon\.socket to a shorter one/);
    // Whoever looks for a daemon has nothing to look for there.
    expect(socketPathsFor(settings, long, 7)).toEqual([
      expect.stringContaining('/run/user/7/'),
      expect.stringContaining('/run/p'),
    ]);
    // The longest that is allowed is one that works, with everything that is put beside it.
    const longest = join(folder, 'd'.repeat(107 - 14 - folder.length - 1), 'site123.sock');
    expect(Buffer.byteLength(longest)).toBe(106);
    expect(socketPathsFor({ ...settings, daemon: { socket: longest } }, {})).toEqual([longest]);
    expect(() => socketPathsFor({ ...settings, daemon: { socket: `${longest}dd` } }, {})).toThrow(ConfigError);
    await leaveDeadSocket(longest);
    await start(longest);
    expect(await connectDaemon(longest)).toBeDefined();
  });
});

describe('the claim of the socket', () => {
  test('leaves a socket for its user alone, in a folder for its user alone, and nothing else', async () => {
    await start();
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    expect(await readdir(dirname(path))).toEqual(['site.sock']);
  });

  test('makes nothing outside of that folder, for there it may not be allowed to', async () => {
    await mkdir(dirname(path), { mode: 0o700 });
    const seen: (string | null)[] = [];
    const watcher = watchFolder(folder, (_, name) => seen.push(name));
    await start();
    await writeFile(join(folder, 'end'), '');
    await expect.poll(() => seen).toContain('end');
    watcher.close();
    expect(new Set(seen)).toEqual(new Set(['end']));
  });

  test('is refused to a second daemon, which is told of the first', async () => {
    await start();
    const error: unknown = await start(path, new ScriptedService()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LockedError);
    expect(error).toMatchObject({ exitStatus: 4, message: expect.stringContaining('process 4711') });
    expect(error).toMatchObject({ message: expect.stringContaining(path) });
    expect(await (await client()).status()).toMatchObject({ pid: 4711 });
    expect(await readdir(dirname(path))).toEqual(['site.sock']);
  });

  test('takes the place of one that died', async () => {
    await leaveDeadSocket(path);
    expect(await connectDaemon(path)).toBeUndefined();
    await start();
    expect(await (await client()).status()).toMatchObject({ pid: 4711 });
    expect(await readdir(dirname(path))).toEqual(['site.sock']);
  });

  test('takes the place of one that died, whose heir and its heir died too', async () => {
    await leaveDeadLine(path, 3);
    expect(await readdir(dirname(path))).toHaveLength(3);
    await start();
    expect(await readdir(dirname(path))).toEqual(['site.sock']);
  });

  test.each([2, 5])('of a dead socket goes to exactly one of %d starters at once, in 200 rounds', async (starters) => {
    for (let round = 0; round < 200; round++) {
      const place = join(folder, 'race', `${round}.sock`);
      await leaveDeadLine(place, 1 + (round % 3)); // some meet what starters left that died in the middle
      const servings = Array.from({ length: starters }, () => makeServing());
      for (const [index, { answer }] of servings.entries()) {
        answer({ 'GET /status': ({ response }) => sendJson(response, 200, { pid: index }) });
      }
      const ends = await Promise.allSettled(servings.map(({ server }) => claim(server, place)));
      const won = ends.flatMap((end, index) => (end.status === 'fulfilled' ? [index] : []));
      expect(won).toHaveLength(1);
      for (const end of ends) if (end.status === 'rejected') expect(end.reason).toBeInstanceOf(LockedError);
      expect(await (await connectDaemon(place))?.status()).toEqual({ pid: won[0] });
      expect(await readdir(dirname(place))).toEqual([`${round}.sock`]);
      const [winner] = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
      await winner?.release();
      await Promise.all(servings.map((serving) => serving.close()));
      expect(await readdir(dirname(place))).toEqual([]);
    }
  });

  test('of a place where something else lies is refused, and that stays', async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, 'mine');
    await expect(start()).rejects.toThrow(ConfigError);
    await expect(start()).rejects.toThrow(/no socket stands there/);
    expect((await lstat(path)).size).toBe(4);
  });

  test('in a folder that others may write to is refused', async () => {
    await mkdir(dirname(path));
    await chmod(dirname(path), 0o777);
    await expect(start()).rejects.toThrow(/others may write to its folder/);
  });

  test('in a folder that cannot be made names the key to set', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(start(join(folder, 'file', 'x.sock'))).rejects.toThrow(/daemon\.socket names another place/);
  });

  test('works through a link to its folder, as /var/run is one', async () => {
    await mkdir(join(folder, 'real'), { mode: 0o700 });
    await symlink('real', join(folder, 'run'));
    await start();
    expect(await readdir(join(folder, 'real'))).toEqual(['site.sock']);
  });

  test('ends with the daemon', async () => {
    await (await start()).close();
    expect(await readdir(dirname(path))).toEqual([]);
    expect(service.listeners).toBe(0);
    await start();
  });

  test('that somebody else has by now is left alone', async () => {
    const first = await start();
    await rm(path);
    await start();
    await first.close();
    expect(await (await client()).status()).toMatchObject({ pid: 4711 });
  });

  test('is given up if the status page cannot be opened', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await expect(openControl(service, { socketPaths: [path], http: `127.0.0.1:${port}` })).rejects.toThrow(
      /another program listens there; set daemon\.http/,
    );
    expect(await readdir(dirname(path))).toEqual([]);
    expect(service.listeners).toBe(0);
    other.close();
  });
});

/** What a process leaves that was killed: a socket at which nobody listens. */
async function leaveDeadSocket(at: string): Promise<void> {
  await mkdir(dirname(at), { recursive: true, mode: 0o700 });
  const server = createServer().listen(join(folder, 's'));
  await once(server, 'listening');
  await link(join(folder, 's'), at); // a server takes the name away that it was made with, and no other
  server.close();
  await once(server, 'close');
}

/** A dead socket, its dead heir, the dead heir of that, and so on: `length` in all. */
async function leaveDeadLine(at: string, length: number): Promise<void> {
  await leaveDeadSocket(at);
  let last = at;
  for (let left = length - 1; left > 0; left--) {
    const { ino, mtimeNs } = await lstat(last, { bigint: true });
    last = join(dirname(at), `.${createHash('sha256').update(`${ino} ${mtimeNs}`).digest('hex').slice(0, 12)}`);
    await leaveDeadSocket(last);
  }
}

describe('a client', () => {
  test('finds no daemon where none runs, and none where it was', async () => {
    expect(await connectDaemon(path)).toBeUndefined();
    await (await start()).close();
    expect(await connectDaemon(path)).toBeUndefined();
    expect(await connectDaemon(join(folder, 'no', 'such'), path)).toBeUndefined();
  });

  test('finds the one that runs at any of several places', async () => {
    await start();
    expect((await connectDaemon(join(folder, 'no', 'such'), path))?.socketPath).toBe(path);
  });

  test('gets the status as the daemon has it', async () => {
    service.addCycle(aCycle());
    await start();
    expect(await (await client()).status()).toEqual(service.status());
  });

  test('pauses, resumes, reloads and stops', async () => {
    await start();
    const daemon = await client();
    await daemon.pause();
    expect((await daemon.status()).paused).toBe(true);
    await daemon.resume();
    await daemon.reload();
    await daemon.stop();
    await expect.poll(() => service.asked).toEqual(['pause', 'resume', 'reload', 'stop']);
  });

  test('hears what happens', async () => {
    await start();
    const heard: DaemonEvent[] = [];
    for await (const event of listening(await client())) {
      heard.push(event);
      if (event.kind === 'cycle') break;
    }
    expect(heard.map(({ kind }) => kind)).toEqual(['warning', 'changed', 'cycle']);
    await expect.poll(() => service.listeners).toBe(1); // the metrics alone
  });

  /** The events of a client, with three told once somebody listens. */
  async function* listening(daemon: Client): AsyncGenerator<DaemonEvent> {
    const before = service.listeners;
    const events = daemon.events();
    const first = events.next();
    await expect.poll(() => service.listeners).toBe(before + 1);
    service.emit({ kind: 'warning', text: 'w' });
    service.set({ paused: true });
    service.addCycle(aCycle());
    const { value } = await first;
    if (value !== undefined) yield value;
    yield* events;
  }

  test('whose daemon ends in the middle is told that it is gone', async () => {
    const control = await start();
    service.outcome = () => new Promise(() => {});
    const daemon = await client();
    const waiting = daemon.trigger({ targets: [], force: false, checksum: false });
    const ended = waiting.catch((error: unknown) => error);
    await expect.poll(() => service.triggers).toHaveLength(1);
    await control.close();
    expect(await ended).toBeInstanceOf(ControlError);
    expect(await ended).toMatchObject({ code: 'LOST', exitStatus: 1 });
    await expect(daemon.status()).rejects.toMatchObject({ code: 'LOST' });
  });
});

describe('a trigger', () => {
  const all = { targets: [], force: false, checksum: false };

  test('that is waited for tells what happens and ends with the report', async () => {
    await start();
    const end = deferred<typeof REPORT>();
    service.outcome = () => end.promise;
    const heard: DaemonEvent[] = [];
    const report = (await client()).trigger({ ...all, targets: ['static1'], force: true }, (event) =>
      heard.push(event),
    );
    await expect.poll(() => service.triggers).toEqual([{ targets: ['static1'], force: true, checksum: false }]);
    service.emit({ kind: 'progress', event: { kind: 'phase', target: 'static1', phase: 'stage' } });
    service.emit({ kind: 'changed' });
    service.emit({ kind: 'warning', text: 'slow' });
    await expect.poll(() => heard).toHaveLength(2);
    const problems = Array.from({ length: 60_000 }, (_, at) => ({
      path: `a-file-with-a-name-${at}.svg`,
      step: 'publish' as const,
      code: 'OBSTRUCTED' as const,
      message: 'something else stands in its place, which is a sentence of some length',
    }));
    const long = { ...REPORT, collect: { ...REPORT.collect, problems } }; // 8 MB
    end.resolve(long);
    expect(await report).toEqual(long);
    expect(heard.map(({ kind }) => kind)).toEqual(['progress', 'warning']);
  });

  test('that is not waited for is answered at once', async () => {
    await start();
    service.outcome = () => new Promise(() => {});
    await (await client()).triggerOnly({ ...all, checksum: true });
    expect(service.triggers).toEqual([{ ...all, checksum: true }]);
  });

  test('that is not waited for and fails harms nobody', async () => {
    await start();
    service.outcome = () => Promise.reject(new SourceError('gone'));
    await (await client()).triggerOnly(all);
    expect(await (await client()).status()).toMatchObject({ pid: 4711 });
  });

  test('of a target that is not there is refused before anything begins', async () => {
    await start();
    const daemon = await client();
    const message = 'cannot sync "nope": no such target; there are static1';
    for (const asked of [
      daemon.trigger({ ...all, targets: ['nope'] }),
      daemon.triggerOnly({ ...all, targets: ['nope'] }),
    ]) {
      await expect(asked).rejects.toMatchObject({ name: 'ConfigError', exitStatus: 2, message });
    }
    expect(service.triggers).toEqual([]);
  });

  test('of a target that has just been written into the configuration is done', async () => {
    await start();
    service.onTakeUp = () =>
      service.set({ targets: service.status().targets.map((target) => ({ ...target, name: 'new' })) });
    await (await client()).triggerOnly({ ...all, targets: ['new'] });
    expect(service.triggers).toMatchObject([{ targets: ['new'] }]);
  });

  test.each([
    new ConfigError('a'),
    new SourceError('b'),
    new SafetyError('c'),
    new LockedError('d'),
    new TargetError('unreachable', 'e'),
    new TargetError('host-key', 'f'),
    new ControlError('UNEXPECTED', 'g'),
  ])('that fails, fails for the client with the same error: $name', async (error) => {
    await start();
    service.outcome = () => Promise.reject(error);
    const got: unknown = await (await client()).trigger(all).catch((thrown: unknown) => thrown);
    expect(got).toBeInstanceOf(error.constructor);
    const { name, code, message, exitStatus, retryable } = error;
    expect(got).toMatchObject({ name, code, message, exitStatus, retryable });
  });

  test('goes on when the client leaves', async () => {
    await start();
    const end = deferred<typeof REPORT>();
    service.outcome = () => end.promise;
    const abort = new AbortController();
    const report = (await client()).trigger(all, undefined, abort.signal).catch((error: unknown) => error);
    await expect.poll(() => service.triggers).toHaveLength(1);
    abort.abort();
    expect(await report).toMatchObject({ name: 'AbortError' });
    await expect.poll(() => service.listeners).toBe(1);
    end.resolve(REPORT);
    expect(await (await client()).status()).toMatchObject({ pid: 4711 });
  });

  test('goes on when who waits for it is interrupted, and the message says so', async () => {
    await start();
    service.outcome = () => new Promise(() => {});
    const leaving = new AbortController();
    const following = followTrigger(await client(), all, undefined, leaving.signal);
    await expect.poll(() => service.asked).toEqual(['trigger']);
    leaving.abort();
    await expect(following).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: 'interrupted; what the daemon has begun goes on there, and "pushstatic status" shows how far it is',
    });
  });

  test('is not begun when its client left while the configuration was reloaded, and no listener is left', async () => {
    await start();
    const [asked, takenUp] = [makeGate(), makeGate()];
    service.onTakeUp = () => {
      asked.open();
      return takenUp.opened;
    };
    const listeners = service.listeners;
    const asking = request({ socketPath: path, path: '/trigger', method: 'POST', agent: false }).on('error', () => {});
    asking.setHeader('content-type', 'application/json');
    asking.end(JSON.stringify({ targets: ['new'], wait: true }));
    await asked.opened;
    asking.destroy();
    service.set({ targets: [aTarget({ name: 'new' })] });
    await client().then((each) => each.status()); // a round trip: by now the server has seen the client go
    takenUp.open();
    await client().then((each) => each.status());
    expect([service.asked, service.listeners]).toEqual([[], listeners]);
  });
});

describe('a reload of a wrong configuration', () => {
  test('is refused with what is wrong', async () => {
    await start();
    service.reloaded = () => Promise.reject(new ConfigError('pushstatic.yaml:3:1: targets: wrong'));
    await expect((await client()).reload()).rejects.toMatchObject({ name: 'ConfigError', message: /:3:1:/ });
  });
});

describe('a reload that takes long', () => {
  afterEach(() => vi.useRealTimers());

  test('gives a sign of life until it is in force', async () => {
    await start();
    const inForce = deferred<void>();
    service.reloaded = () => inForce.promise;
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const asked = request({ socketPath: path, method: 'POST', path: '/reload', headers: { host: 'pushstatic' } });
    const signs: number[] = [];
    asked.on('information', ({ statusCode }) => signs.push(statusCode));
    const replied = once(asked, 'response') as Promise<[IncomingMessage]>;
    asked.end();
    await expect.poll(() => service.asked).toEqual(['reload']);
    for (const count of [1, 2, 3]) {
      vi.advanceTimersByTime(10_000);
      await expect.poll(() => signs).toHaveLength(count);
    }
    expect(new Set(signs)).toEqual(new Set([102]));
    inForce.resolve();
    const [reply] = await replied;
    expect(reply.statusCode).toBe(200);
    reply.resume();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('hostile input at the socket', () => {
  test.each([
    ['no JSON', '{', 400, 'BAD_REQUEST'],
    ['a list', '[]', 400, 'BAD_REQUEST'],
    ['an unknown key', '{"target":["x"]}', 400, 'BAD_REQUEST'],
    ['a wrong type', '{"force":1}', 400, 'BAD_REQUEST'],
    ['names that are none', '{"targets":[1]}', 400, 'BAD_REQUEST'],
    ['the prototype', '{"__proto__":{"force":true}}', 400, 'BAD_REQUEST'],
    ['too much', `{"targets":["${'x'.repeat(70_000)}"]}`, 413, 'TOO_LARGE'],
  ])('%s is refused with what is wrong', async (_, body, status, code) => {
    await start();
    const reply = await send('POST', '/trigger', body);
    expect(reply.status).toBe(status);
    expect(reply.document).toMatchObject({
      error: { code, message: expect.stringMatching(/^cannot read the request: /) },
    });
    expect(service.triggers).toEqual([]);
  });

  test.each([
    ['GET', '/nothing', 404, 'NOT_FOUND'],
    ['GET', '/constructor', 404, 'NOT_FOUND'],
    ['GET', '/trigger', 405, 'WRONG_METHOD'],
    ['POST', '/status', 405, 'WRONG_METHOD'],
    ['GET', '//elsewhere/status', 400, 'BAD_REQUEST'],
    ['GET', 'http://elsewhere/status', 400, 'BAD_REQUEST'],
  ])('%s %s is refused', async (method, url, status, code) => {
    await start();
    const reply = await send(method, url, '');
    expect([reply.status, reply.document]).toEqual([status, { error: { code, message: expect.any(String) } }]);
  });

  test('what is no HTTP is refused, and the next one is served', async () => {
    await start();
    const socket = connect(path);
    const said: Buffer[] = [];
    socket.on('data', (data: Buffer) => said.push(data));
    socket.write('\u0016\u0003 hello\r\n\r\n');
    await once(socket, 'close');
    expect(Buffer.concat(said).toString()).toMatch(/^HTTP\/1\.1 400 .*"code":"BAD_REQUEST"/s);
    expect(await (await client()).status()).toMatchObject({ pid: 4711 });
  });

  function send(method: string, url: string, body: string): Promise<{ status: number | undefined; document: unknown }> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: path, method, path: url, agent: false }, (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part: Buffer) => parts.push(part));
        reply.on('end', () => {
          const document: unknown = JSON.parse(Buffer.concat(parts).toString());
          resolve({ status: reply.statusCode, document });
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }
});

describe('a consumer that does not read (F67)', () => {
  test('is dropped, the others are served, and nothing piles up', async () => {
    await start();
    const stuck = await openEvents();
    const others: DaemonEvent[] = [];
    const events = (await client()).events();
    const reading = (async () => {
      for await (const event of events) if (others.push(event) === 400) return;
    })();
    await expect.poll(() => service.listeners).toBe(3);
    const text = 'x'.repeat(64 * 1024);
    for (let sent = 0; sent < 400; sent++) {
      service.emit({ kind: 'warning', text });
      await new Promise(setImmediate); // the reader's turn, for both live in this process
    }
    await reading;
    await expect.poll(() => service.listeners).toBe(1);
    stuck.destroy();
  });

  test('is told every ten seconds that the daemon is there', async () => {
    await start();
    const reply = (await openEvents()).resume();
    const since = performance.now();
    const [line] = (await once(reply.setEncoding('utf8'), 'data')) as [string];
    expect(JSON.parse(line)).toEqual({ kind: 'heartbeat' });
    expect(performance.now() - since).toBeGreaterThan(5000);
    reply.destroy();
  });

  test('misses progress first, and gets all that it must when it reads again', async () => {
    await start();
    const slow = await openEvents();
    await expect.poll(() => service.listeners).toBe(2);
    const progress = { kind: 'progress', event: { kind: 'file', target: 'x'.repeat(100), bytes: 1 } } as const;
    for (let sent = 0; sent < 50_000; sent++) service.emit(progress);
    service.emit({ kind: 'warning', text: 'the last' });
    let text = '';
    for await (const part of slow.setEncoding('utf8') as AsyncIterable<string>) {
      text += part;
      if (text.includes('the last')) break;
    }
    const lines = text.split('\n');
    expect(lines.length).toBeGreaterThan(100);
    expect(lines.length).toBeLessThan(10_000);
  });

  function openEvents(): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      get({ socketPath: path, path: '/events', agent: false }, (reply) => {
        reply.on('error', () => {});
        resolve(reply.pause());
      }).on('error', reject);
    });
  }
});

describe('health', () => {
  const withTarget = (changes: Partial<TargetStatus>) => new ScriptedService({ targets: [aTarget(changes)] }).status();

  test('is good when all is in sync, as of the target that was so longest ago', () => {
    const [older, newer] = [inMs(-5000), inMs(-10)];
    const targets = [aTarget({ inSyncAt: newer }), aTarget({ name: 'b', inSyncAt: older })];
    expect(healthOf(new ScriptedService({ targets }).status(), Date.now())).toEqual({ ok: true, inSyncAt: older });
  });

  test('is good while a change is brought over, but not for long', () => {
    expect(healthOf(withTarget({ state: 'pushing', inSyncAt: inMs(-2000) }), Date.now()).ok).toBe(true);
    expect(healthOf(withTarget({ state: 'behind', inSyncAt: inMs(-120_000) }), Date.now())).toMatchObject({
      ok: false,
      reasons: [expect.stringMatching(/^static1: behind; it was in sync at /)],
    });
  });

  test.each<[string, Partial<TargetStatus>, RegExp]>([
    [
      'unreachable',
      { state: 'unreachable', error: { code: 'UNREACHABLE', message: 'no route' } },
      /^static1: no route$/,
    ],
    ['halted', { state: 'halted', error: { code: 'REFUSED', message: 'too many' } }, /^static1: too many$/],
    ['starting', { state: 'starting', inSyncAt: null }, /^static1: starting; it was never in sync/],
    [
      'without some of its files',
      { problems: [{ path: 'a', step: 'publish', code: 'DENIED', message: 'm' }] },
      /^static1: 1 file could not be pushed$/,
    ],
  ])('is bad, and says why, when a target is %s', (_, changes, reason) => {
    expect(healthOf(withTarget(changes), Date.now())).toMatchObject({
      ok: false,
      reasons: [expect.stringMatching(reason)],
    });
  });

  test('is bad when it is paused and something waits for that to end', () => {
    const local = { state: 'ready', files: 9, unsettled: 1, error: null, problems: [] } as const;
    const healthIf = (paused: boolean) => healthOf(new ScriptedService({ paused, local }).status(), Date.now());
    expect(healthIf(true)).toMatchObject({ ok: false, reasons: [expect.stringMatching(/paused.*pushstatic resume/)] });
    expect(healthIf(false).ok).toBe(true);
  });

  test('is bad when a file cannot be collected, unless it is only being written', () => {
    const healthWith = (code: 'UNREADABLE' | 'NO_SPACE' | 'CHANGED') => {
      const problem = { path: 'a', step: 'collect', code, message: 'm' } as const;
      const local = { state: 'ready', files: 9, unsettled: 0, error: null, problems: [problem] } as const;
      return healthOf(new ScriptedService({ local }).status(), Date.now());
    };
    expect(healthWith('UNREADABLE')).toMatchObject({ ok: false, reasons: ['1 file could not be collected'] });
    expect(healthWith('NO_SPACE').ok).toBe(false);
    expect(healthWith('CHANGED').ok).toBe(true);
  });

  test('is bad when nothing can be collected', () => {
    const local = {
      state: 'halted',
      files: 0,
      unsettled: 0,
      error: { code: 'SOURCE', message: 'gone' },
      problems: [],
    } as const;
    expect(healthOf(new ScriptedService({ local }).status(), Date.now())).toMatchObject({
      ok: false,
      reasons: ['gone'],
    });
  });

  test.each<[TargetStatus['state'], Partial<TargetStatus>, boolean]>([
    ['starting', { inSyncAt: null }, false],
    ['pushing', { inSyncAt: null }, false],
    ['pushing', {}, true],
    ['unreachable', { inSyncAt: null, failures: 1 }, true],
    ['halted', { inSyncAt: null }, true],
    ['in-sync', {}, true],
    ['behind', { inSyncAt: null, failures: 1 }, true],
  ])('a target that is %s %j makes the daemon ready: %s', (state, changes, ready) => {
    expect(isReady(withTarget({ state, ...changes }))).toBe(ready);
  });

  test('is told over the socket, and a daemon that was ready once stays so', async () => {
    await start();
    service.set({ targets: [aTarget({ state: 'starting', inSyncAt: null })] });
    expect((await ask('/healthz')).status).toBe(503);
    expect(await ask('/readyz')).toEqual({ status: 503, text: '{"ok":false}\n' });
    service.set({ targets: [aTarget()] });
    expect((await ask('/healthz')).status).toBe(200);
    expect(await ask('/readyz')).toEqual({ status: 200, text: '{"ok":true}\n' });
    service.set({ targets: [aTarget({ state: 'pushing', inSyncAt: null })] });
    expect((await ask('/readyz')).status).toBe(200);
  });
});

describe('metrics', () => {
  test('are in the text format, each with its help and type', async () => {
    await start();
    service.addCycle(aCycle());
    const { text } = await ask('/metrics');
    const samples = parseMetrics(text);
    expect(samples.size).toBeGreaterThan(40);
    for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds']) {
      expect(samples.get(name)).toBeGreaterThan(0);
    }
    expect(samples.get('pushstatic_lease_waits_total{target="static1"}')).toBe(0);
  });

  test('count cycles, files, bytes, errors and the time to served', async () => {
    await start();
    const [target] = REPORT.targets;
    if (target === undefined) throw new Error('the report is empty');
    service.addCycle(aCycle({ savedToServedMs: 142 }));
    service.addCycle(aCycle({ savedToServedMs: 700 }));
    const problem = { path: 'a', step: 'publish', code: 'DENIED', message: 'm' } as const;
    const error = { code: 'UNREACHABLE', message: 'm' };
    const failed = [
      { ...target, problems: [problem, problem] },
      { ...target, name: 'b', uploaded: 0, sentBytes: 0, error },
    ];
    service.addCycle(aCycle({ cause: 'retry', ok: false, savedToServedMs: null, targets: failed }));
    const samples = parseMetrics((await ask('/metrics')).text);
    expect(Object.fromEntries(samples)).toMatchObject({
      'pushstatic_cycles_total{cause="change",result="ok"}': 2,
      'pushstatic_cycles_total{cause="retry",result="failed"}': 1,
      'pushstatic_files_pushed_total{target="static1"}': 3,
      'pushstatic_sent_bytes_total{target="static1"}': 3 * 4120,
      'pushstatic_errors_total{code="DENIED"}': 2,
      'pushstatic_errors_total{code="UNREACHABLE"}': 1,
      pushstatic_save_to_served_seconds_count: 2,
      'pushstatic_save_to_served_seconds_bucket{le="0.15"}': 1,
      'pushstatic_save_to_served_seconds_bucket{le="1"}': 2,
    });
  });

  test('show the state and the lag of each target, and the losses of the watcher', async () => {
    await start();
    const { watch } = service.status();
    service.set({
      watch: { ...watch, losses: 3, foundBySweep: 9 },
      targets: [aTarget(), aTarget({ name: 'b"\n\\', state: 'behind', inSyncAt: inMs(-30_000), pending: 4 })],
    });
    const samples = parseMetrics((await ask('/metrics')).text);
    expect(Object.fromEntries(samples)).toMatchObject({
      'pushstatic_target_state{target="static1",state="in-sync"}': 1,
      'pushstatic_target_state{target="static1",state="behind"}': 0,
      'pushstatic_target_lag_seconds{target="static1"}': 0,
      'pushstatic_target_pending_files{target="b\\"\\n\\\\"}': 4,
      pushstatic_watch_losses_total: 3,
      pushstatic_watch_sweep_finds_total: 9,
    });
    const lag = samples.get('pushstatic_target_lag_seconds{target="b\\"\\n\\\\"}') ?? 0;
    expect(lag).toBeGreaterThanOrEqual(30);
    expect(lag).toBeLessThan(90);
  });

  test('counts the connections that were made after the first one, and the times that somebody else wrote', async () => {
    await start();
    service.set({ targets: [aTarget({ reconnects: 3, leaseWaits: 1 }), aTarget({ name: 'static2', leaseWaits: 2 })] });
    const { text } = await ask('/metrics');
    const waits = (target: string) => parseMetrics(text).get(`pushstatic_lease_waits_total{target="${target}"}`);
    expect([waits('static1'), waits('static2')]).toEqual([1, 2]);
    expect(parseMetrics(text).get('pushstatic_reconnects_total{target="static1"}')).toBe(3);
  });
});

/** The samples of a text in the format of Prometheus, by name and labels. Throws for anything that is not in it. */
function parseMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  const helped = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (comment?.[1] === 'HELP') helped.add(comment[2] ?? '');
    else if (comment?.[1] === 'TYPE') types.set(comment[2] ?? '', comment[3] ?? '');
    else {
      const sample = /^(([a-z_]+)(?:\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})?) (\S+)$/.exec(line);
      if (sample === null) throw new Error(`no sample: ${line}`);
      const [, key = '', name = '', value = ''] = sample;
      const family = types.has(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '');
      if (!types.has(family) || !helped.has(family)) throw new Error(`neither help nor type: ${line}`);
      if (types.get(family) === 'counter' && !name.endsWith('_total')) throw new Error(`a counter, but: ${name}`);
      if (samples.has(key) || !Number.isFinite(Number(value))) throw new Error(`twice, or no number: ${line}`);
      samples.set(key, Number(value));
    }
  }
  return samples;
}

/** What a monitor gets over the socket. */
function ask(url: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    get({ socketPath: path, path: url, agent: false }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (part: string) => (text += part));
      reply.on('end', () => resolve({ status: reply.statusCode, text }));
    }).on('error', reject);
  });
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => (resolve = done));
  return { promise, resolve };
}
