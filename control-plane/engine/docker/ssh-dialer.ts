import type { OutriggerError } from '../../core/errors.ts';
import { DialGate } from './dial-gate.ts';
import type { SshConnection } from './ssh-address.ts';
import { SshSocket } from './ssh-socket.ts';

/**
 * Opens the connections of one engine over ssh. Few at a time, because an sshd drops those that come while ten others
 * are still let in; and after a refusal that only a person can change, none for a while, because machines that are asked
 * once a second with the wrong key shut out who asks.
 */
export class SshDialer {
  readonly #connection: SshConnection;
  readonly #waiting: SshSocket[] = [];
  /** Those that begin, with what gives their place at the gate back. */
  readonly #opening = new Map<SshSocket, () => void>();
  readonly #gate: DialGate;
  #lastAttempt: 'none' | 'came_through' | 'failed' = 'none';
  #refusal: { error: OutriggerError; until: number; holdMs: number } | null = null;

  /** @param gate shared by the dialers of all engines */
  constructor(connection: SshConnection, gate: DialGate = new DialGate()) {
    this.#connection = connection;
    this.#gate = gate;
  }

  dial(): SshSocket {
    const socket: SshSocket = new SshSocket(this.#connection, () => this.#cameThrough(socket));
    if (this.#refusal && performance.now() < this.#refusal.until) return socket.destroy(this.#refusal.error);
    socket.once('error', error => this.#opening.has(socket) && this.#failed(error));
    socket.once('close', () => this.#settled(socket));
    this.#waiting.push(socket);
    this.#openNext();
    return socket;
  }

  #openNext(): void {
    // The first one finds out alone whether we are let in.
    while (this.#opening.size < (this.#lastAttempt === 'came_through' ? MOST_OPENING : 1)) {
      const socket = this.#waiting.shift();
      if (!socket) return;
      if (socket.destroyed) continue;
      this.#open(socket);
    }
  }

  #open(socket: SshSocket): void {
    this.#opening.set(socket, () => {});
    const leave = this.#gate.enter(this.#lastAttempt === 'failed' ? 'failing' : 'hopeful', () => {
      // A call may take long to be answered; by then ssh itself has long come through.
      setTimeout(() => this.#settled(socket), LONGEST_OPENING_MS).unref();
      socket.open();
    });
    if (this.#opening.has(socket)) this.#opening.set(socket, leave);
    else leave();
  }

  #cameThrough(socket: SshSocket): void {
    this.#lastAttempt = 'came_through';
    this.#refusal = null;
    this.#settled(socket);
  }

  #failed(error: Error): void {
    this.#lastAttempt = 'failed';
    const { retryable } = error as OutriggerError;
    if (retryable !== false) return;
    const holdMs = Math.min((this.#refusal?.holdMs ?? FIRST_HOLD_MS / 2) * 2, LONGEST_HOLD_MS);
    this.#refusal = { error: error as OutriggerError, until: performance.now() + holdMs, holdMs };
    for (const socket of this.#waiting.splice(0)) socket.destroy(error);
  }

  #settled(socket: SshSocket): void {
    this.#opening.get(socket)?.();
    this.#opening.delete(socket);
    this.#openNext();
  }
}

const MOST_OPENING = 4;
const LONGEST_OPENING_MS = 5_000;
const FIRST_HOLD_MS = 5_000;
const LONGEST_HOLD_MS = 60_000;
