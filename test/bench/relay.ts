/** A TCP relay on loopback that delivers everything later: what a round trip over a distance is made of. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** From now on. */
  setDelay(delayMs: number): void;
  /** From now on, for all connections together, in each direction; undefined for as fast as it goes. */
  setRate(bytesPerSecond: number | undefined): void;
  /** Takes so many connections in all, and hangs up on any more. */
  takeAtMost(connections: number): void;
  /** Breaks off the connection that came as the `number`th, from 1. */
  breakOff(number: number): void;
  /** How many it has carried, in both directions together. */
  bytes(): number;
  stop(): Promise<void>;
}

/** How much a line with a rate takes before it is free for it, as the buffer of a router does. */
const BUFFER_MS = 100;

interface Line {
  delayMs: number;
  bytesPerSecond: number | undefined;
  bytes: number;
}

/** One direction: when what was given to it last will have left. */
interface Way {
  readonly line: Line;
  freeAt: number;
}

/** `delayMs` is added on each way, so a round trip takes twice as long. It listens on a free port unless one is given. */
export async function startRelay(toPort: number, delayMs: number, host = '127.0.0.1', port = 0): Promise<Relay> {
  const line: Line = { delayMs, bytesPerSecond: undefined, bytes: 0 };
  const [there, back]: [Way, Way] = [
    { line, freeAt: 0 },
    { line, freeAt: 0 },
  ];
  const sockets = new Set<Socket>();
  const taken: Socket[][] = [];
  let most = Number.POSITIVE_INFINITY;
  const server = createServer({ noDelay: true }, (near) => {
    if (taken.length === most) return void near.destroy();
    const far = connect({ host: '127.0.0.1', port: toPort, noDelay: true });
    taken.push([near, far]);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    }
    deliverLater(near, far, there);
    deliverLater(far, near, back);
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the relay has no port');
  return {
    port: address.port,
    setDelay: (ms) => void (line.delayMs = ms),
    setRate: (rate) => void (line.bytesPerSecond = rate),
    takeAtMost: (connections) => void (most = connections),
    breakOff: (number) => taken[number - 1]?.forEach((socket) => void socket.destroy()),
    bytes: () => line.bytes,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** In order, whatever becomes of the delay. */
function deliverLater(from: Socket, to: Socket, way: Way): void {
  const { line } = way;
  const waiting: { readonly at: number; readonly act: () => void }[] = [];
  let lastAt = 0;
  const deliver = (): void => {
    for (let next = waiting[0]; next !== undefined && next.at <= performance.now(); next = waiting[0]) {
      waiting.shift();
      next.act();
    }
    const [next] = waiting;
    if (next !== undefined) setTimeout(deliver, Math.ceil(next.at - performance.now()));
  };
  const later = (act: () => void, bytes: number): void => {
    const takesMs = line.bytesPerSecond === undefined ? 0 : (bytes / line.bytesPerSecond) * 1000;
    way.freeAt = Math.max(way.freeAt, performance.now()) + takesMs;
    lastAt = Math.max(way.freeAt + line.delayMs, lastAt);
    waiting.push({ at: lastAt, act });
    if (waiting.length === 1) setTimeout(deliver, Math.ceil(lastAt - performance.now()));
  };
  from.on('data', (data) => {
    line.bytes += data.length;
    later(() => to.write(data), data.length);
    const bufferedMs = way.freeAt - performance.now();
    if (bufferedMs <= BUFFER_MS) return;
    from.pause();
    setTimeout(() => from.resume(), bufferedMs - BUFFER_MS);
  });
  from.on('end', () => later(() => to.end(), 0));
}
