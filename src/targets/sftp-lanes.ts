/**
 * SftpLanes: the channels of one connection, and which of them a file takes.
 *
 * A channel carries at most its window in one round trip, so a distant server needs several. What one channel may have
 * on its way is bounded, and whoever finds no room waits for any of them.
 */
import type { SftpChannel } from './sftp-channel.js';

/**
 * From the opening of a file until its content is known to be there. OpenSSH's server reads 16 KiB for each request that
 * it carries out, and each time moves all that it has read and not carried out: with 14 MB of small files waiting, ten
 * thousand of them took 13 s instead of one. Content waits for two round trips, so this is 80 MB/s at 100 ms on 8 channels.
 */
export const LANE_BYTES = 2 * 1024 * 1024;

export interface Lane {
  readonly channel: SftpChannel;
  /** How many bytes of the lane are in use. */
  taken: number;
}

export class SftpLanes {
  readonly first: SftpChannel;
  readonly #lanes: Lane[];
  readonly #waiting: { readonly bytes: number; readonly admit: (lane: Lane) => void }[] = [];

  constructor(first: SftpChannel) {
    this.first = first;
    this.#lanes = [{ channel: first, taken: 0 }];
  }

  add(channel: SftpChannel): void {
    this.#lanes.push({ channel, taken: 0 });
    this.#admit();
  }

  /** The channel with the least to do, for a request that carries no content. */
  idlest(): SftpChannel {
    let idlest = this.first;
    for (const { channel } of this.#lanes) {
      if (!channel.isOver && channel.unansweredRequests < idlest.unansweredRequests) idlest = channel;
    }
    return idlest;
  }

  /** A lane with room for `bytes`, or one that is empty. In the order of the calls. */
  async take(bytes: number): Promise<Lane> {
    const lane = this.#waiting.length === 0 ? this.#laneFor(bytes) : undefined;
    if (lane === undefined) return new Promise((admit) => this.#waiting.push({ bytes, admit }));
    lane.taken += bytes;
    return lane;
  }

  give(lane: Lane, bytes: number): void {
    lane.taken -= bytes;
    this.#admit();
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const lane = this.#laneFor(next.bytes);
      if (lane === undefined) return;
      lane.taken += next.bytes;
      this.#waiting.shift();
      next.admit(lane);
    }
  }

  #laneFor(bytes: number): Lane | undefined {
    let emptiest: Lane | undefined;
    for (const lane of this.#lanes) {
      const isBetter = emptiest === undefined || lane.taken < emptiest.taken;
      if (isBetter && (lane.channel === this.first || !lane.channel.isOver)) emptiest = lane;
    }
    const fits = emptiest !== undefined && (emptiest.taken === 0 || emptiest.taken + bytes <= LANE_BYTES);
    return fits ? emptiest : undefined;
  }
}
