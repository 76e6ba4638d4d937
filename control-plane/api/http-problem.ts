import { OutriggerError } from '../core/errors.ts';

/** What is wrong with a request as HTTP, where HTTP has a status of its own for it. */
export class HttpProblem extends OutriggerError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: keyof typeof CODE_OF_STATUS,
    message: string,
    options: { next?: string; headers?: Record<string, string> } = {},
  ) {
    super(CODE_OF_STATUS[status], message, options.next === undefined ? {} : { next: options.next });
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

const CODE_OF_STATUS = {
  405: 'unsupported',
  408: 'timeout',
  413: 'invalid_argument',
  415: 'invalid_argument',
  421: 'denied',
  431: 'invalid_argument',
} as const;
