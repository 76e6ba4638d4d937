import { randomInt } from 'node:crypto';
import type { Ids } from './ports.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** 36^8 ids: with 10,000 replicas alive the next one collides once in 280 million times. */
const LENGTH = 8;

/** Ids from the operating system's random source; not guessable, and equal ones on two machines do not happen. */
export const randomIds: Ids = { replicaId: () => randomWord(LENGTH) };

/** Lower-case letters and digits, each equally likely. */
export function randomWord(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
