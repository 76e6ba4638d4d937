/** What this package throws when discovery, and not the called service itself, is in the way. */
export class DiscoveryError extends Error {
  readonly code: 'invalid_argument' | 'unavailable' | 'not_found' | 'timeout' | 'closed';
  /** What a person does next. */
  readonly next: string | undefined;

  constructor(code: DiscoveryError['code'], message: string, options: { next?: string; cause?: unknown } = {}) {
    super(options.next === undefined ? message : `${message} ${options.next}`, { cause: options.cause });
    this.name = 'DiscoveryError';
    this.code = code;
    this.next = options.next;
  }
}
