/** What this package throws when discovery, and not the called service itself, is in the way. */
export class DiscoveryError extends Error {
  readonly code: 'invalid_argument' | 'unavailable' | 'not_found' | 'timeout' | 'closed';
  /** The message without what to do next. */
  readonly problem: string;
  /** What a person does next. */
  readonly next: string | undefined;

  constructor(code: DiscoveryError['code'], problem: string, options: { next?: string; cause?: unknown } = {}) {
    super(options.next === undefined ? problem : `${problem} ${options.next}`, { cause: options.cause });
    this.name = 'DiscoveryError';
    this.code = code;
    this.problem = problem;
    this.next = options.next;
  }
}
