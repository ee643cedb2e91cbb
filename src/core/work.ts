/**
 * Work: a computation over very many elements that can stop between any of them and go on later. The core says where; whoever carries
 * it out says when, so that an event loop that others wait for gets its turn.
 */
export type Work<T> = Generator<void, T, void>;

const STRIDE = 256; // elements, in some tens of microseconds: to stop at each of them would cost more than most of them do

/** Whether a work may stop behind the element at this position. */
export function isStop(position: number): boolean {
  return position % STRIDE === STRIDE - 1;
}

/** Carries it out without a stop. */
export function atOnce<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
