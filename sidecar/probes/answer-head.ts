/**
 * Finds the status of the final answer in what comes from a server, a piece at a time (RFC 9112, 4 and RFC 9110, 15.2). Looks
 * at everything once and keeps only what may belong to what comes next: a server may send byte by byte.
 */
export class AnswerHead {
  /** Of the answer whose headers are being read; null: its status line is still to come. */
  #status: number | null = null;
  /** What came and is not understood yet, in latin1. */
  #rest = '';

  get keptBytes(): number {
    return this.#rest.length;
  }

  /** The status, once the headers of the final answer are there. To be called until that, or until it is no HTTP/1. */
  read(received: string): number | 'incomplete' | 'not_http' {
    let lookedAt = this.#rest.length;
    this.#rest += received;
    for (;;) {
      if (this.#status === null) {
        const end = this.#rest.indexOf('\n', lookedAt);
        if (end === -1) return mayBegin(this.#rest) ? 'incomplete' : 'not_http';
        const line = end < LINE_BYTES ? STATUS_LINE.exec(this.#rest.slice(0, end + 1)) : null;
        if (!line) return 'not_http';
        this.#status = Number(line[1]);
        // An answer without headers has its empty line right here.
        this.#rest = this.#rest.slice(end);
      }
      // A server that stalls after its status line answers nobody.
      const end = /\n\r?\n/.exec(this.#rest);
      if (!end) {
        this.#rest = this.#rest.slice(-2);
        return 'incomplete';
      }
      // 101 is final: the connection goes over to another protocol, which nobody asked for.
      if (this.#status >= 200 || this.#status === 101) return this.#status;
      this.#status = null;
      this.#rest = this.#rest.slice(end.index + end[0].length);
      lookedAt = 0;
    }
  }
}

/** Whether a status line may begin so. */
function mayBegin(text: string): boolean {
  return text.length < LINE_BYTES && PREFIX.startsWith(text.slice(0, PREFIX.length));
}

const PREFIX = 'HTTP/1.';
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: [^\r\n]*)?\r?\n$/;
const LINE_BYTES = 4_096;
