/** A target in whose requests a test can meddle, and a gate to hold one of them up. */
import type { Target } from '../../src/targets/target.js';

/** Is told of each request but `close`. */
export type Hook = (kind: string, args: readonly unknown[]) => Promise<void> | void;

/** `before` a request is carried out, and `after` that, before it is answered. */
export function hooked(inner: Target, before: Hook, after: Hook = () => undefined): Target {
  return new Proxy(inner, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (key === 'close') return value.bind(target) as unknown;
      if (key !== 'list' && key !== 'read')
        return async (...args: unknown[]): Promise<unknown> => {
          await before(String(key), args);
          try {
            return (await value.apply(target, args)) as unknown;
          } finally {
            await after(String(key), args);
          }
        };
      return async function* (...args: unknown[]): AsyncIterable<unknown> {
        await before(key, args);
        const found: unknown[] = [];
        for await (const each of value.apply(target, args) as AsyncIterable<unknown>) found.push(each);
        await after(key, args);
        yield* found;
      };
    },
  });
}

export interface Gate {
  readonly open: () => void;
  readonly opened: Promise<void>;
}

export function makeGate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}
