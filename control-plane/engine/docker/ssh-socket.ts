import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { describeSsh, type SshConnection, sshLogin } from './ssh-address.ts';
import { sshArguments } from './ssh-command.ts';
import { sshFailure, sshMissing } from './ssh-failure.ts';

/**
 * One connection to an engine over `ssh`, as an HTTP agent takes it. Nothing runs before open(); what is written until
 * then is kept. It fails with an OutriggerError where ssh ended before the engine said anything, and as a connection that
 * was reset where it ended later.
 */
export class SshSocket extends Duplex {
  readonly #connection: SshConnection;
  readonly #onEstablished: () => void;
  #child: ChildProcessWithoutNullStreams | null = null;
  #unsent: { chunk: Buffer; done: (error?: Error | null) => void } | null = null;
  #established = false;
  #stderr = '';
  #referenced = true;

  /** @param onEstablished the engine's first byte came, so that ssh, the far shell and docker let us through */
  constructor(connection: SshConnection, onEstablished: () => void) {
    super({ allowHalfOpen: false });
    this.#connection = connection;
    this.#onEstablished = onEstablished;
  }

  /** Starts ssh. */
  open(): void {
    if (this.destroyed || this.#child) return;
    const child = this.#spawn();
    if (!child) return;
    this.#child = child;
    child.on('error', error => {
      if (child.pid === undefined) this.destroy(sshMissing(describeSsh(this.#connection), error));
    });
    child.stdin.on('error', () => {});
    child.stdout.on('error', () => {});
    child.stderr.on('error', () => {});
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-MOST_STDERR_CHARACTERS);
    });
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.#established) this.#onEstablished();
      this.#established = true;
      if (!this.push(chunk)) child.stdout.pause();
    });
    this.#watchEnd(child);
    if (!this.#referenced) this.#setReferenced(false);
    const unsent = this.#unsent;
    this.#unsent = null;
    if (unsent) child.stdin.write(unsent.chunk, unsent.done);
    if (this.writableEnded) child.stdin.end();
  }

  /** Some of what can go wrong is thrown (a NUL in an argument, no memory), the rest comes as an event. */
  #spawn(): ChildProcessWithoutNullStreams | null {
    try {
      return spawn('ssh', sshArguments(this.#connection), {
        stdio: 'pipe',
        // Away from the terminal: Ctrl-C is for the control plane, which has yet to end in order, and ssh has nobody to ask.
        detached: true,
        env: this.#connection.environment ?? process.env,
      });
    } catch (error) {
      this.destroy(sshMissing(describeSsh(this.#connection), error as Error));
      return null;
    }
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#child) this.#child.stdin.write(chunk, error => done(this.destroyed ? null : unlessClosed(error)));
    else this.#unsent = { chunk, done };
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child?.stdin.end();
    done();
  }

  override _read(): void {
    this.#child?.stdout.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      force.unref();
      child.once('exit', () => clearTimeout(force));
    }
    for (const stream of [child?.stdin, child?.stdout, child?.stderr]) stream?.destroy();
    done(error);
  }

  // ---- what an HTTP agent asks of a socket besides

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  /** Every call has a deadline of its own. */
  setTimeout(): this {
    return this;
  }

  ref(): this {
    this.#setReferenced(true);
    return this;
  }

  /** An idle connection keeps no process alive. */
  unref(): this {
    this.#setReferenced(false);
    return this;
  }

  #setReferenced(referenced: boolean): void {
    this.#referenced = referenced;
    if (!this.#child) return;
    for (const handle of [this.#child, this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      const { ref, unref } = handle as { ref?: () => void; unref?: () => void };
      (referenced ? ref : unref)?.call(handle);
    }
  }

  /** ssh is done once its output is read and it exited; what else holds its stderr open is not waited for. */
  #watchEnd(child: ChildProcessWithoutNullStreams): void {
    const left = new Set(['output', 'exit', 'words']);
    const done = (what: string) => {
      left.delete(what);
      if (left.size === 0) this.#ended(child);
    };
    child.once('exit', () => done('exit'));
    child.stderr.once('close', () => done('words'));
    child.stdout.once('close', () => {
      done('output');
      if (left.size > 0) setTimeout(() => this.#ended(child), LAST_WORDS_MS).unref();
    });
  }

  #ended(child: ChildProcessWithoutNullStreams): void {
    if (this.destroyed || this.readableEnded) return;
    const { exitCode, signalCode } = child;
    if (this.#established && (exitCode ?? signalCode ?? 0) === 0) {
      this.push(null);
      return;
    }
    const failure = sshFailure({
      address: describeSsh(this.#connection),
      host: this.#connection.host,
      login: sshLogin(this.#connection),
      exitCode,
      signal: signalCode,
      stderr: this.#stderr,
    });
    if (!this.#established) this.destroy(failure);
    else this.destroy(Object.assign(new Error(failure.message), { code: 'ECONNRESET' }));
  }
}

/** The end of ssh says more than that its stdin is closed. */
function unlessClosed(error: Error | null | undefined): Error | null {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return !error || code === 'EPIPE' || code === 'ERR_STREAM_DESTROYED' ? null : error;
}

const MOST_STDERR_CHARACTERS = 4_096;
const KILL_AFTER_MS = 2_000;
const LAST_WORDS_MS = 250;
