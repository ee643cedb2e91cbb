/**
 * atMostEvery: makes many calls into few, so that what follows a fast change costs no more than what follows a slow one.
 */

export interface Paced {
  /** At once, or when the time is over since the last one. */
  (): void;
  /** Nothing is called any more. */
  readonly cancel: () => void;
}

/** `act` is called after the first call, at most once in `ms`, and always once more after the last call. */
export function atMostEvery(ms: number, act: () => void): Paced {
  let timer: NodeJS.Timeout | undefined;
  let isWanted = false;
  const call = (): void => {
    if (timer !== undefined) {
      isWanted = true;
      return;
    }
    isWanted = false;
    timer = setTimeout(() => {
      timer = undefined;
      if (isWanted) call();
    }, ms);
    timer.unref();
    act();
  };
  const cancel = (): void => {
    clearTimeout(timer);
    timer = undefined;
    act = () => {};
  };
  return Object.assign(call, { cancel });
}
