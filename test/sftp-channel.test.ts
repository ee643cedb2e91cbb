/** The client's half of SFTP against a server that says whatever the test wants, byte for byte. */
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { ByteBudget } from '../src/core/byte-budget.js';
import { openSftpChannel, type SftpChannel, type ToOpen } from '../src/targets/sftp/channel.js';
import { patchFile } from '../src/targets/sftp/patch.js';
import { CHUNK_BYTES, pourBehind } from '../src/targets/sftp/pour.js';
import { OPEN, REPLY, REQUEST, ReplyReader } from '../src/targets/sftp/wire.js';
import type { FileMeta, Recipe } from '../src/targets/target.js';

const LOOK_MS = 5; // instead of half a minute
const NO_POUR = async (): Promise<void> => {};

describe('a file that is made of another one', () => {
  const HELD = { size: 100, mtime: 7, mode: 0o644 };
  const copy = (channel: SftpChannel): Promise<boolean> =>
    make(channel, () => [{ offset: 0, length: 100 }], { ...HELD, mtime: 9 });
  const make = (channel: SftpChannel, recipe: Recipe, meta: FileMeta): Promise<boolean> => {
    const sending = { room: new ByteBudget(() => 1000), arrived: () => undefined };
    return patchFile(channel, { basis: { path: '/basis', meta: HELD }, to: '/made', recipe, meta }, sending);
  };

  async function opened(server: FakeServer): Promise<void> {
    server.say(fileFacts((await server.next(7)).id, HELD));
    for (const name of ['s', 'm']) server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text(name)));
  }

  it('gets its time when the server has said what it was made of, and not before', async () => {
    const { channel, server } = await open({ 'copy-data': '1' });
    const copying = copy(channel);
    await opened(server);
    server.say(status((await server.next(200)).id, 0));
    const looks = [await server.next(8), await server.next(8)];
    await settled();
    expect(server.requests()).toEqual([]);
    server.say(...looks.map(({ id }) => fileFacts(id, HELD)));
    const [meta, ...closes] = [await server.next(10), await server.next(4), await server.next(4)];
    server.say(...[meta, ...closes].map(({ id }) => status(id, 0)));
    expect(await copying).toBe(true);
  });

  it.each([
    ['the basis is another one by then', { ...HELD, mtime: 8 }, HELD],
    ['it has not all of it', HELD, { ...HELD, size: 99 }],
  ])('gets none, and goes, where %s', async (_, basis, made) => {
    const { channel, server } = await open({ 'copy-data': '1' });
    const copying = copy(channel);
    await opened(server);
    server.say(status((await server.next(200)).id, 0));
    server.say(fileFacts((await server.next(8)).id, basis), fileFacts((await server.next(8)).id, made));
    server.say(status((await server.next(4)).id, 0), status((await server.next(4)).id, 0));
    const removal = await server.next(13);
    expect(removal.body.toString('latin1')).toContain('/made');
    server.say(status(removal.id, 0));
    expect(await copying).toBe(false);
    expect(server.requests()).toEqual([]);
  });

  it('goes where something was put behind less than the server says it copied, as OpenSSH does on a full disk', async () => {
    const { channel, server } = await open({ 'copy-data': '1' });
    const recipe = () => [{ offset: 0, length: 50 }, Buffer.alloc(50)];
    const copying = make(channel, recipe, HELD);
    await opened(server);
    server.say(status((await server.next(200)).id, 0), fileFacts((await server.next(8)).id, { ...HELD, size: 49 }));
    server.say(status((await server.next(6)).id, 0));
    server.say(fileFacts((await server.next(8)).id, HELD), fileFacts((await server.next(8)).id, HELD));
    server.say(status((await server.next(4)).id, 0), status((await server.next(4)).id, 0));
    server.say(status((await server.next(13)).id, 0));
    expect(await copying).toBe(false);
    expect(server.requests()).toEqual([]);
  });
});

