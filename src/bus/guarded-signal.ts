import type { OperationOptionsBase } from '@azure/service-bus';

type AbortSignalLike = NonNullable<OperationOptionsBase['abortSignal']>;
type Listener = Parameters<AbortSignalLike['addEventListener']>[1];

/**
 * A signal for the SDK (7.9.5, pinned), whose listeners may throw: a request on a link that is gone reads the link's address
 * (requestResponseLink, rejectOnAbort). Out of a listener of Node's own signal that would end the process.
 */
export const guarded = (signal: AbortSignal): AbortSignalLike => {
  const guards = new Map<Listener, () => void>();
  return {
    get aborted() {
      return signal.aborted;
    },
    addEventListener: (type, listener) => {
      const guard = (): void => {
        try {
          Reflect.apply(listener, signal, [{ type }]);
        } catch {
          // Whoever waited for it has an end of their own.
        }
      };
      guards.set(listener, guard);
      signal.addEventListener(type, guard);
    },
    removeEventListener: (type, listener) => {
      const guard = guards.get(listener);
      if (guard !== undefined) signal.removeEventListener(type, guard);
      guards.delete(listener);
    },
  };
};
