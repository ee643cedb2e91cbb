/** A TCP relay on loopback that delivers everything later: what a round trip over a distance is made of. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Relay {
  readonly port: number;
  /** From now on. */
  setDelay(delayMs: number): void;
  /** From now on, in each direction of each connection; undefined for as fast as it goes. */
  setRate(bytesPerSecond: number | undefined): void;
  /** How many it has carried, in both directions together. */
  bytes(): number;
  stop(): Promise<void>;
}

interface Line {
  delayMs: number;
  bytesPerSecond: number | undefined;
  bytes: number;
}

/** `delayMs` is added on each way, so a round trip takes twice as long. It listens on a free port unless one is given. */
export async function startRelay(toPort: number, delayMs: number, host = '127.0.0.1', port = 0): Promise<Relay> {
  const line: Line = { delayMs, bytesPerSecond: undefined, bytes: 0 };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: toPort, noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
    }
    deliverLater(near, far, line);
    deliverLater(far, near, line);
  });
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the relay has no port');
  return {
    port: address.port,
    setDelay: (ms) => void (line.delayMs = ms),
    setRate: (rate) => void (line.bytesPerSecond = rate),
    bytes: () => line.bytes,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** In order, whatever becomes of the delay. */
function deliverLater(from: Socket, to: Socket, line: Line): void {
  let lastAt = 0;
  const later = (act: () => void, bytes: number): void => {
    const now = performance.now();
    const takesMs = line.bytesPerSecond === undefined ? 0 : (bytes / line.bytesPerSecond) * 1000;
    lastAt = Math.max(now + line.delayMs, lastAt) + takesMs;
    setTimeout(act, lastAt - now);
  };
  from.on('data', (data) => {
    line.bytes += data.length;
    later(() => to.write(data), data.length);
  });
  from.on('end', () => later(() => to.end(), 0));
}