describe('a channel', () => {
  it('knows how far the server is by the quickest answer to what was asked alone', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const { channel, server } = await open({});
      expect(channel.roundTripMs).toBe(0);
      const looked = async (...times: readonly number[]): Promise<void> => {
        const looking = times.map(() => channel.lstat('a'));
        for (const ms of times) {
          const request = await server.next(REQUEST.lstat);
          vi.advanceTimersByTime(ms);
          server.say(status(request.id, 2));
        }
        await Promise.all(looking);
      };
      await looked(14);
      expect(channel.roundTripMs).toBe(14);
      await looked(3, 1);
      expect(channel.roundTripMs).toBe(3);
      await looked(50);
      expect(channel.roundTripMs).toBe(3);
    } finally {
      vi.useRealTimers();
    }
  });

  it('begins with a version, and learns what the server offers', async () => {
    const { channel, server } = await open({ 'posix-rename@openssh.com': '1' });
    expect(server.sent[0]).toEqual(Buffer.from([1, 0, 0, 0, 3]));
    const renamed = channel.posixRename('a', 'b');
    const request = await server.next(200);
    expect(request.body.toString('latin1')).toContain('posix-rename@openssh.com');
    server.say(status(request.id, 0));
    await renamed;
  });

  it('refuses at once what the server does not offer', async () => {
    const { channel, server } = await open({});
    await expect(channel.posixRename('a', 'b')).rejects.toMatchObject({ kind: 'unsupported' });
    expect(await channel.space('/')).toBeUndefined();
    expect(server.requests()).toEqual([]);
  });

  it('is no channel where something else comes than SFTP, such as what a login script prints', async () => {
    const server = new FakeServer();
    const opening = openSftpChannel(server);
    server.say(Buffer.from('Welcome to example.com!\n'));
    await expect(opening).rejects.toMatchObject({
      message: 'the server does not speak SFTP: it sent "Welcome to example.com!\\n"',
    });
  });

  it('is no channel where an older version is spoken', async () => {
    const server = new FakeServer();
    const opening = openSftpChannel(server);
    server.say(packet(REPLY.version, uint32(2)));
    await expect(opening).rejects.toMatchObject({ kind: 'unsupported' });
  });

  it('takes replies in any order, and cut anywhere', async () => {
    const { channel, server } = await open({});
    const looks = ['/a', '/b', '/c'].map((path) => channel.stat(path));
    const requests = [await server.next(17), await server.next(17), await server.next(17)];
    const replies = requests.toReversed().map(({ id }, i) => attributes(id, 100 + i));
    for (const byte of Buffer.concat(replies)) server.say(Buffer.of(byte));
    expect((await Promise.all(looks)).map(({ size }) => size)).toEqual([102, 101, 100]);
  });

  it('ends with the first reply that makes no sense, and fails all that is open and all that comes', async () => {
    const nonsense: ((id: number) => Buffer)[] = [
      (id) => status(id + 7, 0), // answers what was not asked
      (id) => packet(REPLY.handle, uint32(id), text('h')), // of a kind that does not fit
      (id) => packet(REPLY.attributes, uint32(id), uint32(1)), // announces a size and ends
      (id) => packet(REPLY.status, uint32(id)),
      (id) => status(id, 0), // done, but where are the attributes?
      () => uint32(0),
      () => uint32(0xffff_ffff),
    ];
    for (const make of nonsense) {
      const { channel, server } = await open({});
      const looks = [channel.stat('/a'), channel.stat('/b')];
      server.say(make((await server.next(17)).id));
      server.say(status((await server.next(17)).id + 1, 0));
      for (const look of looks) await expect(look).rejects.toMatchObject({ kind: 'unreachable' });
      await expect(channel.stat('/c')).rejects.toMatchObject({ kind: 'unreachable' });
    }
  });

  it('sends a small file back to back, and is done when the last of it is answered', async () => {
    const { channel, server } = await open({ 'fsync@openssh.com': '1' });
    let isDone = false;
    const put = channel.put('/f', () => Buffer.from('content'), { mode: 0o644, mtime: 7 }, NO_POUR);
    void put.then(() => (isDone = true));
    server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text('h')));
    const [write, meta, close] = [await server.next(6), await server.next(10), await server.next(4)];
    expect(write.body.subarray(-7).toString()).toBe('content');
    server.say(status(write.id, 0), status(meta.id, 0));
    await settled();
    expect(isDone).toBe(false);
    server.say(status(close.id, 0));
    await put;
  });

  it('sets the time of a small file once it is written, where a server does both at once', async () => {
    const { channel, server } = await open({});
    const put = channel.put('/f', () => Buffer.from('content'), { mode: 0o644, mtime: 7 }, NO_POUR);
    server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text('h')));
    const write = await server.next(6);
    await settled();
    expect(server.requests()).toEqual([]);
    server.say(status(write.id, 0));
    const [meta, close] = [await server.next(10), await server.next(4)];
    server.say(status(meta.id, 0), status(close.id, 0));
    await put;
  });

  it('has no more of a long addition on its way than the window says: others have something to say as well', async () => {
    const { channel, server } = await open({ 'fsync@openssh.com': '1' });
    const opening = channel.open('/f', OPEN.write);
    server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text('h')));
    let arrived = 0;
    const flow = { window: 2 * CHUNK_BYTES, arrived: (bytes: number) => void (arrived += bytes) };
    const behind = { offset: 10, path: '/f', how: 'durable', flow } as const;
    const size = 5 * CHUNK_BYTES;
    const writes = size / channel.maxWrite;
    const pouring = pourBehind(channel, await opening, Buffer.alloc(size), behind);
    for (let written = 0; written < writes; written++) {
      const write = await server.next(6);
      await settled();
      expect(server.requests().length).toBeLessThan((2 * CHUNK_BYTES) / channel.maxWrite);
      server.say(status(write.id, 0));
    }
    server.say(status((await server.next(200)).id, 0), status((await server.next(4)).id, 0));
    await pouring;
    expect(arrived).toBe(size);
  });

  it('fails a file of which one request fails, after all of them are answered', async () => {
    const { channel, server } = await open({ 'fsync@openssh.com': '1' });
    const put = channel.put('/f', () => Buffer.from('x'), { mode: 0o644, mtime: 7 }, NO_POUR);
    server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text('h')));
    const [write, meta, close] = [await server.next(6), await server.next(10), await server.next(4)];
    server.say(status(write.id, 4, 'Failure'), status(meta.id, 0), status(close.id, 0));
    await expect(put).rejects.toMatchObject({
      kind: 'failed',
      message: 'cannot write /f: the server says no more than "Failure"',
    });
  });

  it('closes the file when its content cannot be had, and says why', async () => {
    const { channel, server } = await open({});
    const trouble = new Error('vanished');
    const body = (): Uint8Array => {
      throw trouble;
    };
    const put = channel.put('/f', body, { mode: 0o644, mtime: 7 }, NO_POUR);
    server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text('h')));
    server.say(status((await server.next(4)).id, 0));
    await expect(put).rejects.toBe(trouble);
  });

  it('gives up on a server that opens nothing, and does not ask it for ever (F22)', async () => {
    const { channel, server } = await open({});
    const opens = Array.from({ length: 50 }, (_, i) => channel.open(`/${i}`, 1));
    const results = Promise.allSettled(opens);
    let asked = 0;
    for (; asked < 5000; asked++) {
      const request = await Promise.race([server.next(3), results.then(() => undefined)]);
      if (request === undefined) break;
      server.say(status(request.id, 4, 'Failure'));
    }
    expect((await results).every((result) => result.status === 'rejected')).toBe(true);
    expect(asked).toBeLessThan(150);
  });

  it('lets nobody wait for ever behind two files for which a server has not enough handles (F21)', async () => {
    const { channel, server } = await open({ 'limits@openssh.com': '1', 'copy-data': '1' });
    const { id: limits } = await server.next(200);
    server.say(packet(REPLY.extended, uint32(limits), ...[0, 0, 0, 10].flatMap((value) => [uint32(0), uint32(value)])));
    const first = channel.open('/first', 1);
    server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text('h')));
    const handle = await first;
    const pairs = Promise.allSettled([channel.openTogether(two('/a', '/b')), channel.openTogether(two('/c', '/d'))]);
    const refused = channel.open('/refused', 1);
    server.say(status((await server.next(3)).id, 4, 'Failure')); // there is one handle, no more
    const last = channel.open('/last', 1);
    const closing = channel.close(handle);
    server.say(status((await server.next(4)).id, 0));
    await closing;
    for (const opening of [refused, last]) {
      server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text('i')));
      const done = channel.close(await opening);
      server.say(status((await server.next(4)).id, 0));
      await done;
    }
    expect((await pairs).map((result) => result.status)).toEqual(['rejected', 'rejected']);
  });

  it('opens two files together or none, and closes the one that was opened', async () => {
    const { channel, server } = await open({ 'copy-data': '1' });
    const pair = channel.openTogether(two('/a', '/b'));
    const [a, b] = [await server.next(3), await server.next(3)];
    server.say(packet(REPLY.handle, uint32(a.id), text('h')), status(b.id, 3, 'Permission denied'));
    server.say(status((await server.next(4)).id, 0));
    await expect(pair).rejects.toMatchObject({ kind: 'denied' });
  });

  it('has more requests open than its table holds at first', async () => {
    const { channel, server } = await open({});
    const looks = Array.from({ length: 5000 }, (_, i) => channel.stat(`/${i}`));
    const requests: Request[] = [];
    while (requests.length < looks.length) requests.push(await server.next(17));
    for (const { id } of requests.toReversed()) server.say(attributes(id, id));
    expect((await Promise.all(looks)).map(({ size }) => size)).toEqual(requests.map(({ id }) => id));
  });

  it('fails thousands of files that wait for a handle when it ends', async () => {
    const { channel, server } = await open({});
    const puts = Array.from({ length: 8000 }, (_, i) =>
      channel.put(`/${i}`, () => Buffer.from('x'), { mode: 0o644, mtime: 7 }, NO_POUR),
    );
    server.destroy();
    const results = await Promise.allSettled(puts);
    expect(results.every((result) => result.status === 'rejected')).toBe(true);
  });

  it('is a further channel only when the server has spoken there', async () => {
    const { channel } = await open({});
    const server = new FakeServer();
    const opening = openSftpChannel(server, channel);
    server.push(null);
    await expect(opening).rejects.toMatchObject({ kind: 'unreachable' });
  });

  it('leaves content of several writes to whoever sends its meta after them', async () => {
    const { channel, server } = await open({});
    const content = Buffer.alloc(32 * 1024 + 1, 'x');
    let poured = 0;
    const put = channel.put(
      '/f',
      () => content,
      { mode: 0o644, mtime: 7 },
      async (_channel, _handle, pieces) => {
        content.fill('?'); // it was good for a moment only
        for await (const piece of pieces) poured += Buffer.from(piece).toString().split('x').length - 1;
      },
    );
    server.say(packet(REPLY.handle, uint32((await server.next(3)).id), text('h')));
    await put;
    expect(poured).toBe(32 * 1024 + 1);
    expect(server.requests()).toEqual([]);
  });

  it('takes a listing of no names for the end of the folder, which a server could go on sending for ever', async () => {
    const { channel, server } = await open({});
    const listing = channel.list('/folder');
    const { id } = await server.next(11);
    server.say(packet(REPLY.handle, uint32(id), text('h')));
    for (const request of [await server.next(12), await server.next(12)]) {
      server.say(packet(REPLY.names, uint32(request.id), uint32(0)));
    }
    expect(await listing).toEqual([]);
    expect(server.requests().filter(({ type }) => type === 12)).toEqual([]);
  });

  it('takes a listing as long as replies can be', async () => {
    const { channel, server } = await open({});
    const listing = channel.list('/folder');
    const { id } = await server.next(11);
    server.say(packet(REPLY.handle, uint32(id), text('h')));
    const nameless = 12; // bytes: no name, no line, no attributes
    for (const count of [80_000, 80_000, 0]) {
      const request = await server.next(12);
      server.say(packet(REPLY.names, uint32(request.id), uint32(count), Buffer.alloc(count * nameless)));
    }
    for (let more = 0; more < 7; more++) server.say(status((await server.next(12)).id, 1));
    expect(await listing).toHaveLength(160_000);
  });

  it('says with which exit code the other side ended', async () => {
    const server = new FakeServer();
    const opening = openSftpChannel(server);
    server.emit('exit', 1);
    server.push(null);
    await expect(opening).rejects.toMatchObject({ message: expect.stringContaining('exit code 1') as string });
  });
});

