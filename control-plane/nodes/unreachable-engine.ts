import type { OutriggerError } from '../core/errors.ts';
import type { Engine } from '../ports.ts';

/** Stands for an engine that could not even be addressed: every call rejects with what is wrong with its entry. */
export function unreachableEngine(node: string, error: OutriggerError): Engine {
  const reject = () => Promise.reject(error);
  return {
    node,
    observe: reject,
    pull: reject,
    create: reject,
    start: reject,
    stop: reject,
    remove: reject,
    cleanNamespace: reject,
    removeNetworks: reject,
    imageId: reject,
    subnetTroubles: reject,
    checkDevices: reject,
    measure: reject,
    // biome-ignore lint/correctness/useYield: there is nothing to yield
    async *logs() {
      throw error;
    },
    watch: (_wake, signal) =>
      new Promise(resolve => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      }),
  };
}