describe('the reader of replies', () => {
  it('never hangs, crashes or throws anything but a TargetError, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (chunks) => {
        const reader = new ReplyReader();
        try {
          for (const chunk of chunks) {
            reader.push(Buffer.from(chunk), (reply) => {
              if (reply.type % 2 === 0) reply.names();
              else reply.attributes();
            });
          }
        } catch (error) {
          expect(error).toMatchObject({ name: 'TargetError' });
        }
      }),
      { numRuns: 10_000 },
    );
  });
});

interface Request {
  readonly type: number;
  readonly id: number;
  readonly body: Buffer;
}

describe('a reply that never comes (F15)', () => {
  it('breaks the channel once later requests are answered and it still is not', async () => {
    const { channel, server } = await open({}, LOOK_MS);
    const lost = channel.stat('/lost');
    await server.next(17);
    const answering = (async () => {
      // What the channel asks by itself, to have something that is answered later.
      for (;;) server.say(attributes((await server.next(REQUEST.lstat)).id, 1));
    })();
    answering.catch(() => undefined);
    await expect(lost).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('later requests'),
    });
    await expect(channel.stat('/next')).rejects.toMatchObject({ kind: 'unreachable' });
  });

  it('is waited for as long as nothing later is answered either: the line is slow, not the server forgetful', async () => {
    const { channel, server } = await open({}, LOOK_MS);
    const slow = channel.stat('/slow');
    const { id } = await server.next(17);
    await server.next(REQUEST.lstat);
    await server.next(REQUEST.lstat);
    server.say(attributes(id, 5));
    await expect(slow).resolves.toMatchObject({ size: 5 });
  });

  it('is not waited for without end where nothing is answered any more', async () => {
    const { channel } = await open({}, LOOK_MS);
    await expect(channel.stat('/hangs')).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('answered nothing for ten minutes'),
    });
  });
});

/** The server's end: `say` sends bytes to the client, `next` waits for what the client asks. */
class FakeServer extends Duplex {
  readonly sent: Buffer[] = [];
  readonly #asked: Request[] = [];
  #pending = Buffer.alloc(0);
  #wake: (() => void) | undefined;

  say(...packets: readonly Buffer[]): void {
    for (const each of packets) this.push(each);
  }

  requests(): readonly Request[] {
    return this.#asked;
  }

  /** The oldest request of a type. One at a time may wait. */
  async next(type: number): Promise<Request> {
    for (;;) {
      const at = this.#asked.findIndex((request) => request.type === type);
      const [request] = at < 0 ? [] : this.#asked.splice(at, 1);
      if (request !== undefined) return request;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 4 && this.#pending.length >= 4 + this.#pending.readUInt32BE(0)) {
      const body = this.#pending.subarray(4, 4 + this.#pending.readUInt32BE(0));
      this.#pending = this.#pending.subarray(4 + body.length);
      this.sent.push(body);
      if (body[0] !== 1) this.#asked.push({ type: body[0] ?? 0, id: body.readUInt32BE(1), body: body.subarray(5) });
    }
    this.#wake?.();
    done();
  }

  override _read(): void {}
}

async function open(
  extensions: Readonly<Record<string, string>>,
  lookMs?: number,
): Promise<{ channel: SftpChannel; server: FakeServer }> {
  const server = new FakeServer();
  const opening = openSftpChannel(server, undefined, lookMs);
  server.say(version(extensions));
  return { channel: await opening, server };
}

/** Everything that was begun has had its turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function version(extensions: Readonly<Record<string, string>>): Buffer {
  return packet(REPLY.version, uint32(3), ...Object.entries(extensions).flat().map(text));
}

/** The attributes of a plain file: sizes, kind and mode, times. */
function fileFacts(id: number, { size, mtime, mode }: { size: number; mtime: number; mode: number }): Buffer {
  const facts = [1 | 4 | 8, 0, size, 0o100000 | mode, mtime, mtime];
  return packet(REPLY.attributes, uint32(id), ...facts.map(uint32));
}

function status(id: number, code: number, message = ''): Buffer {
  return packet(REPLY.status, uint32(id), uint32(code), text(message), text(''));
}

function attributes(id: number, size: number): Buffer {
  return packet(REPLY.attributes, uint32(id), uint32(1), uint32(0), uint32(size));
}

function packet(type: number, ...fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.of(type), ...fields]);
  return Buffer.concat([uint32(body.length), body]);
}

function text(value: string): Buffer {
  return Buffer.concat([uint32(Buffer.byteLength(value)), Buffer.from(value)]);
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value >>> 0);
  return buffer;
}

function two(source: string, made: string): ToOpen[] {
  return [
    { path: source, flags: OPEN.read },
    { path: made, flags: OPEN.write },
  ];
}
